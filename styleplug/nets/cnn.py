"""Any style in one pass: a content encoder, a style code, and a decoder modulated by the code.

The style encoder is `styleplug_encoder`: `code` takes the means and Gram matrices of its function
"describe".  The decoder is modulated at every depth by a scale and an offset per channel (FiLM,
Perez et al. 2018, arXiv:1709.07871; predicted from a style as in Ghiasi et al. 2017,
arXiv:1705.06830).  Content features are normalised once, before the modulation (AdaIN, Huang &
Belongie 2017, arXiv:1703.06868).  Their statistics are inputs, computed from a thumbnail of the
whole picture, so that the tiles of a large picture fit together.

Trained by `styleplug train cnn`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import styleplug_encoder
from styleplug.nets.function import Function, axes
from styleplug.nets.layers import upsample

LEADING = 10  # first principal components of a tap, whose correlations are in the code
CODE = 64
HIDDEN = 64
MEASURED = (64, 96)  # content features at a quarter and at an eighth of the sides
_TINY = 1e-5


class Modulated(nn.Module):
    """y · (1 + scale) + offset, with both per channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """(b c h w) and a modulation (b 2c) to (b c h w)."""
        scale, offset = modulation[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + offset


class Unit(nn.Module):
    """A residual unit: squeeze by 1×1, expand by 3×3, modulate."""

    def __init__(self, channels: int, squeezed: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 3, padding=1)
        self.modulated = Modulated(channels)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        y = F.relu(self.squeeze(F.relu(x)))
        return x + self.modulated(self.expand(y), modulation)


class Coder(nn.Module):
    """Means and Gram matrices of the style taps to a style code."""

    centre: Tensor
    spread: Tensor

    def __init__(self, channels: Mapping[str, int]):
        super().__init__()
        self.channels = dict(channels)
        leading = [min(LEADING, c) for c in channels.values()]
        size = sum(2 * c for c in channels.values()) + sum(n * (n - 1) // 2 for n in leading)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.hidden = nn.Linear(size, HIDDEN)
        self.code = nn.Linear(HIDDEN, CODE)

    def features(self, *described: Tensor) -> Tensor:
        """Means, deviations and leading correlations (b k), from Gram matrices and means."""
        count, parts = len(self.channels), []
        for gram, mean in zip(described[:count], described[count:], strict=True):
            covariance = gram - mean[:, :, None] * mean[:, None, :]
            deviation = (covariance.diagonal(dim1=1, dim2=2).clamp_min(0) + _TINY).sqrt()
            n = min(LEADING, mean.shape[1])
            rows, columns = torch.triu_indices(n, n, 1)
            correlation = covariance[:, rows, columns]
            correlation = correlation / (deviation[:, rows] * deviation[:, columns])
            parts += [mean, deviation, correlation]
        return torch.cat(parts, dim=1)

    def forward(self, *described: Tensor) -> Tensor:
        """Gram matrices (b c c) of every tap, then means (b c), to codes (b CODE)."""
        return self.encode(self.features(*described))

    def encode(self, features: Tensor) -> Tensor:
        """The result of `features` (b k) to codes (b CODE)."""
        normalised = ((features - self.centre) / self.spread).clamp(-4, 4)
        return self.code(F.leaky_relu(self.hidden(normalised), 0.2))


class Painter(nn.Module):
    """Content encoder, style coder and modulated decoder."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        encoder = styleplug_encoder.build()
        self.coder = Coder({tap: encoder.channels[tap] for tap in styleplug_encoder.STYLE})
        self.content = nn.ModuleList(
            [
                nn.Conv2d(3, 12, 3, padding=1),
                nn.Conv2d(12, 32, 3, 2, padding=1),
                nn.Conv2d(32, 64, 3, 2, padding=1),
                nn.Conv2d(64, 96, 2, 2),
            ]
        )
        self.wide_entry, self.fine_entry = Modulated(96), Modulated(64)
        self.wide = nn.ModuleList([Unit(96, 40) for _ in range(5)])
        self.narrow = nn.Conv2d(96, 64, 1)
        self.fine = nn.ModuleList([Unit(64, 32) for _ in range(2)])
        sizes = ((64, 32), (32, 24), (24, 12))
        self.rise = nn.ModuleList([nn.Conv2d(*pair, 3, padding=1) for pair in sizes])
        self.risen = nn.ModuleList([Modulated(outputs) for _, outputs in sizes])
        self.picture = nn.Conv2d(12, 3, 3, padding=1)
        units = [unit.modulated for unit in (*self.wide, *self.fine)]
        order = (self.wide_entry, self.fine_entry, *units, *self.risen)
        self.sizes = [2 * modulated.channels for modulated in order]
        self.modulate = nn.Linear(CODE, sum(self.sizes))
        nn.init.normal_(self.modulate.weight, std=0.02)
        nn.init.zeros_(self.modulate.bias)

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Content features (b 64 h/4 w/4) and (b 96 h/8 w/8) of a picture (b 3 h w) in [0, 1]."""
        x, passed = picture * 4 - 2, []
        for conv in self.content:
            x = F.relu(conv(x))
            passed.append(x)
        return passed[2], passed[3]

    def measure(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Means (b 160) and deviations (b 160) of the content features of a picture (b 3 h w)."""
        means, deviations = [], []
        for features in self.encode(picture):
            mean = features.mean((2, 3))
            centred = features - mean[:, :, None, None]
            means.append(mean)
            deviations.append((centred.square().mean((2, 3)) + _TINY).sqrt())
        return torch.cat(means, dim=1), torch.cat(deviations, dim=1)

    def paint(self, picture: Tensor, mean: Tensor, deviation: Tensor, code: Tensor) -> Tensor:
        """A picture (b 3 h w) in the style of a code (b CODE).

        Args:
            picture: the content, in [0, 1].
            mean: of the content features (b 160), from `measure`.
            deviation: of the content features (b 160); smaller ones emphasise their structure.
            code: the style.
        """
        wide_entry, fine_entry, *given = self.modulate(code).split(self.sizes, dim=1)
        fine, wide = self.encode(picture)
        fine_mean, wide_mean = mean[:, :, None, None].split_with_sizes(MEASURED, dim=1)
        fine_deviation, wide_deviation = deviation[:, :, None, None].split_with_sizes(
            MEASURED, dim=1
        )
        x = self.wide_entry((wide - wide_mean) / wide_deviation, wide_entry)
        for unit in self.wide:
            x = unit(x, given.pop(0))
        x = upsample(self.narrow(F.relu(x)))
        x = x + self.fine_entry((fine - fine_mean) / fine_deviation, fine_entry)
        for unit in self.fine:
            x = unit(x, given.pop(0))
        x = F.relu(x)
        for level, (conv, modulated) in enumerate(zip(self.rise, self.risen, strict=True)):
            x = conv(upsample(x) if level else x)
            x = F.relu(modulated(x, given.pop(0)))
        return torch.sigmoid(self.picture(x))

    forward = paint


class _Function(Function):
    """A part of the painter that backends load; any batch, height and width."""

    multiple = Painter.stride

    def __init__(self, net: Painter):
        super().__init__()
        self.net = net


class Measure(_Function):
    """Statistics of the content."""

    inputs = {"picture": axes(3, Painter.stride)}
    outputs = ("content_mean", "content_deviation")

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(b 3 h w) in [0, 1] to (b 160) and (b 160)."""
        return self.net.measure(picture)


class Code(_Function):
    """Style code of what the encoder's "describe" gives of a style."""

    multiple = 1
    outputs = ("code",)

    def __init__(self, net: Painter):
        super().__init__(net)
        sizes = net.coder.channels.items()
        self.inputs = {f"gram_{tap}": (c, c) for tap, c in sizes} | {
            f"mean_{tap}": (c,) for tap, c in sizes
        }

    def forward(self, *described: Tensor) -> Tensor:
        """Gram matrices (c c) of every tap, then means (c), to a code (1 64)."""
        return self.net.coder(*(part[None] for part in described))


class Paint(_Function):
    """The picture in the style of a code."""

    inputs = {
        **Measure.inputs,
        "content_mean": axes(sum(MEASURED)),
        "content_deviation": axes(sum(MEASURED)),
        "code": axes(CODE),
    }
    outputs = ("painted",)
    margin = 32  # it sees 64 pixels far, but the outer ones hardly count

    def forward(self, picture: Tensor, mean: Tensor, deviation: Tensor, code: Tensor) -> Tensor:
        """(b 3 h w) in [0, 1], (b 160), (b 160) and (b 64) to (b 3 h w) in [0, 1]."""
        return self.net.paint(picture, mean, deviation, code)


def build() -> Painter:
    """The untrained painter (0.49 million parameters)."""
    return Painter()


def functions(net: Painter) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"measure": Measure(net), "code": Code(net), "paint": Paint(net)}
