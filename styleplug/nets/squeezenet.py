"""SqueezeNet 1.0 features: a teacher of our encoder, and a judge in benchmarks.

Iandola et al. 2016, arXiv:1602.07360.  Its weights are not part of the product; training and
benchmarks read them from a file of the user.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

STYLE_TAPS = ("conv1", "fire2", "fire3", "fire4", "fire5", "fire7")
CONTENT_TAP = "fire5"
_FIRES = {  # name: inputs, squeeze, expand
    "fire2": (96, 16, 64),
    "fire3": (128, 16, 64),
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
    "fire6": (256, 48, 192),
    "fire7": (384, 48, 192),
}
# Reflected border of the picture; with it the features lie over the cells of an unpadded
# chain of 2×2 poolings to within a fifth of a cell (the odd strides rule out an exact fit).
_BORDER = 4


class _Fire(nn.Module):
    """Squeeze by 1×1, expand by 1×1 and 3×3."""

    def __init__(self, inputs: int, squeeze: int, expand: int):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(b inputs h w) to (b 2·expand h w)."""
        x = F.relu(self.squeeze(x))
        return torch.cat((F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))), dim=1)


class SqueezeNet(nn.Module):
    """Features up to fire7 of a picture (b 3 h w) in [0, 1], h and w multiples of 8.

    conv1 has half the sides, fire2 to fire4 a quarter, fire5 to fire7 an eighth.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        for name, (inputs, squeeze, expand) in _FIRES.items():
            self.add_module(name, _Fire(inputs, squeeze, expand))
        mean = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Features by layer name: (b 96 h/2 w/2), (b 128 h/4 w/4) … (b 384 h/8 w/8)."""
        height, width = picture.shape[-2:]
        x = F.pad(picture, (_BORDER,) * 4, mode="reflect").flip(1) * 255 - self.mean
        x = F.relu(self.conv1(x))
        features = {"conv1": x[..., 1 : 1 + height // 2, 1 : 1 + width // 2]}
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for name in _FIRES:
            x = self.get_submodule(name)(x)
            stride = 4 if name in ("fire2", "fire3", "fire4") else 8
            features[name] = x[..., : height // stride, : width // stride]
            if name == "fire4":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        return features


def load(file: Path) -> SqueezeNet:
    """The frozen net with the weights of a safetensors file, in float32."""
    net = SqueezeNet()
    state = {key: value.float() for key, value in load_file(file).items()}
    net.load_state_dict({key: state[key] for key in net.state_dict()})
    return net.eval().requires_grad_(False)
