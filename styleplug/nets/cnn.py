"""Any style in one pass: content encoder, style code, and a decoder that the code modulates.

The style encoder is `styleplug_encoder`: `code` takes the means and Gram matrices that its
function "describe" gives.  The decoder is modulated at every depth by a scale and an offset per
channel (FiLM, Perez et al. 2018, arXiv:1709.07871; predicted from a style as in Ghiasi et al.
2017, arXiv:1705.06830).  Content features are normalised once, before the modulation (AdaIN,
Huang & Belongie 2017, arXiv:1703.06868), by statistics that come from outside: of the whole
picture's thumbnail, so that tiles of a large picture agree.

Trained by `styleplug train cnn`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import styleplug_encoder

LEADING = 10  # components of a tap (they are principal ones) whose correlations enter the code
CODE = 64
HIDDEN = 64
_TINY = 1e-5


class Modulated(nn.Module):
    """y · (1 + scale) + offset, both given per channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """(b c h w) by a modulation (b 2c)."""
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
    """Means and Gram matrices of the encoder's style taps to a style code."""

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
        """Means, deviations and leading correlations (b k) of Gram matrices and means."""
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
        """What `features` gave (b k) to codes (b CODE)."""
        known = ((features - self.centre) / self.spread).clamp(-4, 4)
        return self.code(F.leaky_relu(self.hidden(known), 0.2))


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
        self.rise = nn.ModuleList(
            [
                nn.Conv2d(64, 32, 3, padding=1),
                nn.Conv2d(32, 24, 3, padding=1),
                nn.Conv2d(24, 12, 3, padding=1),
            ]
        )
        self.risen = nn.ModuleList([Modulated(conv.out_channels) for conv in self.rise])
        self.picture = nn.Conv2d(12, 3, 3, padding=1)
        self.sizes = [2 * m.channels for m in self.modules() if isinstance(m, Modulated)]
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

    def measure(self, picture: Tensor) -> Tensor:
        """Means and deviations (b 320) of the content features of a picture (b 3 h w)."""
        parts = []
        for features in self.encode(picture):
            mean = features.mean((2, 3))
            centred = features - mean[:, :, None, None]
            parts += [mean, (centred.square().mean((2, 3)) + _TINY).sqrt()]
        return torch.cat(parts, dim=1)

    def paint(self, picture: Tensor, statistics: Tensor, code: Tensor) -> Tensor:
        """A picture (b 3 h w) in the style of a code (b CODE); statistics as of `measure`."""
        wide_entry, fine_entry, *given = self.modulate(code).split(
            [2 * 96, 2 * 64, *self._unit_sizes()], dim=1
        )
        fine, wide = self.encode(picture)
        fine_mean, fine_deviation, wide_mean, wide_deviation = statistics[:, :, None, None].split(
            [64, 64, 96, 96], dim=1
        )
        x = self.wide_entry((wide - wide_mean) / wide_deviation, wide_entry)
        for unit in self.wide:
            x = unit(x, given.pop(0))
        x = _double(self.narrow(F.relu(x)))
        x = x + self.fine_entry((fine - fine_mean) / fine_deviation, fine_entry)
        for unit in self.fine:
            x = unit(x, given.pop(0))
        x = F.relu(x)
        for level, (conv, modulated) in enumerate(zip(self.rise, self.risen, strict=True)):
            x = conv(_double(x) if level else x)
            x = F.relu(modulated(x, given.pop(0)))
        return torch.sigmoid(self.picture(x))

    def _unit_sizes(self) -> list[int]:
        units = [unit.modulated for unit in (*self.wide, *self.fine)]
        return [2 * modulated.channels for modulated in (*units, *self.risen)]

    forward = paint


def _double(x: Tensor) -> Tensor:
    """(b c h w) to (b c 2h 2w); nearest neighbours, which leave no checkerboard."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
