"""The space that generators learn in instead of pixels: latents of the embedded `vae`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import vae
from styleplug.nets.gan import Generator
from styleplug.training.losses.adversarial import Discriminator
from styleplug.training.tasks.shared.embedded import load_embedded

EQUALISE = 0.75  # exponent: the deviation of a channel is its visibility to this power
CHUNK = 64  # pictures encoded at once


class LatentSpace:
    """Latents (b c h/4 w/4), scaled so that a channel is about as strong as it is visible.

    Args:
        net: a generator; its `mean` and `scale` are set.
        pictures: (n 3 h w); the statistics are computed from them.
    """

    def __init__(self, net: Generator, pictures: Tensor):
        self.vae = vae.build().eval().requires_grad_(False)
        load_embedded(self.vae, "vae")
        self.vae.to(pictures.device).to(memory_format=torch.channels_last)
        self.mean, self.scale = torch.zeros_like(net.mean), torch.ones_like(net.scale)
        latents = self.encode(pictures)
        deviation = latents.std((0, 2, 3))
        visible = self._visibility(latents[: 4 * CHUNK])
        visible = (visible / visible.max()).clamp_min(1e-3)
        net.mean.copy_(latents.mean((0, 2, 3))[:, None, None])
        net.scale.copy_((deviation / visible**EQUALISE)[:, None, None])
        self.mean, self.scale = net.mean, net.scale
        self.weight = (visible ** (1 - EQUALISE))[:, None, None]

    @torch.no_grad()
    def _visibility(self, latents: Tensor) -> Tensor:
        """Visibility of each channel (c).

        It is the change of a picture when the channel is replaced by that of another picture.
        """
        pictures, changes = self.decode(latents), []
        for channel in range(latents.shape[1]):
            changed = latents.clone()
            changed[:, channel] = latents[:, channel].roll(1, 0)
            changes.append((self.decode(changed) - pictures).square().mean().sqrt())
        return torch.stack(changes)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures (b 3 h w) to scaled latents (b c h/4 w/4), the means of the encoder."""
        latents = torch.cat([self.vae.encoder(part)[0] for part in torch.split(pictures, CHUNK)])
        return (latents - self.mean) / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (b c h/4 w/4), not scaled, to pictures (b 3 h w)."""
        return torch.cat(
            [self.vae.decoder(part).clamp(0, 1) for part in torch.split(latents, CHUNK)]
        )

    def decode_scaled(self, latents: Tensor) -> Tensor:
        """Scaled latents (b c h/4 w/4) to pictures (b 3 h w).

        They are not clamped, so that gradients pass.
        """
        return self.vae.decoder(latents * self.scale + self.mean)

    def reconstruction_loss(
        self, made: Tensor, real: Tensor, layout: Tensor, pixel_weight: float
    ) -> Tensor:
        """Distance () of generated latents to real ones, and to their low-frequency layout.

        The first elements of `made` belong to `real`: each number counts as much as it is visible,
        times `pixel_weight`; so do means of 2×2 positions.  Means of 4×4 positions must stay as in
        the layout.
        """
        error = (made[: len(real)] - real) * self.weight
        drift = (made - layout) * self.weight
        coarse, coarsest = F.avg_pool2d(error, 2), F.avg_pool2d(drift, 4)
        return pixel_weight * error.abs().mean() + coarse.abs().mean() + coarsest.abs().mean()


class LayoutDiscriminator(nn.Module):
    """A discriminator of styles: it sees their low-frequency layouts, at half the sides.

    Convolutions quickly see when the parts of a layout do not fit together; dense layers do not.

    Args:
        net: the generator that makes the layouts.
        styles: of real pictures (n s); they decide the scale of the channels.
    """

    basis: Tensor
    plain: Tensor

    def __init__(self, net: Generator, styles: Tensor):
        super().__init__()
        basis, plain = (F.avg_pool2d(part, 2) for part in (net.basis, net.plain))
        visible = plain + torch.tensordot(styles, basis, 1)
        mean, deviation = visible.mean((0, 2, 3)), visible.std((0, 2, 3)) + 1e-3
        self.register_buffer("basis", basis / deviation[:, None, None])
        self.register_buffer("plain", (plain - mean[:, None, None]) / deviation[:, None, None])
        channels, side = plain.shape[1:3]
        self.critic = Discriminator(side, channels=48, max_channels=96, in_channels=channels)

    def forward(self, styles: Tensor) -> Tensor:
        """Logits (b 1) of styles (b s)."""
        return self.critic(self.plain + torch.tensordot(styles, self.basis, 1))
