"""An autoencoder with four depths: pictures to features, and features to pictures.

The encoder is the chain of `styleplug_encoder` without its maps, so that its features are those
of a perceptual encoder: a layer's statistics say how a picture is painted.  Each depth has a
decoder of its own, straight to pixels (Li et al. 2017, arXiv:1705.08086), without normalisation,
since that would undo whatever statistics the features were given.

Trained by `styleplug train autoencoder`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import styleplug_encoder
from styleplug.nets.chain import Conv, Pool
from styleplug.nets.function import Function
from styleplug.nets.layers import double
from styleplug.nets.shapes import EXAMPLE, free

DEPTHS = ("fine", "stroke2", "grain3", "motif3")  # the layer after which each level's features are
CHANNELS = (16, 64, 144, 208)  # of these features
_ENCODE_MARGINS = (1, 5, 17, 41)  # pixels that a feature of each level sees around its own
_DECODE_MARGINS = (3, 3, 4, 4)  # features that a pixel sees around its own
DECODERS = (  # channels of each decoder's convolutions, the picture doubling between groups
    ((16,), (16,)),
    ((32, 24), (12,)),
    ((80, 56), (32, 24), (12,)),
    ((128, 96), (64, 48), (32, 24), (12,)),
)


class Decoder(nn.Module):
    """Features to a picture: a linear map, and convolutions that mend what it gives.

    The linear map is 3×3, to 2×2 pixels, which are then enlarged smoothly: more pixels a position
    would show its grid.  `start_linear` finds the best map.  The convolutions double the picture
    between their groups, by nearest neighbours; the last ones see the linear picture too.
    """

    def __init__(self, channels: int, level: int):
        super().__init__()
        self.stride = 2 ** (level - 1)
        self.side = min(2, self.stride)  # of the pixels that a position gives
        self.linear = nn.Conv2d(channels, 3 * self.side**2, 3, padding=1, padding_mode="replicate")
        *groups, last = DECODERS[level - 1]
        self.groups = nn.ModuleList()
        for group in groups:
            convs = nn.ModuleList()
            for outputs in group:
                convs.append(nn.Conv2d(channels, outputs, 3, padding=1))
                channels = outputs
            self.groups.append(convs)
        self.last = nn.Conv2d(channels, last[0], 3, padding=1)
        self.base = nn.Conv2d(3, last[0], 3, padding=1)
        self.picture = nn.Conv2d(last[0], 3, 3, padding=1)
        for conv in (*(conv for convs in self.groups for conv in convs), self.last):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.picture.weight)
        nn.init.zeros_(self.picture.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(b c h/s w/s) to a picture (b 3 h w), not yet kept within [0, 1]."""
        base = self.linear_picture(features)
        x = features
        for number, convs in enumerate(self.groups):
            x = double(x) if number else x
            for conv in convs:
                x = F.relu(conv(x))
        x = double(x) if self.stride > 1 else x
        x = F.relu(self.last(x) + self.base(base - 0.5))
        return base + self.picture(x)

    def linear_picture(self, features: Tensor) -> Tensor:
        """What the linear map alone gives of (b c h/s w/s): (b 3 h w)."""
        base = self.linear(features)
        if self.side > 1:
            base = F.pixel_shuffle(base, self.side)
        if self.stride > self.side:
            base = F.interpolate(base, scale_factor=self.stride / self.side, mode="bilinear")
        return base

    @torch.no_grad()
    def start_linear(self, features: Tensor, pictures: Tensor) -> None:
        """Begin with the linear map that gives these pictures back best.

        Args:
            features: (b c h/s w/s), those of `pictures`.
            pictures: (b 3 h w).
        """
        count = self.linear.in_channels * 9
        normal = torch.zeros(count + 1, count + 1, dtype=torch.float64)
        right = torch.zeros(count + 1, self.linear.out_channels, dtype=torch.float64)
        pictures = F.avg_pool2d(pictures, self.stride // self.side)
        for some, wanted in zip(features.split(8), pictures.split(8), strict=True):
            inner = F.unfold(some, 3).transpose(0, 1).flatten(1)  # the border's padding is no rule
            known = torch.cat((inner, torch.ones_like(inner[:1])))
            shown = F.pixel_unshuffle(wanted, self.side)[:, :, 1:-1, 1:-1]
            normal += (known @ known.T).double().cpu()
            right += (known @ shown.transpose(0, 1).flatten(1).T).double().cpu()
        normal += _RIDGE * normal.diagonal().mean() * torch.eye(count + 1, dtype=torch.float64)
        answer = torch.linalg.solve(normal, right).T.to(self.linear.weight)
        self.linear.weight.copy_(answer[:, :-1].reshape(self.linear.weight.shape))
        self.linear.bias.copy_(answer[:, -1])
        scale = features.square().mean().sqrt()
        first = self.groups[0][0]
        first.weight /= scale  # so that its activations are of the usual size


_RIDGE = 1e-5  # of the mean square of a feature


class Autoencoder(nn.Module):
    """One encoder, and a decoder for each of its four levels (1 is the finest)."""

    levels = len(DEPTHS)

    def __init__(self) -> None:
        super().__init__()
        chain = styleplug_encoder.build()
        self.layers = [layer for layer in chain.layers if isinstance(layer, Conv | Pool)]
        self.features = chain.features
        self.decoders = nn.ModuleList(
            [Decoder(channels, level) for level, channels in enumerate(CHANNELS, 1)]
        )
        self.register_buffer("mean", chain.mean, persistent=False)
        self.register_buffer("std", chain.std, persistent=False)

    def encode(self, picture: Tensor, level: int) -> list[Tensor]:
        """Features (b c h/s w/s) of a picture (b 3 h w) in [0, 1] at the levels up to this one."""
        x = (picture - self.mean) / self.std
        found: list[Tensor] = []
        for layer in self.layers:
            if len(found) == level:
                break
            if isinstance(layer, Pool):
                x = F.avg_pool2d(x, 2)
                continue
            x = F.relu(self.features[layer.name](x))
            if layer.name in DEPTHS:
                found.append(x)
        return found

    def decode(self, features: Tensor, level: int) -> Tensor:
        """A picture (b 3 h w), not yet kept within [0, 1], of features of one level."""
        return self.decoders[level - 1](features)


class Encode(Function):
    """A picture to the features of one level."""

    inputs, outputs = ("picture",), ("features",)

    def __init__(self, net: Autoencoder, level: int):
        super().__init__()
        self.net, self.level = net, level
        self.multiple = 2 ** (level - 1)
        self.margin = _ENCODE_MARGINS[level - 1]

    def forward(self, picture: Tensor) -> Tensor:
        """(b 3 h w) in [0, 1] to (b c h/s w/s)."""
        return self.net.encode(picture, self.level)[-1]

    def examples(self) -> tuple[Tensor, ...]:
        """Pictures."""
        return (torch.rand(2, 3, *EXAMPLE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """Batch, height and width are free, the sides in multiples of the stride."""
        return (free(1, multiple=self.multiple),)


class Decode(Function):
    """Features of one level to a picture."""

    inputs, outputs = ("features",), ("picture",)

    def __init__(self, net: Autoencoder, level: int):
        super().__init__()
        self.net, self.level = net, level
        self.margin = _DECODE_MARGINS[level - 1]

    def forward(self, features: Tensor) -> Tensor:
        """(b c h/s w/s) to (b 3 h w) in [0, 1]."""
        return self.net.decode(features, self.level).clamp(0, 1)

    def examples(self) -> tuple[Tensor, ...]:
        """Features of pictures."""
        sides = (side // self.net.decoders[self.level - 1].stride for side in EXAMPLE)
        return (torch.rand(2, CHANNELS[self.level - 1], *sides),)

    def shapes(self) -> tuple[dict | None, ...]:
        """Batch, height and width are free."""
        return (free(1),)


def build() -> Autoencoder:
    """The untrained net (1.2 million parameters)."""
    return Autoencoder()


def functions(net: Autoencoder) -> dict[str, nn.Module]:
    """What backends can load: encode1 … encode4 and decode1 … decode4."""
    levels = range(1, net.levels + 1)
    return {f"encode{level}": Encode(net, level) for level in levels} | {
        f"decode{level}": Decode(net, level) for level in levels
    }
