"""Train `autoencoder`: four decoders that turn features back into pictures.

The encoder is the embedded perceptual one and stays as it is; only decoders learn.  They learn
to give pictures back (mean squared error, and the error of features), and to obey: features that
were given another picture's statistics, from the coarsest level to the finest as in use, must be
found again in the picture painted of them.  Without the second a decoder answers features that it
has never seen with mud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from styleplug.algorithms import feature_statistics as transforms
from styleplug.core.params import Params, field
from styleplug.nets import autoencoder
from styleplug.store import weights_folder
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import halved
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.tasks.shared.fields import batch, crop

TRANSFORMS = (transforms.whitening, transforms.transport, transforms.adain)
HELD = 8
STARTING = 160  # pictures that the linear maps are found with


class AutoencoderTraining(Params):
    """What decides a run."""

    size: int = crop(128)
    batch: int = batch(3)
    perceptual: float = field(
        0.02,
        label="Features",
        help="How much the error of features counts against that of pixels.",
        ge=0,
        le=1,
    )
    obedience: float = field(
        0.02,
        label="Obedience",
        help="How much counts that features given another picture's statistics are painted.",
        ge=0,
        le=1,
    )


class AutoencoderLesson(Lesson):
    """Crops, given back by every level, and given each other's statistics."""

    def __init__(
        self, materials: Materials, params: AutoencoderTraining, device: torch.device, seed: int
    ):
        self.materials, self.params, self.device = materials, params, device
        net = autoencoder.build()
        known = load_file(weights_folder() / "styleplug_encoder.safetensors")
        net.features.load_state_dict(
            {k.removeprefix("features."): v.float() for k, v in known.items() if "features." in k}
        )
        net.features.requires_grad_(False)
        self.net = net.to(device, memory_format=torch.channels_last)
        self.held = materials.held_pictures.batch(HELD, 256, seed, 2)
        self._start(materials.pictures.batch(STARTING, params.size, seed, 1))

    @torch.no_grad()
    def _start(self, pictures: Tensor) -> None:
        """Begin with the best linear decoders: training is left what is not linear."""
        parts = [self.net.encode(some, self.net.levels) for some in self._given(pictures).split(8)]
        for decoder, features in zip(self.net.decoders, zip(*parts, strict=True), strict=True):
            count = min(STARTING, 24 * decoder.stride)  # pictures: a position is stride² pixels
            decoder.start_linear(torch.cat(features)[:count], self._given(pictures)[:count])
            decoder.linear.requires_grad_(False)  # its steps would be too large for what it knows

    def _given(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, memory_format=torch.channels_last)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Give pictures back, and give a third of them the statistics of another third."""
        crops = [
            self.materials.pictures.crop(self.params.size, rng) for _ in range(self.params.batch)
        ]
        pictures = self._given(torch.stack(crops))
        with torch.no_grad(), halved(self.device):
            encoded = self.net.encode(pictures, self.net.levels)
        pixels, perceived = [], []
        for level, features in enumerate(encoded, 1):
            back = self._decode(features, level)
            pixels.append(squared_error(back, pictures, border=2**level).mean())
            perceived.append(relative(self._encode(back, level), features))
        few = max(1, len(pictures) // 3)
        wanted = [features[few : 2 * few] for features in encoded]
        obeyed = list(self._obey(pictures[:few], wanted, rng))
        params = self.params
        yield Loss(
            {
                "pixels": torch.stack(pixels).sum(),
                "features": params.perceptual * torch.stack(perceived).sum(),
                "obedience": params.obedience * torch.stack(obeyed).sum(),
            }
        )

    def _decode(self, features: Tensor, level: int) -> Tensor:
        with halved(self.device):
            picture = self.net.decode(features, level)
        return picture.float().contiguous(memory_format=torch.channels_last)

    def _encode(self, picture: Tensor, level: int) -> Tensor:
        with halved(self.device):
            return self.net.encode(picture, level)[-1].float()

    def _obey(
        self, pictures: Tensor, wanted: list[Tensor], rng: np.random.Generator
    ) -> Iterator[Tensor]:
        """From coarse to fine: the relative error of features that were changed and painted."""
        transform = TRANSFORMS[rng.integers(len(TRANSFORMS))]
        for level in range(self.net.levels, 0, -1):
            with torch.no_grad():
                found = self._encode(pictures, level)
                changed = restyle(found, wanted[level - 1], transform, rng.uniform(0, 1.2))
            painted = self._decode(changed, level)
            # Features come from a ReLU: what is asked for below zero can only become zero.
            yield relative(self._encode(painted, level), changed.clamp_min(0))
            pictures = painted.detach().clamp(0, 1)

    def score(self, net: nn.Module) -> dict[str, float]:
        """Error of pixels summed over levels, and each level's PSNR, of held-out pictures."""
        given = self._given(self.held)
        encoded = net.encode(given, net.levels)
        errors = [
            squared_error(net.decode(features, level).clamp(0, 1), given, border=32)
            for level, features in enumerate(encoded, 1)
        ]
        decibels = {
            f"psnr_{level}": float(-10 * error.log10().mean())
            for level, error in enumerate(errors, 1)
        }
        return {"loss": float(torch.stack(errors).mean(1).sum()), **decibels}

    def sample(self, net: nn.Module) -> np.ndarray:
        """Pictures, what each level gives back, and each in the colours and forms of the next."""
        given = self._given(self.held)
        rows = [given]
        for level, features in enumerate(net.encode(given, net.levels), 1):
            rows.append(net.decode(features, level))
        painted = given
        for level in range(net.levels, 0, -1):
            found, wanted = (net.encode(p, level)[-1] for p in (painted, given.roll(1, 0)))
            changed = restyle(found, wanted, transforms.whitening, 0.8)
            painted = net.decode(changed, level).clamp(0, 1)
        rows.append(painted)
        return sheet(*rows)


def squared_error(found: Tensor, wanted: Tensor, border: int) -> Tensor:
    """Mean squared error (b) of pictures (b 3 h w), less a border: nets are used with a margin."""
    inner = slice(border, -border)
    return (found - wanted).square()[:, :, inner, inner].mean((1, 2, 3))


def relative(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared error () relative to the size of what is wanted."""
    wanted = wanted.float()
    return (found - wanted).square().mean() / (wanted.square().mean() + 1e-6)


def restyle(
    found: Tensor, wanted: Tensor, transform: Callable[..., transforms.Affine], strength: float
) -> Tensor:
    """Features (b c h w) with the statistics of others (b c h w), picture by picture."""
    changed = []
    for one, other in zip(found.float().cpu().numpy(), wanted.float().cpu().numpy(), strict=True):
        pair = (transforms.moments(one), transforms.moments(other))
        changed.append(transform(*pair).at(strength)(one[None]))
    return torch.from_numpy(np.concatenate(changed)).to(found.device)


TASK = Task(
    id="autoencoder",
    title="Encode and decode",
    summary="Learns to turn the features of photographs and paintings back into pictures.",
    params=AutoencoderTraining,
    lesson=AutoencoderLesson,
)
