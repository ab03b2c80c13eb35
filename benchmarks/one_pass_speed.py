"""Seconds of one pass of `cnn`, against a net that was made for a single style.

    python benchmarks/one_pass_speed.py [--size 512] [--rounds 9]

Method: the baseline is a net of the size of the image transformation network of Johnson et al.
2016 (arXiv:1603.08155) with instance normalisation, as pytorch/examples' fast-neural-style has it
(9×9 convolution to 32 channels, two of stride 2 to 64 and 128, five residual blocks of 128, two
upsampled convolutions, 9×9 to RGB; 1.68 million parameters), in torch, channels last as well as
in torch's default layout; its weights are random, which does not change its time.  `cnn` is timed
with everything that a run of a new pair takes: describing the style, its code, measuring and
painting.  One after another, alternately, in one process; medians.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn
from turns import compare

from styleplug.backends.choose import choose
from styleplug.methods.cnn import METHOD
from styleplug.methods.shared.one_pass import OnePass
from styleplug.store import Store
from styleplug.swatches import SWATCHES


class Layer(nn.Module):
    """Reflected border, convolution, and where asked for upsampling before, normalising after."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, up: int = 1):
        super().__init__()
        self.border, self.up = kernel // 2, up
        self.convolution = nn.Conv2d(before, after, kernel, stride)
        self.normalise = nn.InstanceNorm2d(after, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to features, not yet rectified."""
        x = F.interpolate(x, scale_factor=float(self.up)) if self.up > 1 else x
        return self.normalise(self.convolution(F.pad(x, (self.border,) * 4, mode="reflect")))


class SingleStyle(nn.Module):
    """The baseline."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([Layer(3, 32, 9), Layer(32, 64, 3, 2), Layer(64, 128, 3, 2)])
        self.blocks = nn.ModuleList(
            [nn.ModuleList([Layer(128, 128, 3), Layer(128, 128, 3)]) for _ in range(5)]
        )
        self.rise = nn.ModuleList([Layer(128, 64, 3, up=2), Layer(64, 32, 3, up=2)])
        self.last = nn.Conv2d(32, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        """A picture (b 3 h w) to a picture."""
        for layer in self.down:
            x = F.relu(layer(x))
        for first, second in self.blocks:
            x = x + second(F.relu(first(x)))
        for layer in self.rise:
            x = F.relu(layer(x))
        return self.last(F.pad(x, (4,) * 4, mode="reflect"))


class Lent:
    """A Context outside the engine."""

    def __init__(self, backend: str):
        store = Store()
        files = {key: store.file(sources) for key, sources in METHOD.weights.items()}
        self._files, self._backend = files, choose(backend, "cpu")

    def net(self, key: str, function: str):  # noqa: ANN201 a Net
        """A function of the net declared under `key`."""
        return self._backend.load(self._files[key], function)

    def check(self) -> None:
        """Never stopped."""


def one_pass(backend: str, content: np.ndarray, style: np.ndarray) -> Callable[[], object]:
    """All that a run of `cnn` computes."""
    ctx = Lent(backend)
    net = OnePass.of(ctx, "encoder", "painter")

    def paint() -> object:
        return list(net.paints(content, net.code_of(style), ctx))

    return paint


def main(size: int = 512, rounds: int = 9) -> None:
    """Time and print."""
    rng = np.random.default_rng(0)
    content = rng.random((size, size, 3), dtype=np.float32)
    style = SWATCHES["waves"].paint()
    plain, fast = SingleStyle().eval(), SingleStyle().eval().to(memory_format=torch.channels_last)
    picture = torch.from_numpy(content.transpose(2, 0, 1)[None].copy())
    last = picture.to(memory_format=torch.channels_last)
    runs: dict[str, Callable[[], object]] = {
        "single style, torch": lambda: plain(picture),
        "single style, torch, channels last": lambda: fast(last),
        "cnn, onnx": one_pass("onnx", content, style),
        "cnn, torch": one_pass("torch", content, style),
    }
    title, heads = f"{size} px, {rounds} rounds", ("run", "single style / this")
    with torch.inference_mode():
        compare(runs, rounds, title, heads, ["single style, torch"])


if __name__ == "__main__":
    typer.run(main)
