"""Our perceptual encoder: VGG-19 with fewer channels and fewer convolutions.

Each convolution is named after the convolution of VGG-19 (Simonyan & Zisserman 2014,
arXiv:1409.1556) that it imitates, and each tap after a layer.  A tap is a 1×1 map to the first
principal components of that layer, so its Gram matrix approximates that of VGG-19.  The tap
"colour" is the picture itself; its Gram matrix describes the palette.

Trained by `styleplug train encoder`.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.chain import Chain, Conv, Pool, Tap
from styleplug.nets.perceptual import perceptual_functions

LAYERS = (
    Tap("colour"),
    Conv("conv1_1", 3, 16),
    Tap("relu1_1", 12),
    Conv("conv1_2", 16, 16),
    Pool("max"),
    Conv("conv2_1", 16, 40),
    Tap("relu2_1", 32),
    Conv("conv2_2", 40, 40),
    Pool("max"),
    Conv("conv3_1", 40, 88),
    Tap("relu3_1", 64),
    Conv("conv3_2", 88, 88),
    Conv("conv3_4", 88, 88),
    Pool("max"),
    Conv("conv4_1", 88, 176),
    Tap("relu4_1", 96),
    Conv("conv4_2", 176, 176),
    Tap("relu4_2", 128),
    Conv("conv4_3", 176, 176),
    Conv("conv4_4", 176, 176),
    Pool("max"),
    Conv("conv5_1", 176, 256),
    Tap("relu5_1", 96),
)
STYLE = {  # layer: weight of its loss
    "colour": 0.3,  # enough against neon fringes; more removes strokes from the result
    "relu1_1": 1.0,
    "relu2_1": 1.0,
    "relu3_1": 1.0,
    "relu4_1": 1.0,
    "relu5_1": 1.0,
}
CONTENT = ("relu4_2",)


def build() -> Chain:
    """The untrained encoder (1.6 million parameters)."""
    return Chain(LAYERS, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def functions(encoder: Chain) -> dict[str, nn.Module]:
    """What backends can load."""
    return perceptual_functions(encoder, CONTENT, STYLE)
