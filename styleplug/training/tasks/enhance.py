"""Train `enhance`: from worse versions of pictures to the pictures.

Every step has one factor of enlargement.  The loss is the absolute difference of pixels, which asks
for the most probable picture.  It is divided by that of the plainly enlarged picture, so that
weak noise counts as much as strong blur.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styleplug.core.array import Pixels
from styleplug.core.params import Params
from styleplug.nets import enhance
from styleplug.training.data.degradation import compressed, degrade, resized
from styleplug.training.data.pictures import Pictures, sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.tasks.shared.fields import batch, crop

AROUND = 1.5  # side of the part of a picture that a crop is cut from, by its own side
FLOOR = 0.02  # of a difference, for pictures that are hardly worse
HELD, SHOWN = 48, 8
JPEG_QUALITY = 30  # of the pictures of the score "jpeg"


class EnhanceParams(Params):
    """Parameters of the task."""

    size: int = crop(96)
    batch: int = batch(16)


def picture_of(tensor: Tensor) -> Image.Image:
    """A picture (3 h w) in [0, 1] with 8 bits."""
    return Image.fromarray(np.rint(tensor.permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def tensor_of(pictures: list[Image.Image]) -> Tensor:
    """Pictures of one size as (b 3 h w) in [0, 1]."""
    pixels = np.stack([np.asarray(one, np.float32) / 255 for one in pictures])
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2)).contiguous()


class EnhanceTask(TrainingTask[enhance.Enhancer]):
    """Pairs of a picture and a worse version of it."""

    def __init__(self, datasets: Datasets, params: EnhanceParams, device: torch.device, seed: int):
        self.pictures, self.params, self.device = datasets.pictures, params, device
        self.net = enhance.build().to(device).to(memory_format=torch.channels_last)
        rng = np.random.default_rng((seed, 1))
        self.held = [self._sharp(datasets.held_out_pictures, rng) for _ in range(HELD)]
        self.worse = {
            factor: [degrade(one, factor, rng) for one in self.held] for factor in enhance.FACTORS
        }

    def _sharp(self, pictures: Pictures, rng: np.random.Generator) -> Image.Image:
        """A crop of a picture that is hardly ever enlarged."""
        size = self.params.size
        whole = pictures.crop(round(AROUND * size), rng)
        top, left = rng.integers(whole.shape[1] - size + 1, size=2)
        return picture_of(whole[:, top : top + size, left : left + size])

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Enhance worse versions, all by the same factor."""
        factor = enhance.FACTORS[rng.integers(len(enhance.FACTORS))]
        sharp = [self._sharp(self.pictures, rng) for _ in range(self.params.batch)]
        worse = tensor_of([degrade(one, factor, rng) for one in sharp]).to(self.device)
        wanted = tensor_of(sharp).to(self.device)
        made = self._enhance(self.net, worse, factor)
        plain = enhance.enlarged(worse, factor)
        error, usual = ((one - wanted).abs().mean((1, 2, 3)) for one in (made, plain))
        yield Loss({f"pixels{factor}": (error / (usual + FLOOR)).mean()})

    def _enhance(self, net: enhance.Enhancer, pictures: Tensor, factor: int) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            return net(pictures, factor).float()

    def score(self, net: enhance.Enhancer) -> dict[str, float]:
        """Mean absolute error, and squared errors relative to those of simple means.

        "twice" and "four": of pictures that were made smaller, relative to Lanczos; "jpeg": of JPEG
        files of quality 30, relative to the files.
        """
        wanted = tensor_of(self.held)
        pixels = [
            (self._enhanced(net, worse, factor) - wanted).abs().mean()
            for factor, worse in self.worse.items()
        ]
        found = {"pixels": float(torch.stack(pixels).mean())}
        for name, factor in (("twice", 2), ("four", 4)):
            small = [resized(one, (one.width // factor,) * 2) for one in self.held]
            usual = [one.resize(self.held[0].size, Image.Resampling.LANCZOS) for one in small]
            found[name] = self._relative(self._enhanced(net, small, factor), tensor_of(usual))
        files = [compressed(one, JPEG_QUALITY) for one in self.held]
        found["jpeg"] = self._relative(self._enhanced(net, files, 1), tensor_of(files))
        return found

    def _enhanced(self, net: enhance.Enhancer, pictures: list[Image.Image], factor: int) -> Tensor:
        return self._enhance(net, tensor_of(pictures).to(self.device), factor).clamp(0, 1).cpu()

    def _relative(self, made: Tensor, usual: Tensor) -> float:
        """Squared error by that of another result; the mean of logarithms, as for decibels."""
        wanted = tensor_of(self.held)
        errors = [(one - wanted).square().mean((1, 2, 3)).clamp_min(1e-7) for one in (made, usual)]
        return float((errors[0] / errors[1]).log().mean().exp())

    def sample(self, net: enhance.Enhancer) -> Pixels:
        """For each factor worse versions above results; below all, the pictures."""
        rows = []
        size = self.held[0].size
        for factor, worse in self.worse.items():
            few = worse[:SHOWN]
            rows.append(tensor_of([one.resize(size, Image.Resampling.NEAREST) for one in few]))
            rows.append(self._enhanced(net, few, factor))
        return sheet(*rows, tensor_of(self.held[:SHOWN]))


TASK = TaskSpec(
    id="enhance",
    title="Enhance",
    summary="Learns from photographs to remove noise and JPEG blocks, to sharpen and to enlarge.",
    params=EnhanceParams,
    factory=EnhanceTask,
)
