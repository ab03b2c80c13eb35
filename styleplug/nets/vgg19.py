"""The features of VGG-19 up to relu5_1 (Simonyan & Zisserman 2014, arXiv:1409.1556).

Layers are named as in Gatys, Ecker & Bethge 2016 and numbered as in torchvision, so the tensors of
`timm/vgg19.tv_in1k` can be loaded unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from styleplug.nets.chain import Chain, Conv, Layer, Pool, Tap
from styleplug.nets.perceptual import perceptual_functions

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))  # channels, convolutions
STYLE = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0)
CONTENT = ("relu4_2",)


def conv_names() -> dict[str, str]:
    """The name that each convolution has in the original release (conv1_1 …): its name here."""
    places = [(b, n) for b, (_, count) in enumerate(_BLOCKS, 1) for n in range(1, count + 1)]
    convs = [layer.name for layer in LAYERS if isinstance(layer, Conv)]
    return {f"conv{b}_{n}": name for (b, n), name in zip(places, convs, strict=True)}


def _layers(taps: Collection[str]) -> tuple[Layer, ...]:
    """All layers up to the last tap."""
    layers: list[Layer] = []
    inputs, index = 3, 0
    for block, (channels, count) in enumerate(_BLOCKS, start=1):
        for position in range(1, count + 1):
            layers.append(Conv(str(index), inputs, channels))
            inputs, index = channels, index + 2  # torchvision also counts the ReLU
            tap = f"relu{block}_{position}"
            if tap in taps:
                layers.append(Tap(tap))
        if block < len(_BLOCKS):
            layers.append(Pool("max"))
            index += 1
    while not isinstance(layers[-1], Tap):
        layers.pop()
    return tuple(layers)


LAYERS = _layers((*STYLE, *CONTENT))


def build(layers: Sequence[Layer] = LAYERS) -> Chain:
    """The untrained net; its input is normalised as torchvision's weights expect."""
    return Chain(layers, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def functions(encoder: Chain) -> dict[str, nn.Module]:
    """What backends can load."""
    return perceptual_functions(encoder, CONTENT, STYLE)


def load(file: Path, taps: Collection[str] = (*STYLE, *CONTENT)) -> Chain:
    """The frozen network with the weights of a safetensors file, in float32.

    Args:
        taps: the layers to return.
        file: with the names of torchvision (features.0.weight …), or with those of the original
            release (conv1_1.weight …), whose input is BGR from 0 to 255 minus the mean.

    Raises:
        KeyError: the file holds neither.
    """
    state = {key: value.float() for key, value in load_file(file).items()}
    net = build(_layers(taps))
    if "conv1_1.weight" in state:
        state = _from_original(state, net.std.flatten())
    net.load_state_dict({key: state[key] for key in net.state_dict()})
    return net.eval().requires_grad_(False)


def _from_original(state: dict[str, Tensor], std: Tensor) -> dict[str, Tensor]:
    """Weights of the original release, renamed and adapted to normalised RGB input."""
    renamed = {
        f"features.{name}.{part}": state[f"{original}.{part}"]
        for original, name in conv_names().items()
        for part in ("weight", "bias")
    }
    first = renamed["features.0.weight"].flip(1)  # the original channels are blue, green, red
    renamed["features.0.weight"] = first * (255 * std)[None, :, None, None]
    return renamed
