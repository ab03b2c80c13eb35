"""The features of VGG-19 up to relu5_1 (Simonyan & Zisserman 2014, arXiv:1409.1556).

Layers are named as in Gatys, Ecker & Bethge 2016 and numbered as torchvision numbers them, so
that the tensors of `timm/vgg19.tv_in1k` load as they are.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.chain import Chain, Conv, Layer, Pool, Tap
from styleplug.nets.perceptual import perceptual_functions

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))  # channels, convolutions
STYLE = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 1.0)
CONTENT = ("relu4_2",)


def _layers() -> tuple[Layer, ...]:
    layers: list[Layer] = []
    inputs, index = 3, 0
    for block, (channels, count) in enumerate(_BLOCKS, start=1):
        for position in range(1, count + 1):
            layers.append(Conv(str(index), inputs, channels))
            inputs, index = channels, index + 2  # torchvision counts the ReLU too
            tap = f"relu{block}_{position}"
            if tap in STYLE or tap in CONTENT:
                layers.append(Tap(tap))
        if block < len(_BLOCKS):
            layers.append(Pool("max"))
            index += 1
    return tuple(layers)


LAYERS = _layers()


def build() -> Chain:
    """The untrained net; its input is normalised as torchvision's weights expect."""
    return Chain(LAYERS, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def functions(encoder: Chain) -> dict[str, nn.Module]:
    """What backends can load."""
    return perceptual_functions(encoder, CONTENT, STYLE)
