"""Principal components of pictures, and the styles that describe pictures by them.

Turk & Pentland 1991, "Eigenfaces for Recognition".
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.nets.gan import Generator

ITERATIONS = 3  # of the power iteration
EQUALISE = 0.3  # exponent: the deviation of a number is that of its component to this power
MIN_DEVIATION = 1e-4  # of the largest deviation; smaller ones count as zero
RIDGE = 1e-3


class PrincipalComponents:
    """Projects pictures onto their principal components.

    A style holds the weights of the components, the strongest first.  Their deviations are made
    more equal, but not quite, so that a network learns the important ones first.

    Args:
        pictures: (n 3 h w); the components are computed from them.
        count: size of a style.
    """

    def __init__(self, pictures: Tensor, count: int):
        flat = pictures.flatten(1)
        self.mean = flat.mean(0)
        self.count = count
        rank = min(count, *flat.shape)
        _, sizes, directions = torch.svd_lowrank(flat - self.mean, q=rank, niter=ITERATIONS)
        deviation = sizes / len(flat) ** 0.5
        scale = deviation.clamp_min(MIN_DEVIATION * float(deviation[0]) + 1e-12) ** (1 - EQUALISE)
        self.directions = directions / (scale * deviation[0] ** EQUALISE)

    def project(self, pictures: Tensor) -> Tensor:
        """Styles (b s) of pictures (b 3 h w); zeros where there are fewer components."""
        styles = (pictures.flatten(1) - self.mean) @ self.directions
        return torch.nn.functional.pad(styles, (0, self.count - styles.shape[1]))


def fit_linear(styles: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    """The least-squares map from styles (n s) to latents (n …): (s …), and its intercept (1 …)."""
    intercept, mean = latents.mean(0, keepdim=True), styles.mean(0)
    x, y = (styles - mean).double(), (latents - intercept).flatten(1).double()
    ridge = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    basis = torch.linalg.solve(x.T @ x + ridge, x.T @ y).float()
    intercept = intercept - (mean @ basis).view_as(intercept)
    return basis.view(-1, *latents.shape[1:]), intercept


@torch.no_grad()
def change_basis(net: Generator, basis: Tensor, intercept: Tensor) -> None:
    """Adapt a generator to other principal components, as well as possible.

    Args:
        net: its `basis` and `plain` are still the old ones.
        basis: the new change of a layout per number of the style (s …).
        intercept: the new layout (1 …) of a style of zeros.
    """
    old, new = net.basis.flatten(1), basis.flatten(1)
    inverse = torch.linalg.pinv(new, rtol=RIDGE)
    rotation, shift = old @ inverse, (net.plain - intercept).flatten(1) @ inverse
    net.centre.copy_(net.centre @ rotation + shift)
    last = net.mapping.exit
    last.weight.copy_(rotation.T @ last.weight)
    last.bias.copy_(last.bias @ rotation + shift[0])
    weight = net.painter.get_parameter("style.weight")
    weight.copy_(weight @ (new @ torch.linalg.pinv(old, rtol=RIDGE)).T)
    net.painter.get_parameter("style.bias").sub_(weight @ shift[0])
