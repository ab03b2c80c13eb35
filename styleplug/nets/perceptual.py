"""Perceptual losses over the taps of an encoder, with their gradient with respect to the picture.

Every style loss is a function of two statistics of the features F (c n) of a layer: the mean
μ = F1/n and the Gram matrix G = FFᵀ/n.  So one backward step serves all of them:
∂L/∂F = (∂L/∂μ 1ᵀ + 2 ∂L/∂G F) / n, with ∂L/∂G symmetric.

All losses are relative to the size of their target, so that a weight means the same for every
layer and encoder.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from styleplug.core.backend import Axes
from styleplug.nets.chain import Chain
from styleplug.nets.function import EXAMPLE, Function, axes

_TINY = 1e-8
_RIDGE = 1e-2  # of the mean variance of a channel


def perceptual_functions(
    encoder: Chain, content: Sequence[str], style: Mapping[str, float]
) -> dict[str, nn.Module]:
    """The functions of a perceptual encoder that a backend can load, by name.

    Args:
        encoder: gives the taps.
        content: taps of the content loss.
        style: taps of the style loss, and the weight of each.
    """
    losses = {kind.name: kind(encoder, content, style) for kind in (Gram, Moments, Wasserstein)}
    return {"describe": Describe(encoder, content, style), **losses}


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (c) and Gram matrix (c c) of features (1 c h w), averaged over positions."""
    flat = features.flatten(2)[0]
    return flat.mean(1), gram_matrix(flat)


def gram_matrix(flat: Tensor) -> Tensor:
    """Gram matrices (… c c) of features (… c n), averaged over the n positions."""
    return flat @ flat.mT / flat.shape[-1]


