"""What generators learn on instead of pixels: latents of the embedded `vae`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import vae
from styleplug.nets.generator import Generator
from styleplug.training.losses.adversary import Critic
from styleplug.training.tasks.shared.embedded import load_embedded

EVEN = 0.75  # the canvas's channels deviate by this power of how much they show
CHUNK = 64  # pictures encoded at once


class Latents:
    """Latents (b c h/4 w/4), their channels nearly as strong as they show.

    Args:
        net: whose `mean` and `scale` are set.
        pictures: that the statistics are taken of (n 3 h w).
    """

    def __init__(self, net: Generator, pictures: Tensor):
        self.vae = vae.build().eval().requires_grad_(False)
        load_embedded(self.vae, "vae")
        self.vae.to(pictures.device, memory_format=torch.channels_last)
        self.mean, self.scale = torch.zeros_like(net.mean), torch.ones_like(net.scale)
        latents = self.read(pictures)
        deviation = latents.std((0, 2, 3))
        shown = self._shown(latents[: 4 * CHUNK])
        shown = (shown / shown.max()).clamp_min(1e-3)
        net.mean.copy_(latents.mean((0, 2, 3))[:, None, None])
        net.scale.copy_((deviation / shown**EVEN)[:, None, None])
        self.mean, self.scale = net.mean, net.scale
        self.seen = (shown ** (1 - EVEN))[:, None, None]

    @torch.no_grad()
    def _shown(self, latents: Tensor) -> Tensor:
        """How much pictures change, for each channel, where it is another picture's (c)."""
        pictures, found = self.picture(latents), []
        for channel in range(latents.shape[1]):
            others = latents.clone()
            others[:, channel] = latents[:, channel].roll(1, 0)
            found.append((self.picture(others) - pictures).square().mean().sqrt())
        return torch.stack(found)

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """(b 3 h w) to (b c h/4 w/4): the mean of the latent."""
        found = torch.cat([self.vae.encoder(part)[0] for part in pictures.split(CHUNK)])
        return (found - self.mean) / self.scale

    def picture(self, painted: Tensor) -> Tensor:
        """(b c h/4 w/4), not scaled, to (b 3 h w)."""
        return torch.cat([self.vae.decoder(part).clamp(0, 1) for part in painted.split(CHUNK)])

    def show(self, canvas: Tensor) -> Tensor:
        """(b c h/4 w/4), scaled, to (b 3 h w); not cut off, so that gradients are not, either."""
        return self.vae.decoder(canvas * self.scale + self.mean)

    def strayed(self, made: Tensor, real: Tensor, sketch: Tensor, near: float) -> Tensor:
        """How far () the first of what is made are from real canvases, and all from sketches.

        Each number as far as it shows, times `near`; means of 2×2; and means of 4×4, which the
        painter must leave as they are in the sketch.
        """
        apart = (made[: len(real)] - real) * self.seen
        drift = (made - sketch) * self.seen
        coarse, coarsest = F.avg_pool2d(apart, 2), F.avg_pool2d(drift, 4)
        return near * apart.abs().mean() + coarse.abs().mean() + coarsest.abs().mean()


class SketchCritic(nn.Module):
    """Judges styles by the sketches that they give, at half the canvas's sides.

    Convolutions see at once when parts do not fit together, and dense layers hardly.

    Args:
        net: whose sketches they are.
        styles: of real pictures (n s); the channels of their sketches are made equally strong.
        classes: how many pictures belong to; 0: none are told.
    """

    def __init__(self, net: Generator, styles: Tensor, *, classes: int = 0):
        super().__init__()
        basis, plain = (F.avg_pool2d(part, 2) for part in (net.basis, net.plain))
        shown = plain + torch.tensordot(styles, basis, 1)
        mean, deviation = shown.mean((0, 2, 3)), shown.std((0, 2, 3)) + 1e-3
        self.register_buffer("basis", basis / deviation[:, None, None])
        self.register_buffer("plain", (plain - mean[:, None, None]) / deviation[:, None, None])
        channels, side = plain.shape[1:3]
        self.critic = Critic(side, channels=48, most=96, before=channels, classes=classes)

    def forward(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (b 1) of styles (b s)."""
        return self.critic(self.plain + torch.tensordot(styles, self.basis, 1), labels)
