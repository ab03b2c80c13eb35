"""Perceptual features for training losses, from the embedded encoder or from a teacher network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from styleplug.nets import squeezenet, styleplug_encoder, vgg19
from styleplug.nets.perceptual import gram_matrix
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.precision import autocast
from styleplug.training.tasks.shared.embedded import load_embedded

Features = dict[str, Tensor]
SQUEEZENET = {"conv1": 32, "fire2": 48, "fire3": 48, "fire4": 64, "fire5": 64, "fire7": 96}
VGG19 = {"relu1_1": 24, "relu2_1": 48, "relu3_1": 64, "relu4_1": 96}
"""Principal components by layer of a teacher; they hold all but a few per cent of the energy."""
COLOUR, CONTENT = "colour", "content"
Statistics = tuple[Tensor, ...]  # Gram matrices, means, deviations
Style = dict[str, Statistics]  # by tap
MOMENTS = 0.5  # weight of means and deviations relative to Gram matrices
FLOOR = 0.1  # of a relative distance, for contents that already have the style


def load_encoder() -> nn.Module:
    """The embedded encoder, frozen; the tap "colour" is the picture itself."""
    encoder = styleplug_encoder.build()
    load_embedded(encoder, "styleplug_encoder")
    encoder.to(memory_format=torch.channels_last)
    return encoder.eval().requires_grad_(False)


class Teacher(nn.Module):
    """Layers of a network reduced to their first principal components, scaled to unit energy.

    Args:
        net: gives features (b c h/s w/s) by layer of pictures (b 3 h w) in [0, 1].
        components: number of components by layer.
        pictures: (b 3 h w); the components are computed from their features.
        whole: a layer that is also returned without reduction.
    """

    def __init__(
        self, net: nn.Module, components: Mapping[str, int], pictures: Tensor, whole: str = ""
    ):
        super().__init__()
        self.net = net.to(pictures.device).to(memory_format=torch.channels_last)
        self.layers, self.whole = tuple(components), whole
        sums = dict.fromkeys(components, torch.zeros(()))
        for some in torch.split(pictures, 8):
            features = self._features(some)
            for layer in components:
                sums[layer] = sums[layer] + gram(features[layer].float()).sum(0).cpu()
        for layer, count in components.items():
            # Not centred: a Gram matrix contains the mean, which is its largest part.
            values, vectors = torch.linalg.eigh((sums[layer] / len(pictures)).double())
            basis = vectors.flip(1)[:, :count].T / values.sum().sqrt()
            basis = basis.float()[:, :, None, None].contiguous()
            self.register_buffer(layer, basis.to(pictures.device))

    def bases(self) -> dict[str, Tensor]:
        """Directions of the components by layer."""
        return {layer: self.get_buffer(layer) for layer in self.layers}

    def _features(self, pictures: Tensor) -> Features:
        with autocast(pictures.device):
            features: Features = self.net(pictures.contiguous(memory_format=torch.channels_last))
        return features

    def forward(self, pictures: Tensor) -> Features:
        """Components (b k h/s w/s) by layer of pictures (b 3 h w), in float32."""
        features = self._features(pictures)
        with autocast(pictures.device):
            parts = {k: F.conv2d(features[k], basis) for k, basis in self.bases().items()}
        if self.whole:
            parts[CONTENT] = features[self.whole]
        return {name: part.float() for name, part in parts.items()}


def load_teacher(file: Path, pictures: Tensor) -> Teacher:
    """VGG-19 or SqueezeNet 1.0, recognised by the tensor names in the file."""
    with safe_open(file, "pt") as opened:
        names = opened.keys()
    if "fire2.squeeze.weight" in names:
        return Teacher(squeezenet.load(file), SQUEEZENET, pictures, squeezenet.CONTENT_TAP)
    return Teacher(vgg19.load(file), VGG19, pictures, vgg19.CONTENT[0])


class Perception(nn.Module):
    """Features by tap: the style taps, "content", and "colour", which is the picture itself.

    Args:
        teacher: file of VGG-19 or SqueezeNet 1.0; None for the embedded encoder.
        pictures: the principal components of the teacher are computed from some of them.
        seed: of this choice.
    """

    def __init__(self, teacher: str | None, pictures: Pictures, seed: int):
        super().__init__()
        self.encoder, self.teacher = load_encoder(), None
        self.style_taps = tuple(styleplug_encoder.STYLE)
        if teacher is not None:
            with torch.no_grad():
                self.teacher = load_teacher(Path(teacher), pictures.batch(64, 160, seed))
            self.style_taps = (COLOUR, *self.teacher.layers)

    def forward(self, picture: Tensor) -> Features:
        """Features (b c h/s w/s) of pictures (b 3 h w) in [0, 1], in float32."""
        if self.teacher is not None:
            return self.teacher(picture) | {COLOUR: picture}
        with autocast(picture.device):
            taps = self.encoder(picture.contiguous(memory_format=torch.channels_last))
        parts = {tap: taps[tap].float() for tap in self.style_taps}
        return parts | {CONTENT: taps[styleplug_encoder.CONTENT[0]].float(), COLOUR: picture}

    def style(self, features: Features) -> Style:
        """Style statistics by tap, from features (b c h w)."""
        return {tap: style_statistics(features[tap]) for tap in self.style_taps}


def gram(features: Tensor) -> Tensor:
    """Gram matrices (b c c) of features (b c h w), averaged over positions."""
    return gram_matrix(features.flatten(2))


def style_statistics(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gram matrices (b c c), means (b c) and deviations (b c) of features (b c h w)."""
    mean = features.mean((2, 3))
    second = gram(features)
    variance = second.diagonal(dim1=1, dim2=2) - mean.square()
    return second, mean, (variance.clamp_min(0) + 1e-6).sqrt()


