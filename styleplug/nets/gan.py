"""A generator of dense layers only (Goodfellow et al. 2014, arXiv:1406.2661).

Departures from that paper, without which dense layers paint speckle at 64×64 pixels in colour:
the last layer gives not pixels but the weights of cosine waves, as JPEG holds pictures.  What
hardly shows is left out: the finest waves, and all but the coarse waves of colour.  So it gives
1,596 numbers instead of 12,288, each unit of it draws smoothly, and from the start the waves are
as strong as those of paintings: the finer the weaker.

Trained by `styleplug train gan`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import STYLE, Dense, Map, Mapping, Paint, leaky

SIDE = 64  # pixels of a picture
_FINEST = (48, 20, 20)  # sums of the two frequencies, of light and of two contrasts of colour
_STRENGTHS = (11.0, 3.0, 1.2)  # deviations of their coarsest waves
_FALL = 1.25  # how fast finer ones are weaker
_WIDTHS = (768, 1024)
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


class Gan(nn.Module):
    """Mapping, and layers that paint; see `styleplug.nets.generator` on the style between them.

    Attributes:
        side: pixels of its pictures.
        centre: styles' mean (1 s), in the long run of training.
    """

    side = SIDE

    def __init__(self) -> None:
        super().__init__()
        frequencies = torch.arange(SIDE, dtype=torch.float32)
        kept = [frequencies[:, None] + frequencies < finest for finest in _FINEST]
        used = torch.stack(kept)
        size = torch.hypot(*torch.meshgrid(frequencies, frequencies, indexing="ij")) + 1
        amplitude = (torch.tensor(_STRENGTHS)[:, None, None] * size**-_FALL)[used]
        numbers = torch.full(used.shape, len(amplitude))  # the number after the last is zero
        numbers[used] = torch.arange(len(amplitude))
        self.mapping = Mapping()
        sizes = (STYLE, *_WIDTHS)
        self.hidden = nn.ModuleList(Dense(*pair) for pair in zip(sizes, sizes[1:], strict=False))
        self.last = Dense(_WIDTHS[-1], len(amplitude))
        self.register_buffer("centre", torch.zeros(1, STYLE))
        self.register_buffer("amplitude", amplitude, persistent=False)
        self.register_buffer("numbers", numbers.flatten(), persistent=False)
        self.register_buffer("waves", waves(SIDE), persistent=False)
        self.register_buffer("colours", torch.tensor(_COLOURS), persistent=False)

    def map(self, noise: Tensor) -> Tensor:
        """Styles (b s) of noise (b n)."""
        return self.mapping(noise)

    def paint(self, style: Tensor) -> Tensor:
        """Pictures (b 3 SIDE SIDE), in [0, 1] but for overshoots, of styles (b s)."""
        x = style
        for layer in self.hidden:
            x = leaky(layer(x))
        weights = F.pad(self.last(x) * self.amplitude, (0, 1))
        planes = weights[:, self.numbers].view(-1, 3, SIDE, SIDE)
        planes = self.waves.T @ planes @ self.waves
        picture = self.colours.T @ planes.flatten(2)
        return picture.view(-1, 3, SIDE, SIDE) + 0.5


def build() -> Gan:
    """The untrained net (2.7 million parameters)."""
    return Gan()


def functions(net: Gan) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
