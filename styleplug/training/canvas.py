"""What generators learn on instead of pixels: latents of the embedded `vae`, or cosine waves.

`read` makes canvases (b …) of pictures (b 3 h w), and `picture` pictures of what a generator's
`paint` gives.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from styleplug.nets import vae
from styleplug.nets.dcgan import Dcgan
from styleplug.nets.gan import Gan
from styleplug.store import weights_folder
from styleplug.training.adversary import Critic

EVEN = 0.75  # the canvas's channels deviate by this power of how much they show
CHUNK = 64  # pictures encoded at once


def canvas_of(net: Gan | Dcgan, pictures: Tensor) -> Latents | Waves:
    """The canvas of a net, which is told what it must know of the pictures (n 3 h w)."""
    return Latents(net, pictures) if isinstance(net, Dcgan) else Waves(net)


class Latents:
    """Latents (b c h/4 w/4), their channels nearly as strong as they show.

    Args:
        net: whose `mean` and `scale` are set.
        pictures: that the statistics are taken of (n 3 h w).
    """

    def __init__(self, net: Dcgan, pictures: Tensor):
        self.vae = vae.build().eval().requires_grad_(False)
        state = load_file(weights_folder() / "vae.safetensors")
        self.vae.load_state_dict({key: value.float() for key, value in state.items()})
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

    def strayed(self, made: Tensor, real: Tensor, sketch: Tensor, near: float) -> Tensor:
        """How far () the first of what is made are from real canvases, and all from sketches.

        Each number as far as it shows, times `near`; means of 2×2; and means of 4×4, which the
        painter must leave as they are in the sketch.
        """
        apart = (made[: len(real)] - real) * self.seen
        drift = (made - sketch) * self.seen
        coarse, coarsest = F.avg_pool2d(apart, 2), F.avg_pool2d(drift, 4)
        return near * apart.abs().mean() + coarse.abs().mean() + coarsest.abs().mean()

    def critic(self) -> nn.Module:
        """Convolutions."""
        return Both(2 * vae.CHANNELS)


class Both(nn.Module):
    """Two critics whose words count the same: of the whole, and of patches.

    Args:
        channels: of what is judged, at 16×16 positions.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.whole = Critic(16, channels=64, most=192, before=channels)
        self.patches = Critic(16, channels=64, before=channels, patches=True)

    def forward(self, canvas: Tensor) -> Tensor:
        """Logits (b 2n): one of the whole, as often as there are n patches, and theirs."""
        patches = self.patches(canvas)
        return torch.cat((self.whole(canvas).expand_as(patches), patches), dim=1)


class Waves:
    """Weights of cosine waves (b w).

    Args:
        net: that makes pictures of them.
    """

    def __init__(self, net: Gan):
        self.waves = net.waves

    def read(self, pictures: Tensor) -> Tensor:
        """(b 3 h w) to (b w)."""
        return self.waves.read(pictures)

    def picture(self, painted: Tensor) -> Tensor:
        """They are pictures already."""
        return painted
