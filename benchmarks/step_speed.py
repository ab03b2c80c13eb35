"""Time of one Gatys step (forward, loss, backward to the picture), our encoder against VGG-19.

    python benchmarks/step_speed.py [--size 512] [--rounds 7]

Method: VGG-19 is torchvision's up to relu5_1, with Gram losses at relu1_1 … relu5_1 and autograd,
in torch's default layout and in channels-last; random weights serve, for they cost the same.  Ours
is the embedded encoder through both backends, as Gatys calls it.  All take turns, round after
round, after one warm-up each, so that a change of the machine's pace meets all of them; quoted are
medians, the spread, and the ratio of medians to the faster VGG-19.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torchvision
import typer
from turns import compare

from styleplug.backends.choose import choose
from styleplug.core.weight import WeightFile
from styleplug.methods.gatys import METHOD
from styleplug.nets.perceptual import statistics
from styleplug.store import Store

RELUS = (1, 6, 11, 20, 29)  # relu1_1 … relu5_1


def embedded() -> WeightFile:
    """The embedded encoder."""
    return Store().file(METHOD.weights["styleplug"])


def vgg_step(size: int, layout: torch.memory_format) -> Callable[[], object]:
    """A step with torchvision's VGG-19."""
    torch.manual_seed(0)
    layers = torchvision.models.vgg19(weights=None).features[:30].requires_grad_(False)
    layers = layers.to(memory_format=layout)
    picture = torch.rand(1, 3, size, size).to(memory_format=layout)

    def step() -> object:
        x = picture.detach().requires_grad_(True)
        loss, value = torch.zeros(()), x
        for index, layer in enumerate(layers):
            value = layer(value)
            if index in RELUS:
                loss = loss + statistics(value)[1].square().sum()
        return torch.autograd.grad(loss, x)

    return step


def our_step(backend: str, size: int) -> Callable[[], object]:
    """A step as `styleplug.methods.gatys` makes it."""
    kind = choose(backend, "cpu")
    describe, loss = (kind.load(embedded(), name) for name in ("describe", "gram"))
    rng = np.random.default_rng(0)
    target = describe(picture=rng.random((1, 3, size, size), np.float32))
    given = {name: value for name, value in target.items() if name in loss.spec.inputs}
    layers = sum(name.startswith("gram_") for name in given)
    contents = sum(name.startswith("content_") for name in given)
    given |= {
        "picture": rng.random((1, 3, size, size), np.float32),
        "content_weights": np.ones(contents, np.float32),
        "style_weights": np.ones(layers, np.float32),
        "content_l1": np.zeros((), np.float32),
        "variation_weight": np.zeros((), np.float32),
    }
    return lambda: loss(**given)


def main(size: int = 512, rounds: int = 7) -> None:
    """Time the steps and print the table."""
    steps = {
        "VGG-19, torch, default layout": vgg_step(size, torch.contiguous_format),
        "VGG-19, torch, channels last": vgg_step(size, torch.channels_last),
        "styleplug encoder, torch": our_step("torch", size),
        "styleplug encoder, onnx": our_step("onnx", size),
    }
    title = f"One step at {size} × {size}, {torch.get_num_threads()} threads"
    vgg = [name for name in steps if name.startswith("VGG")]
    compare(steps, rounds, title, ("encoder", "VGG-19 / this"), vgg)


if __name__ == "__main__":
    typer.run(main)
