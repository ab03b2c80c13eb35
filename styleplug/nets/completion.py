"""A network that fills the masked part of a picture.

It is a U-net of gated convolutions (Yu et al. 2019, "Free-Form Image Inpainting with Gated
Convolution", arXiv:1806.03589), which learn to ignore masked positions.  At a sixteenth of the
sides, dilated units and an attention that reads known positions only (after the contextual
attention of Yu et al. 2018, arXiv:1801.07892) see the whole picture.  A code of noise scales and
shifts the units, as in co-modulation (Zhao et al. 2021, arXiv:2103.10428): other noise gives
another result.  A plane of noise ("grain") is the source of texture.

Departures from the papers: one stage instead of two; normalisation over channels only, so that the
network takes any size.  The known part is put back outside of the network.

Trained by `styleplug train completion`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import Noise
from styleplug.nets.function import Function, axes
from styleplug.nets.layers import unbiased, upsample

MULTIPLE = 16  # of the picture's sides
NOISE = 64  # numbers in a code of noise
_CHANNELS = (24, 48, 96, 128, 160)  # channels at each level, from full size to a sixteenth
_SQUEEZED = 96
_DILATIONS = (1, 2, 4, 1, 2, 4)
_HEADS = 4
_MASKED_LOGIT = -20.0  # added to the attention logits of positions that are completely unknown


class Gated(nn.Module):
    """A convolution with a learned gate: ELU(a) · sigmoid(b)."""

    def __init__(self, given: int, made: int, kernel: int = 3, stride: int = 1, dilation: int = 1):
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.both = nn.Conv2d(given, 2 * made, kernel, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(b given h w) to (b made h/stride w/stride)."""
        value, gate = self.both(x).chunk(2, dim=1)
        return F.elu(value) * torch.sigmoid(gate)


class Modulated(nn.Module):
    """Normalise the channels at each position, then scale and shift them by a code."""

    def __init__(self, channels: int):
        super().__init__()
        self.affine = nn.Linear(NOISE, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.1 / NOISE**0.5)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(b c h w) and a code (b n) to (b c h w)."""
        scale, shift = self.affine(code)[:, :, None, None].chunk(2, dim=1)
        size = x.float().square().mean(1, keepdim=True) + 1e-4
        return x * size.rsqrt().to(x.dtype) * (1 + scale) + shift


class Unit(nn.Module):
    """A residual unit: modulate, squeeze, a gated dilated convolution, expand."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.modulate = Modulated(channels)
        self.squeeze = nn.Conv2d(channels, _SQUEEZED, 1)
        self.look = Gated(_SQUEEZED, _SQUEEZED, dilation=dilation)
        self.expand = nn.Conv2d(_SQUEEZED, channels, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.expand(self.look(F.elu(self.squeeze(self.modulate(x, code)))))


class Attention(nn.Module):
    """A residual unit by which each position reads all known positions."""

    def __init__(self, channels: int):
        super().__init__()
        self.modulate = Modulated(channels)
        self.ask = nn.Conv2d(channels, channels, 1)
        self.answer = nn.Conv2d(channels, 2 * channels, 1)
        self.last = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, code: Tensor, unknown: Tensor) -> Tensor:
        """(b c h w) to the same shape; `unknown` (b 1 h w) is the masked share of each position."""
        normalised = self.modulate(x, code)
        queries = self.ask(normalised).flatten(2).unflatten(1, (_HEADS, -1))  # b heads c positions
        keys_and_values = self.answer(normalised).flatten(2).unflatten(1, (2 * _HEADS, -1))
        keys, values = keys_and_values.chunk(2, dim=1)
        masked = _MASKED_LOGIT * unknown.flatten(2)[:, :, None]
        logits = queries.transpose(2, 3) @ keys / queries.shape[2] ** 0.5 + masked
        found = logits.softmax(3).to(values.dtype) @ values.transpose(2, 3)
        return x + self.last(found.transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[2:]))


class Rise(nn.Module):
    """Double the sides, add the skip connection, modulate."""

    def __init__(self, given: int, made: int):
        super().__init__()
        self.rise = Gated(given, made)
        self.beside = nn.Conv2d(made, made, 1)
        self.modulate = Modulated(made)

    def forward(self, x: Tensor, known: Tensor, code: Tensor) -> Tensor:
        """(b given h w) and the skip connection (b made 2h 2w) to (b made 2h 2w)."""
        return self.modulate(self.rise(upsample(x)) + self.beside(known), code)


class Completion(nn.Module):
    """Masked picture, mask and noise to a picture."""

    def __init__(self) -> None:
        super().__init__()
        deepest = _CHANNELS[-1]
        self.entry = Gated(5, _CHANNELS[0], kernel=5)
        steps = list(zip(_CHANNELS[:-1], _CHANNELS[1:], strict=True))
        self.down = nn.ModuleList(Gated(few, many, stride=2) for few, many in steps)
        self.code = nn.Sequential(nn.Linear(NOISE, NOISE), nn.ELU(), nn.Linear(NOISE, NOISE))
        self.units = nn.ModuleList(Unit(deepest, dilation) for dilation in _DILATIONS)
        self.gather = Attention(deepest)
        self.up = nn.ModuleList(Rise(many, few) for few, many in reversed(steps))
        self.last = Gated(_CHANNELS[0], _CHANNELS[0])
        self.picture = unbiased(nn.Conv2d(_CHANNELS[0], 3, 3, padding=1), 0.5)

    def forward(self, picture: Tensor, mask: Tensor, noise: Tensor, grain: Tensor) -> Tensor:
        """A picture (b 3 h w) that continues the known part; it may slightly exceed [0, 1].

        Args:
            picture: (b 3 h w) in [0, 1]; the masked part is ignored.
            mask: (b 1 h w), 1 where the picture is unknown.
            noise: (b n), standard normal.
            grain: (b 1 h w), standard normal.
        """
        code = self.code(noise)
        known = (picture * 2 - 1) * (1 - mask)
        x = self.entry(torch.cat((known, mask, grain * mask), dim=1))
        passed = []
        for down in self.down:
            passed.append(x)
            x = down(x)
        unknown = F.avg_pool2d(mask, MULTIPLE)
        half = len(self.units) // 2
        for unit in self.units[:half]:
            x = unit(x, code)
        x = self.gather(x, code, unknown)
        for unit in self.units[half:]:
            x = unit(x, code)
        for rise in self.up:
            x = rise(x, passed.pop(), code)
        return self.picture(self.last(x))


class Fill(Function):
    """Function "fill"."""

    inputs = {
        "picture": axes(3, MULTIPLE),
        "mask": axes(1, MULTIPLE),
        "noise": axes(NOISE),
        "grain": axes(1, MULTIPLE),
    }
    outputs = ("filled",)
    multiple = MULTIPLE
    noises = {"noise": Noise(NOISE), "grain": Noise(1, stride=1)}

    def __init__(self, net: Completion):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, mask: Tensor, noise: Tensor, grain: Tensor) -> tuple[Tensor]:
        """A picture (b 3 h w) in [0, 1]; where nothing is masked it is close to the input."""
        return (self.net(picture, mask, noise, grain).clamp(0, 1),)


def build() -> Completion:
    """The untrained net (2.9 million parameters)."""
    return Completion()


def functions(net: Completion) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"fill": Fill(net)}
