"""Perceptual features that training compares pictures by: of our encoder or of a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import squeezenet, styleplug_encoder
from styleplug.training.embedded import load_embedded
from styleplug.training.pictures import Pictures
from styleplug.training.precision import halved

Features = dict[str, Tensor]
COMPONENTS = {"conv1": 32, "fire2": 48, "fire3": 48, "fire4": 64, "fire5": 64, "fire7": 96}
"""Principal components kept of the teacher's layers: of their energy, all but a few per cent."""
COLOUR, CONTENT = "colour", "content"
Statistics = tuple[Tensor, ...]  # Gram matrices, means, deviations
Style = dict[str, Statistics]  # by tap
MOMENTS = 0.5  # how much means and deviations count beside Gram matrices
FLOOR = 0.1  # of a relative distance; a style near the content is no reason for a huge loss


def load_encoder() -> nn.Module:
    """The embedded encoder, frozen; its taps include the picture itself, "colour"."""
    encoder = styleplug_encoder.build()
    load_embedded(encoder, "styleplug_encoder")
    encoder.to(memory_format=torch.channels_last)
    return encoder.eval().requires_grad_(False)


class Perception(nn.Module):
    """Style taps by name, "content", and "colour": the picture itself.

    Args:
        teacher: weights of SqueezeNet 1.0; our own encoder where None.
        pictures: those whose principal components the teacher's layers are reduced to.
        seed: of the choice of these pictures.
    """

    def __init__(self, teacher: str | None, pictures: Pictures, seed: int):
        super().__init__()
        self.encoder, self.teacher = load_encoder(), None
        self.style_taps = tuple(styleplug_encoder.STYLE)
        if teacher is None:
            return
        self.teacher = squeezenet.load(Path(teacher)).to(memory_format=torch.channels_last)
        self.style_taps = (COLOUR, *squeezenet.STYLE_TAPS)
        crops = pictures.batch(64, 160, seed)
        for tap, features in self.teacher(crops).items():
            if tap in COMPONENTS:
                values, vectors = torch.linalg.eigh(gram(features).mean(0).double())
                basis = vectors.flip(1)[:, : COMPONENTS[tap]].T / values.sum().sqrt()
                self.register_buffer(tap, basis.float()[:, :, None, None].contiguous())

    def forward(self, picture: Tensor) -> Features:
        """Features (b c h/s w/s) of pictures (b 3 h w) in [0, 1], in float32."""
        picture = picture.contiguous(memory_format=torch.channels_last)
        with halved(picture.device):
            if self.teacher is None:
                taps = self.encoder(picture)
                parts = {tap: taps[tap] for tap in self.style_taps}
                parts[CONTENT] = taps[styleplug_encoder.CONTENT[0]]
            else:
                taps = self.teacher(picture)
                parts = {
                    tap: F.conv2d(taps[tap], self.get_buffer(tap)) for tap in squeezenet.STYLE_TAPS
                }
                parts[CONTENT] = taps[squeezenet.CONTENT_TAP]
        return {name: part.float() for name, part in parts.items()} | {COLOUR: picture}

    def style(self, features: Features) -> Style:
        """Statistics of the style taps among features (b c h w)."""
        return {tap: style_statistics(features[tap]) for tap in self.style_taps}


def gram(features: Tensor) -> Tensor:
    """Gram matrices (b c c) of features (b c h w), averaged over positions."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def style_statistics(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gram matrices (b c c), means (b c) and deviations (b c) of features (b c h w)."""
    mean = features.mean((2, 3))
    second = gram(features)
    variance = second.diagonal(dim1=1, dim2=2) - mean.square()
    return second, mean, (variance.clamp_min(0) + 1e-6).sqrt()


def joined(styles: Sequence[Style]) -> Style:
    """Those of several batches as of one."""
    return {
        tap: tuple(map(torch.cat, zip(*(style[tap] for style in styles), strict=True)))
        for tap in styles[0]
    }


def chosen(style: Style, numbers: Tensor | list[int]) -> Style:
    """Those of some pictures (n) of a batch."""
    return {tap: tuple(part[numbers] for part in parts) for tap, parts in style.items()}


def relative(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of each element of a batch, relative to the wanted: (b)."""
    return (found - wanted).square().flatten(1).sum(1) / wanted.square().flatten(1).sum(1)


def style_loss(out: Features, content: Features, wanted: Style) -> tuple[Tensor, Tensor]:
    """Gram and moment distance (b) to the style, relative to those of the content."""
    grams, before, moments = [], [], []
    for tap, (second, mean, deviation) in wanted.items():
        found, was = style_statistics(out[tap]), style_statistics(content[tap])
        weight = styleplug_encoder.STYLE[COLOUR] if tap == COLOUR else 1.0
        grams.append(weight * relative(found[0], second))
        before.append(weight * relative(was[0], second))
        size = deviation.square().sum(1)
        apart, were = (
            ((part[1] - mean).square() + (part[2] - deviation).square()).sum(1) / size
            for part in (found, was)
        )
        moments.append(apart / (were + FLOOR))
    now, then = torch.stack(grams), torch.stack(before)
    whole = now.sum(0) / (then.sum(0) + FLOOR)
    each = (now / (then + FLOOR)).mean(0)
    return (whole + each) / 2, torch.stack(moments).mean(0)


def variation(pictures: Tensor) -> Tensor:
    """Mean absolute difference () of neighbouring pixels of pictures (b c h w)."""
    return (pictures.diff(dim=2).abs().mean() + pictures.diff(dim=3).abs().mean()) / 2