def concatenated(styles: Sequence[Style]) -> Style:
    """Statistics of several batches as one batch."""
    return {
        tap: tuple(map(torch.cat, zip(*(style[tap] for style in styles), strict=True)))
        for tap in styles[0]
    }


def select(style: Style, numbers: Tensor | list[int]) -> Style:
    """Statistics of some pictures (n) of a batch."""
    return {tap: tuple(part[numbers] for part in parts) for tap, parts in style.items()}


def relative_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error relative to the squared target, for each element of a batch: (b)."""
    return (output - target).square().flatten(1).sum(1) / target.square().flatten(1).sum(1)


def style_loss(out: Features, content: Features, target: Style) -> tuple[Tensor, Tensor]:
    """Gram and moment distances (b) to a target style, relative to those of the content."""
    grams, content_grams, moments = [], [], []
    for tap, (second, mean, deviation) in target.items():
        output, unchanged = style_statistics(out[tap]), style_statistics(content[tap])
        weight = styleplug_encoder.STYLE[COLOUR] if tap == COLOUR else 1.0
        grams.append(weight * relative_error(output[0], second))
        content_grams.append(weight * relative_error(unchanged[0], second))
        size = deviation.square().sum(1)
        error, content_error = (
            ((part[1] - mean).square() + (part[2] - deviation).square()).sum(1) / size
            for part in (output, unchanged)
        )
        moments.append(error / (content_error + FLOOR))
    errors, content_errors = torch.stack(grams), torch.stack(content_grams)
    whole = errors.sum(0) / (content_errors.sum(0) + FLOOR)
    each = (errors / (content_errors + FLOOR)).mean(0)
    return (whole + each) / 2, torch.stack(moments).mean(0)


def variation(pictures: Tensor) -> Tensor:
    """Mean absolute difference () of neighbouring pixels of pictures (b c h w)."""
    return (pictures.diff(dim=2).abs().mean() + pictures.diff(dim=3).abs().mean()) / 2