class _Perceptual(Function):
    """An encoder, its content and style taps, and the axes of a picture and of its targets."""

    def __init__(self, encoder: Chain, content: Sequence[str], style: Mapping[str, float]):
        super().__init__()
        self.encoder = encoder
        self.content, self.style = tuple(content), dict(style)
        self.multiple = encoder.stride
        sizes = encoder.channels
        self.picture = {"picture": (1, *axes(3, self.multiple)[1:])}
        self.targets: dict[str, Axes] = {
            f"content_{tap}": (1, *axes(sizes[tap], self.multiple // encoder.strides[tap])[1:])
            for tap in self.content
        }
        self.targets |= {f"gram_{tap}": (sizes[tap], sizes[tap]) for tap in self.style}
        self.targets |= {f"mean_{tap}": (sizes[tap],) for tap in self.style}


class Describe(_Perceptual):
    """The targets of a loss, from the content and style pictures."""

    def __init__(self, encoder: Chain, content: Sequence[str], style: Mapping[str, float]):
        super().__init__(encoder, content, style)
        self.inputs, self.outputs = self.picture, tuple(self.targets)

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Content features (1 c h/s w/s), Gram matrices (c c) and means (c) of a picture."""
        taps = self.encoder(picture)
        current = [statistics(taps[tap]) for tap in self.style]
        return (
            *(taps[tap] for tap in self.content),
            *(gram for _, gram in current),
            *(mean for mean, _ in current),
        )


class _Loss(_Perceptual):
    """Content, style and total-variation loss of a picture, and the gradient of their sum."""

    name: ClassVar[str]

    def __init__(self, encoder: Chain, content: Sequence[str], style: Mapping[str, float]):
        super().__init__(encoder, content, style)
        self.inputs = {
            **self.picture,
            **self.targets,
            "content_weights": (len(self.content),),
            "style_weights": (len(self.style),),
            "content_l1": (),
            "variation_weight": (),
        }
        self.outputs = ("gradient", "content_losses", "style_losses", "variation_loss")

    def examples(self, lengths: Mapping[str, int] = EXAMPLE) -> tuple[Tensor, ...]:
        """A picture that is its own target, and weights."""
        picture, *rest = super().examples(lengths)
        targets = Describe(self.encoder, self.content, self.style)(picture)
        return (picture, *targets, *rest[len(targets) :])

    @abstractmethod
    def style_loss(
        self, mean: Tensor, gram: Tensor, target_mean: Tensor, target_gram: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss (), and its gradient with respect to mean (c) and Gram matrix (c c)."""

    def forward(self, picture: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The arrays of `inputs` to those of `outputs`; the picture is (1 3 h w) in [0, 1]."""
        content, style = len(self.content), len(self.style)
        target = rest[:content]
        grams, means = rest[content : content + style], rest[content + style : content + 2 * style]
        content_weights, style_weights, content_l1, variation_weight = rest[content + 2 * style :]
        taps, passed = self.encoder.trace(picture)
        cotangents: dict[str, Tensor] = {}
        content_losses, style_losses = [], []
        for i, tap in enumerate(self.content):
            loss, gradient = _content_loss(taps[tap], target[i], content_l1)
            content_losses.append(loss)
            cotangents[tap] = content_weights[i] * gradient
        for i, (tap, weight) in enumerate(self.style.items()):
            mean, gram = statistics(taps[tap])
            loss, to_mean, to_gram = self.style_loss(mean, gram, means[i], grams[i])
            style_losses.append(weight * loss)
            flat = taps[tap].flatten(2)[0]
            back = (
                weight
                * style_weights[i]
                / flat.shape[1]
                * (to_mean[:, None] + (2 * to_gram) @ flat)
            )
            back = back.reshape(taps[tap].shape)
            cotangents[tap] = cotangents[tap] + back if tap in cotangents else back
        variation_loss, gradient = variation(picture)
        gradient = variation_weight * gradient + self.encoder.adjoint(passed, cotangents)
        return gradient, _vector(content_losses), _vector(style_losses), variation_loss


class Gram(_Loss):
    """Squared error of the Gram matrix (Gatys et al. 2016), relative to the target's square."""

    name = "gram"

    def style_loss(
        self, mean: Tensor, gram: Tensor, target_mean: Tensor, target_gram: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """||G - G'||² / ||G'||²."""
        scale = target_gram.square().sum() + _TINY
        error = gram - target_gram
        return error.square().sum() / scale, torch.zeros_like(mean), 2 * error / scale


class Moments(_Loss):
    """Squared error of channel means and deviations (Li et al. 2017, arXiv:1701.01036)."""

    name = "moments"

    def style_loss(
        self, mean: Tensor, gram: Tensor, target_mean: Tensor, target_gram: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(|μ - μ'|² + |σ - σ'|²) / (|μ'|² + |σ'|²)."""
        deviation, target = _deviation(mean, gram), _deviation(target_mean, target_gram)
        scale = target_mean.square().sum() + target.square().sum() + _TINY
        shift, spread = mean - target_mean, deviation - target
        loss = (shift.square().sum() + spread.square().sum()) / scale
        # σ² = diag(G) - μ², hence ∂σ/∂diag(G) = 1/2σ and ∂σ/∂μ = -μ/σ.
        to_mean = 2 * (shift - spread * mean / deviation) / scale
        return loss, to_mean, torch.diag(spread / deviation) / scale


class Wasserstein(_Loss):
    """Squared 2-Wasserstein distance of the features' Gaussians (Olkin & Pukelsheim 1982).

    Σ = G - μμᵀ; |μ - μ'|² + tr(Σ + Σ' - 2 (Σ'^½ Σ Σ'^½)^½), relative to |μ'|² + tr Σ'.
    """

    name = "wasserstein"

    def style_loss(
        self, mean: Tensor, gram: Tensor, target_mean: Tensor, target_gram: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Its gradient is ∂/∂Σ = I - Σ'^½ (Σ'^½ Σ Σ'^½)^-½ Σ'^½."""
        scale = torch.trace(target_gram) + _TINY  # = |μ'|² + tr Σ'
        target = target_gram - torch.outer(target_mean, target_mean)
        # Added to both diagonals, so that the roots exist and converge in float32.
        ridge = _RIDGE * scale / len(mean) * torch.eye(len(mean)).to(mean)
        target, current = target + ridge, gram - torch.outer(mean, mean) + ridge
        root, _ = _roots(target)
        middle, inverse = _roots(root @ current @ root)
        shift = mean - target_mean
        traces = torch.trace(current) + torch.trace(target) - 2 * torch.trace(middle)
        to_gram = (torch.eye(len(mean)).to(mean) - root @ inverse @ root) / scale
        to_gram = (to_gram + to_gram.T) / 2
        to_mean = 2 * shift / scale - 2 * to_gram @ mean
        return (shift.square().sum() + traces) / scale, to_mean, to_gram


def _vector(numbers: list[Tensor]) -> Tensor:
    """Numbers () as one vector (n); `torch.stack` of a single one gets a wrong shape in ONNX."""
    return torch.cat([number.reshape(1) for number in numbers])


def _deviation(mean: Tensor, gram: Tensor) -> Tensor:
    """Standard deviation of each channel (c), never zero."""
    return ((torch.diagonal(gram) - mean.square()).clamp_min(0) + 1e-6).sqrt()


def _roots(matrix: Tensor, rounds: int = 20) -> tuple[Tensor, Tensor]:
    """Square root and inverse square root of a positive definite matrix (c c).

    Newton–Schulz iterations (Higham 2008, "Functions of Matrices", 6.7).  They use products only,
    so they can be exported to ONNX, which has no eigenvalue decomposition.
    """
    norm = matrix.square().sum().sqrt()
    root, inverse = matrix / norm, torch.eye(matrix.shape[0]).to(matrix)
    for _ in range(rounds):
        product = inverse @ root
        root, inverse = 1.5 * root - 0.5 * root @ product, 1.5 * inverse - 0.5 * product @ inverse
    return root * norm.sqrt(), inverse / norm.sqrt()


def _content_loss(current: Tensor, target: Tensor, l1: Tensor) -> tuple[Tensor, Tensor]:
    """Squared (l1 = 0) or absolute (l1 = 1) error, relative to the target, and its gradient."""
    error = current - target
    square, absolute = target.square().sum() + _TINY, target.abs().sum() + _TINY
    loss = (1 - l1) * error.square().sum() / square + l1 * error.abs().sum() / absolute
    return loss, (1 - l1) * 2 * error / square + l1 * torch.sign(error) / absolute


def variation(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared difference of neighbouring pixels (total variation), and its gradient."""
    down = picture[:, :, 1:] - picture[:, :, :-1]
    right = picture[:, :, :, 1:] - picture[:, :, :, :-1]
    count = picture.shape[1] * picture.shape[2] * picture.shape[3]
    loss = (down.square().sum() + right.square().sum()) / count
    pad = torch.nn.functional.pad
    vertical = pad(down, (0, 0, 1, 0)) - pad(down, (0, 0, 0, 1))
    horizontal = pad(right, (1, 0)) - pad(right, (0, 1))
    return loss, 2 * (vertical + horizontal) / count
