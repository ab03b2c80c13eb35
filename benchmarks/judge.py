"""Scores of a style transfer by three judges that look in different ways.

style gain    1 - D(out, style) / D(content, style), D the mean over layers of the relative squared
              error of Gram matrices: SqueezeNet's conv1, fire2, fire3, fire4, fire5 and fire7.
content kept  1 - D(out, content) / D(style, content), D the relative squared error at fire5.
vgg gain      the style gain by VGG-19's relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1.
vgg content   the content kept by VGG-19's relu4_2.
patch gain    the style gain with the sliced Wasserstein distance of 7×7 patches over four levels
              of a Laplacian pyramid: no network at all.

A net that learned from one of the two networks is judged fairly by the others only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleplug.imaging import resize
from styleplug.nets import squeezenet, vgg19
from styleplug.nets.perceptual import statistics

PATCH, LEVELS, DIRECTIONS, PATCHES = 7, 4, 256, 16384
Features = dict[str, Tensor]


@dataclass(frozen=True)
class Eye:
    """A network that pictures are compared by.

    Args:
        net: gives features by layer of a picture (1 3 h w) in [0, 1].
        style: layers whose Gram matrices are compared.
        content: layer whose features are compared.
        multiple: of which the sides of a picture are multiples.
    """

    net: Callable[[Tensor], Features]
    style: Sequence[str]
    content: str
    multiple: int

    @torch.no_grad()
    def features(self, picture: np.ndarray) -> Features:
        """Features by layer of a picture (h w 3)."""
        height, width = (n // self.multiple * self.multiple for n in picture.shape[:2])
        return self.net(torch.from_numpy(picture[:height, :width].transpose(2, 0, 1)[None].copy()))

    def gram_distance(self, found: Features, wanted: Features) -> float:
        """Relative squared error of Gram matrices, averaged over layers."""
        pairs = [(statistics(found[k])[1], statistics(wanted[k])[1]) for k in self.style]
        return float(np.mean([_relative(a, b) for a, b in pairs]))

    def scores(
        self, out: np.ndarray, content: np.ndarray, style: np.ndarray, stretched: np.ndarray
    ) -> tuple[float, float]:
        """Style gain and content kept of `out`; `stretched` is the style in the content's size."""
        o, c, s, t = (self.features(p) for p in (out, content, style, stretched))
        gain = 1 - self.gram_distance(o, s) / self.gram_distance(c, s)
        at = self.content
        return gain, 1 - _relative(o[at], c[at]) / _relative(t[at], c[at])


class Judge:
    """Scores pictures (h w 3) in [0, 1].

    Args:
        squeezenet_file: weights of SqueezeNet 1.0.
        vgg19_file: weights of VGG-19; without them its two scores are left out.
    """

    def __init__(self, squeezenet_file: Path, vgg19_file: Path | None = None):
        net = squeezenet.load(squeezenet_file)
        self.eye = Eye(net, squeezenet.STYLE_TAPS, squeezenet.CONTENT_TAP, 8)
        self.vgg: Eye | None = None
        if vgg19_file is not None:
            chain = vgg19.load(vgg19_file)
            self.vgg = Eye(chain, tuple(vgg19.STYLE), vgg19.CONTENT[0], chain.stride)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scores, in their order."""
        known = ("style_gain", "patch_gain", "content_kept")
        return (*known, "vgg_gain", "vgg_content") if self.vgg else known

    def scores(self, out: np.ndarray, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
        """All scores of `out` by name; content is compared at its own size."""
        stretched = resize(style, content.shape[1], content.shape[0])
        gain, kept = self.eye.scores(out, content, style, stretched)
        patch = 1 - patch_distance(out, style) / patch_distance(content, style)
        found = {"style_gain": gain, "patch_gain": patch, "content_kept": kept}
        if self.vgg:
            gain, kept = self.vgg.scores(out, content, style, stretched)
            found |= {"vgg_gain": gain, "vgg_content": kept}
        return found

    def style_distance(self, out: np.ndarray, style: np.ndarray) -> float:
        """Relative squared error of Gram matrices by SqueezeNet, averaged over layers."""
        return self.eye.gram_distance(self.eye.features(out), self.eye.features(style))


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())


def patch_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Sliced Wasserstein distance of patches, averaged over the levels of a Laplacian pyramid.

    Each level is divided by the deviation of `b` there, so that all levels count.
    """
    generator = torch.Generator().manual_seed(0)
    distances = []
    for one, other in zip(pyramid(a), pyramid(b), strict=True):
        scale = other.std() + 1e-6
        directions = torch.randn(3 * PATCH * PATCH, DIRECTIONS, generator=generator)
        directions = directions / directions.norm(dim=0)
        sides = []
        for level in (one, other):
            patches = F.unfold(level / scale, PATCH)[0].T
            chosen = torch.randint(len(patches), (PATCHES,), generator=generator)
            sides.append((patches[chosen] @ directions).sort(0).values)
        distances.append(float((sides[0] - sides[1]).abs().mean()))
    return float(np.mean(distances))


def pyramid(picture: np.ndarray) -> list[Tensor]:
    """Band-pass levels, fine to coarse, the last one low-pass: (1 3 h w) each."""
    current = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    levels = []
    for _ in range(LEVELS - 1):
        smaller = F.interpolate(current, scale_factor=0.5, mode="bilinear", antialias=True)
        back = F.interpolate(smaller, size=current.shape[-2:], mode="bilinear")
        levels.append(current - back)
        current = smaller
    return [*levels, current]
