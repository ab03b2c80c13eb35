"""Train `autoencoder`: four decoders that turn features back into pictures.

The encoder is the embedded perceptual one and stays fixed.  The decoders learn two things.  They
reconstruct pictures (mean squared error, and the error of features).  And they decode changed
features ("obedience"): features get the statistics of another picture, from the coarsest level to
the finest as in use, and the decoded picture must have these features.  Without this, a decoder
gives blurred, grey pictures for features that are not those of a real picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from styleplug.algorithms import feature_statistics as transforms
from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import autoencoder
from styleplug.store import weights_folder
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.tasks.shared.fields import batch, crop

TRANSFORMS = (transforms.whitening, transforms.transport, transforms.adain)
HELD = 8
START_PICTURES = 160  # pictures for the linear maps


class AutoencoderParams(Params):
    """Parameters of the task."""

    size: int = crop(128)
    batch: int = batch(3)
    perceptual: float = field(
        0.02,
        label="Features",
        help="Weight of the error of features, against that of pixels.",
        ge=0,
        le=1,
    )
    obedience: float = field(
        0.02,
        label="Obedience",
        help="Weight of decoding features that have the statistics of another picture.",
        ge=0,
        le=1,
    )


class AutoencoderTask(TrainingTask[autoencoder.Autoencoder]):
    """Crops that every level reconstructs, and crops with the statistics of another."""

    def __init__(
        self, datasets: Datasets, params: AutoencoderParams, device: torch.device, seed: int
    ):
        self.datasets, self.params, self.device = datasets, params, device
        net = autoencoder.build()
        known = load_file(weights_folder() / "encoder.safetensors")
        net.features.load_state_dict(
            {name: known[f"features.{name}"] for name in net.features.state_dict()}
        )
        net.features.requires_grad_(False)
        self.net = net.to(device).to(memory_format=torch.channels_last)
        self.held = datasets.held_out_pictures.batch(HELD, 256, seed, 2)
        self._start(datasets.pictures.batch(START_PICTURES, params.size, seed, 1))

    @torch.no_grad()
    def _start(self, pictures: Tensor) -> None:
        """Start with the best linear decoders, so that training learns only the rest."""
        parts = [
            self.net.encode(some, self.net.levels)
            for some in torch.split(self._to_device(pictures), 8)
        ]
        for decoder, features in zip(self.net.decoders, zip(*parts, strict=True), strict=True):
            assert isinstance(decoder, autoencoder.Decoder)
            count = min(START_PICTURES, 24 * decoder.stride)  # each position gives stride² pixels
            decoder.start_linear(torch.cat(features)[:count], self._to_device(pictures)[:count])
            decoder.linear.requires_grad_(
                False
            )  # it is already the best; steps of Adam would be too large

    def _to_device(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, memory_format=torch.channels_last)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Reconstruct pictures; give a third of them the statistics of another third."""
        crops = [
            self.datasets.pictures.crop(self.params.size, rng) for _ in range(self.params.batch)
        ]
        pictures = self._to_device(torch.stack(crops))
        with torch.no_grad(), autocast(self.device):
            encoded = self.net.encode(pictures, self.net.levels)
        pixel_errors, feature_errors = [], []
        for level, features in enumerate(encoded, 1):
            back = self._decode(features, level)
            pixel_errors.append(squared_error(back, pictures, border=2**level).mean())
            feature_errors.append(relative_error(self._encode(back, level), features))
        third = max(1, len(pictures) // 3)
        target = [features[third : 2 * third] for features in encoded]
        obedience_errors = list(self._obey(pictures[:third], target, rng))
        params = self.params
        yield Loss(
            {
                "pixels": torch.stack(pixel_errors).sum(),
                "features": params.perceptual * torch.stack(feature_errors).sum(),
                "obedience": params.obedience * torch.stack(obedience_errors).sum(),
            }
        )

    def _decode(self, features: Tensor, level: int) -> Tensor:
        with autocast(self.device):
            picture = self.net.decode(features, level)
        return picture.float().contiguous(memory_format=torch.channels_last)

    def _encode(self, picture: Tensor, level: int) -> Tensor:
        with autocast(self.device):
            return self.net.encode(picture, level)[-1].float()

    def _obey(
        self, pictures: Tensor, target: list[Tensor], rng: np.random.Generator
    ) -> Iterator[Tensor]:
        """Relative errors of changed features after decoding, from coarse to fine."""
        transform = TRANSFORMS[rng.integers(len(TRANSFORMS))]
        for level in range(self.net.levels, 0, -1):
            with torch.no_grad():
                output = self._encode(pictures, level)
                changed = restyle(output, target[level - 1], transform, rng.uniform(0, 1.2))
            painted = self._decode(changed, level)
            # Features come from a ReLU, so targets below zero can only become zero.
            yield relative_error(self._encode(painted, level), changed.clamp_min(0))
            pictures = painted.detach().clamp(0, 1)

    def score(self, net: autoencoder.Autoencoder) -> dict[str, float]:
        """Error of pixels, summed over levels, and the PSNR of each level, on held-out pictures."""
        given = self._to_device(self.held)
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

    def sample(self, net: autoencoder.Autoencoder) -> Pixels:
        """Pictures, reconstructions by level, and each picture in the style of the next."""
        given = self._to_device(self.held)
        rows = [given]
        for level, features in enumerate(net.encode(given, net.levels), 1):
            rows.append(net.decode(features, level))
        painted = given
        for level in range(net.levels, 0, -1):
            output, target = (net.encode(p, level)[-1] for p in (painted, given.roll(1, 0)))
            changed = restyle(output, target, transforms.whitening, 0.8)
            painted = net.decode(changed, level).clamp(0, 1)
        rows.append(painted)
        return sheet(*rows)


def squared_error(output: Tensor, target: Tensor, border: int) -> Tensor:
    """Mean squared error (b) of pictures (b 3 h w) without a border, as in use."""
    inner = slice(border, -border)
    return (output - target).square()[:, :, inner, inner].mean((1, 2, 3))


def relative_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error () relative to the squared target."""
    target = target.float()
    return (output - target).square().mean() / (target.square().mean() + 1e-6)


def restyle(
    output: Tensor, target: Tensor, transform: Callable[..., transforms.Affine], strength: float
) -> Tensor:
    """Features (b c h w) with the statistics of others (b c h w), picture by picture."""
    changed = []
    for one, other in zip(output.float().cpu().numpy(), target.float().cpu().numpy(), strict=True):
        pair = (transforms.moments(one), transforms.moments(other))
        changed.append(transform(*pair).at(strength)(one[None]))
    return torch.from_numpy(np.concatenate(changed)).to(output.device)


TASK = TaskSpec(
    id="autoencoder",
    title="Autoencoder",
    summary="Learns to turn the features of photographs and paintings back into pictures.",
    params=AutoencoderParams,
    factory=AutoencoderTask,
)
