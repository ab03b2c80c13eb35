"""A generator of dense layers only (Goodfellow et al. 2014, arXiv:1406.2661), see `generator`.

It has no painter: the sketch is the picture, the last dense layer.  The canvas is not pixels but
the weights of cosine waves, as JPEG holds pictures.  What hardly shows is left out: the finest
waves, and all but the coarse waves of colour.  So there are 1,596 numbers instead of 12,288.  As
nothing is painted over it, a sketch of more eigenpictures than elsewhere must do.

Trained by `styleplug train gan`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import SIDE, Generator, Map, Paint

_FINEST = (48, 20, 20)  # sums of the two frequencies, of light and of two contrasts of colour
_STRENGTHS = (11.0, 3.0, 1.2)  # deviations of their coarsest waves, in paintings
_STYLE = 256  # eigenpictures
_FALL = 1.25  # how fast finer ones are weaker
_COLOURS = (  # light, red against blue, green against both: a basis of unit vectors
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)


def waves(side: int) -> Tensor:
    """The cosine waves (side side) of a row of pixels, coarsest first: an orthonormal basis."""
    places = (torch.arange(side, dtype=torch.float64) + 0.5) * math.pi / side
    table = torch.cos(torch.arange(side, dtype=torch.float64)[:, None] * places)
    table[0] *= 0.5**0.5
    return (table * (2 / side) ** 0.5).float()


class Waves(nn.Module):
    """Pictures to weights of cosine waves, and back."""

    def __init__(self) -> None:
        super().__init__()
        frequencies = torch.arange(SIDE, dtype=torch.float32)
        kept = [frequencies[:, None] + frequencies < finest for finest in _FINEST]
        used = torch.stack(kept)
        size = torch.hypot(*torch.meshgrid(frequencies, frequencies, indexing="ij")) + 1
        deviation = (torch.tensor(_STRENGTHS)[:, None, None] * size**-_FALL)[used]
        numbers = torch.full(used.shape, len(deviation))  # the number after the last is zero
        numbers[used] = torch.arange(len(deviation))
        # The root: fine waves are weaker than coarse ones on the canvas too, but not as much.
        self.register_buffer("amplitude", deviation.sqrt(), persistent=False)
        self.register_buffer("numbers", numbers.flatten(), persistent=False)
        self.register_buffer("used", used.flatten().nonzero()[:, 0], persistent=False)
        self.register_buffer("table", waves(SIDE), persistent=False)
        self.register_buffer("colours", torch.tensor(_COLOURS), persistent=False)

    def read(self, pictures: Tensor) -> Tensor:
        """Canvases (b w) of pictures (b 3 SIDE SIDE) in [0, 1]."""
        planes = (self.colours @ (pictures - 0.5).flatten(2)).view(-1, 3, SIDE, SIDE)
        planes = self.table @ planes @ self.table.T
        return planes.flatten(1)[:, self.used] / self.amplitude

    def forward(self, canvas: Tensor) -> Tensor:
        """Pictures (b 3 SIDE SIDE), in [0, 1] but for overshoots, of canvases (b w)."""
        weights = F.pad(canvas * self.amplitude, (0, 1))
        planes = weights[:, self.numbers].view(-1, 3, SIDE, SIDE)
        planes = self.table.T @ planes @ self.table
        picture = self.colours.T @ planes.flatten(2)
        return picture.view(-1, 3, SIDE, SIDE) + 0.5


class Gan(Generator):
    """A generator of waves."""

    def __init__(self) -> None:
        waves = Waves()
        super().__init__(tuple(waves.amplitude.shape), None, style=_STYLE)
        self.waves = waves

    def paint(self, style: Tensor) -> Tensor:
        """Pictures (b 3 SIDE SIDE) in [0, 1] of styles (b s)."""
        return self.waves(self.draw(style)).clamp(0, 1)


def build() -> Gan:
    """The untrained net (0.6 million parameters)."""
    return Gan()


def functions(net: Gan) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net, "picture")}
