"""Eigenpictures: the directions in which pictures differ most, and what a picture has of each.

Turk & Pentland 1991, "Eigenfaces for Recognition".
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.nets.generator import Generator

ROUNDS = 3  # of the search for the directions
EVEN = 0.3  # numbers of a style deviate by this power of what their eigenpictures do
LEAST = 1e-4  # of the largest deviation; what deviates less is nothing
RIDGE = 1e-3


class Eigenpictures:
    """What styles are made of pictures by.

    The numbers of a style are weights of eigenpictures, the strongest first.  They are not quite
    made equally strong: who learns them then sees what matters most.

    Args:
        pictures: those to be described (n 3 h w).
        count: numbers of a style.
    """

    def __init__(self, pictures: Tensor, count: int):
        flat = pictures.flatten(1)
        self.mean = flat.mean(0)
        self.count = count
        found = min(count, *flat.shape)
        _, sizes, directions = torch.svd_lowrank(flat - self.mean, q=found, niter=ROUNDS)
        deviation = sizes / len(flat) ** 0.5
        unit = deviation.clamp_min(LEAST * float(deviation[0]) + 1e-12) ** (1 - EVEN)
        self.directions = directions / (unit * deviation[0] ** EVEN)

    def styles(self, pictures: Tensor) -> Tensor:
        """Styles (b s) of pictures (b 3 h w); zeros where there are fewer eigenpictures."""
        found = (pictures.flatten(1) - self.mean) @ self.directions
        return torch.nn.functional.pad(found, (0, self.count - found.shape[1]))


def regression(styles: Tensor, canvases: Tensor) -> tuple[Tensor, Tensor]:
    """The linear map from styles (n s) to canvases (n …) that errs least: (s …), and (1 …).

    The second is the canvas of a style that is zero.
    """
    plain, mean = canvases.mean(0, keepdim=True), styles.mean(0)
    x, y = (styles - mean).double(), (canvases - plain).flatten(1).double()
    ridge = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    basis = torch.linalg.solve(x.T @ x + ridge, x.T @ y).float()
    plain = plain - (mean @ basis).view_as(plain)
    return basis.view(-1, *canvases.shape[1:]), plain


@torch.no_grad()
def translate(net: Generator, basis: Tensor, plain: Tensor) -> None:
    """Let a generator that knows other eigenpictures speak of these, as nearly as it can.

    Args:
        net: whose `basis` and `plain` are still those that it learned with.
        basis: what its sketches are to gain by each number of a style (s …).
        plain: the sketch (1 …) that a style of zeros is to have.
    """
    before, after = net.basis.flatten(1), basis.flatten(1)
    inverse = torch.linalg.pinv(after, rtol=RIDGE)
    turn, moved = before @ inverse, (net.plain - plain).flatten(1) @ inverse
    net.centre.copy_(net.centre @ turn + moved)
    last = net.mapping.exit
    last.weight.copy_(turn.T @ last.weight)
    last.bias.copy_(last.bias @ turn + moved[0])
    told = net.painter.style
    told.weight.copy_(told.weight @ (after @ torch.linalg.pinv(before, rtol=RIDGE)).T)
    told.bias.sub_(told.weight @ moved[0])
