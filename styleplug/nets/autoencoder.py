"""An autoencoder with four depths: pictures to features, and features to pictures.

The encoder is the chain of `encoder` without its maps.  So its features are perceptual: the
statistics of a layer describe how a picture is painted.  Each depth has its own decoder,
straight to pixels (Li et al. 2017, arXiv:1705.08086).  There is no normalisation, which would undo
the statistics that the features were given.

Trained by `styleplug train autoencoder`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets import encoder
from styleplug.nets.chain import Conv, Pool
from styleplug.nets.function import Function, axes
from styleplug.nets.layers import set_bias, unbiased, upsample, zeroed

DEPTHS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")  # the layers of the features of each level
CHANNELS = (16, 40, 88, 176)  # of these features
_ENCODE_MARGINS = (1, 5, 13, 33)  # pixels that a feature of each level sees around its own
_DECODE_MARGINS = (3, 3, 4, 4)  # features that a pixel sees around its own
DECODERS = (  # channels of the convolutions of each decoder; the sides double between groups
    ((16,), (16,)),
    ((32, 24), (12,)),
    ((80, 56), (32, 24), (12,)),
    ((128, 96), (64, 48), (32, 24), (12,)),
)


class Decoder(nn.Module):
    """Features to a picture: a linear map, and convolutions that correct its result.

    The linear map is 3×3, to 2×2 pixels, which are then enlarged smoothly: with more pixels per
    position its grid would be visible.  `start_linear` finds the best map.  The convolutions double
    the sides between their groups, by nearest neighbours; the last ones also see the linear
    picture.
    """

    def __init__(self, channels: int, level: int):
        super().__init__()
        self.stride = 2 ** (level - 1)
        self.side = min(2, self.stride)  # of the block of pixels that a position gives
        self.linear = nn.Conv2d(channels, 3 * self.side**2, 3, padding=1, padding_mode="replicate")
        *groups, last = DECODERS[level - 1]
        self.groups = nn.ModuleList()
        convs: list[nn.Conv2d] = []
        for group in groups:
            for outputs in group:
                convs.append(nn.Conv2d(channels, outputs, 3, padding=1))
                channels = outputs
            self.groups.append(nn.ModuleList(convs[-len(group) :]))
        self.last = nn.Conv2d(channels, last[0], 3, padding=1)
        self.base = nn.Conv2d(3, last[0], 3, padding=1)
        self.picture = zeroed(nn.Conv2d(last[0], 3, 3, padding=1))
        for conv in (*convs, self.last):
            nn.init.kaiming_normal_(unbiased(conv).weight, nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """Features (b c h/s w/s) to a picture (b 3 h w), not yet clamped to [0, 1]."""
        base = self.linear_picture(features)
        x = features
        for number, convs in enumerate(self.groups):
            x = upsample(x) if number else x
            for conv in convs.children():
                x = F.relu(conv(x))
        x = upsample(x) if self.stride > 1 else x
        x = F.relu(self.last(x) + self.base(base - 0.5))
        return base + self.picture(x)

    def linear_picture(self, features: Tensor) -> Tensor:
        """The result of the linear map alone: (b c h/s w/s) to (b 3 h w)."""
        base = self.linear(features)
        if self.side > 1:
            base = F.pixel_shuffle(base, self.side)
        if self.stride > self.side:
            base = F.interpolate(base, scale_factor=self.stride / self.side, mode="bilinear")
        return base

    @torch.no_grad()
    def start_linear(self, features: Tensor, pictures: Tensor) -> None:
        """Set the linear map to the one that reconstructs these pictures best.

        Args:
            features: (b c h/s w/s), of `pictures`.
            pictures: (b 3 h w).
        """
        count = self.linear.in_channels * 9
        gram = torch.zeros(count + 1, count + 1, dtype=torch.float64)
        products = torch.zeros(count + 1, self.linear.out_channels, dtype=torch.float64)
        pictures = F.avg_pool2d(pictures, self.stride // self.side)
        batches = (torch.split(part, 8) for part in (features, pictures))
        for some, picture_batch in zip(*batches, strict=True):
            windows = (
                F.unfold(some, 3).transpose(0, 1).flatten(1)
            )  # without the border, whose padding is arbitrary
            inputs = torch.cat((windows, torch.ones_like(windows[:1])))
            targets = F.pixel_unshuffle(picture_batch, self.side)[:, :, 1:-1, 1:-1]
            gram += (inputs @ inputs.T).double().cpu()
            products += (inputs @ targets.transpose(0, 1).flatten(1).T).double().cpu()
        gram += _RIDGE * gram.diagonal().mean() * torch.eye(count + 1, dtype=torch.float64)
        solution = torch.linalg.solve(gram, products).T.to(self.linear.weight)
        self.linear.weight.copy_(solution[:, :-1].reshape(self.linear.weight.shape))
        set_bias(self.linear, solution[:, -1])
        scale = features.square().mean().sqrt()
        # Then its activations have the usual magnitude.
        self.get_parameter("groups.0.0.weight").div_(scale)


_RIDGE = 1e-5  # of the mean square of a feature


class Autoencoder(nn.Module):
    """One encoder, and a decoder for each of its four levels (1 is the finest)."""

    levels = len(DEPTHS)

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        chain = encoder.build()
        layers = [layer for layer in chain.layers if isinstance(layer, Conv | Pool)]
        last = next(n for n, layer in enumerate(layers) if getattr(layer, "name", "") == DEPTHS[-1])
        self.layers = layers[: last + 1]
        convs = [layer.name for layer in self.layers if isinstance(layer, Conv)]
        self.features = nn.ModuleDict({name: chain.features[name] for name in convs})
        self.decoders = nn.ModuleList(
            [Decoder(channels, level) for level, channels in enumerate(CHANNELS, 1)]
        )
        self.register_buffer("mean", chain.mean, persistent=False)
        self.register_buffer("std", chain.std, persistent=False)

    def encode(self, picture: Tensor, level: int) -> list[Tensor]:
        """Features (b c h/s w/s) of a picture (b 3 h w) in [0, 1], at the levels 1 to `level`."""
        x = (picture - self.mean) / self.std
        found: list[Tensor] = []
        for layer in self.layers:
            if len(found) == level:
                break
            if isinstance(layer, Pool):
                x = layer(x)
                continue
            x = F.relu(self.features[layer.name](x))
            if layer.name in DEPTHS:
                found.append(x)
        return found

    def decode(self, features: Tensor, level: int) -> Tensor:
        """Features of one level to a picture (b 3 h w), not yet clamped to [0, 1]."""
        return self.decoders[level - 1](features)


class Encode(Function):
    """A picture to the features of one level."""

    outputs = ("features",)

    def __init__(self, net: Autoencoder, level: int):
        super().__init__()
        self.net, self.level = net, level
        self.multiple = 2 ** (level - 1)
        self.inputs = {"picture": axes(3, self.multiple)}
        self.margin = _ENCODE_MARGINS[level - 1]

    def forward(self, picture: Tensor) -> Tensor:
        """(b 3 h w) in [0, 1] to (b c h/s w/s)."""
        return self.net.encode(picture, self.level)[-1]


class Decode(Function):
    """Features of one level to a picture."""

    outputs = ("picture",)

    def __init__(self, net: Autoencoder, level: int):
        super().__init__()
        self.net, self.level = net, level
        self.inputs = {"features": axes(CHANNELS[level - 1], 1)}
        self.margin = _DECODE_MARGINS[level - 1]

    def forward(self, features: Tensor) -> Tensor:
        """(b c h/s w/s) to (b 3 h w) in [0, 1]."""
        return self.net.decode(features, self.level).clamp(0, 1)


def build() -> Autoencoder:
    """The untrained net (1.2 million parameters)."""
    return Autoencoder()


def functions(net: Autoencoder) -> dict[str, nn.Module]:
    """What backends can load: encode1 … encode4 and decode1 … decode4."""
    levels = range(1, net.levels + 1)
    return {f"encode{level}": Encode(net, level) for level in levels} | {
        f"decode{level}": Decode(net, level) for level in levels
    }
