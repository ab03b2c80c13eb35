"""Scores of a style transfer, by measures that no method here optimises directly.

style gain    1 - D(out, style) / D(content, style), D the mean over SqueezeNet's conv1, fire2,
              fire3, fire4, fire5 and fire7 of the relative squared error of Gram matrices.
patch gain    the same with the sliced Wasserstein distance of 7×7 patches over four levels of a
              Laplacian pyramid: no network at all.
content kept  1 - D(out, content) / D(style, content), D the relative squared error at fire5.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleplug.imaging import resize
from styleplug.nets import squeezenet
from styleplug.nets.perceptual import statistics

PATCH, LEVELS, DIRECTIONS, PATCHES = 7, 4, 256, 16384


class Judge:
    """Scores pictures (h w 3) in [0, 1] with the weights of SqueezeNet 1.0."""

    def __init__(self, weights: Path):
        self.net = squeezenet.load(weights)

    @torch.no_grad()
    def scores(self, out: np.ndarray, content: np.ndarray, style: np.ndarray) -> dict[str, float]:
        """Style gain, patch gain and content kept of `out`; all at the size of `content`."""
        height, width = content.shape[:2]
        stretched = resize(style, width, height)
        o, c, s, t = (self._features(p) for p in (out, content, style, stretched))
        style_gain = 1 - _gram_distance(o, s) / _gram_distance(c, s)
        patch_gain = 1 - patch_distance(out, style) / patch_distance(content, style)
        tap = squeezenet.CONTENT_TAP
        kept = 1 - _relative(o[tap], c[tap]) / _relative(t[tap], c[tap])
        return {"style_gain": style_gain, "patch_gain": patch_gain, "content_kept": kept}

    @torch.no_grad()
    def style_distance(self, out: np.ndarray, style: np.ndarray) -> float:
        """Relative squared error of the Gram matrices of two pictures, averaged over layers."""
        return _gram_distance(self._features(out), self._features(style))

    def _features(self, picture: np.ndarray) -> dict[str, Tensor]:
        height, width = (n // 8 * 8 for n in picture.shape[:2])
        return self.net(torch.from_numpy(picture[:height, :width].transpose(2, 0, 1)[None].copy()))


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())


def _gram_distance(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> float:
    pairs = [
        (statistics(found[tap])[1], statistics(wanted[tap])[1]) for tap in squeezenet.STYLE_TAPS
    ]
    return float(np.mean([_relative(a, b) for a, b in pairs]))


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
