"""Our perceptual encoder: squeeze and expand convolutions, average pooling, no normalisation.

Each tap is named after a layer of VGG-19 (Simonyan & Zisserman 2014, arXiv:1409.1556).  It is a 1×1
map to the first principal components of that layer, so its Gram matrix approximates that of VGG-19.
The tap "colour" is the picture itself; its Gram matrix describes the palette.  The squeeze layers
(Iandola et al. 2016, arXiv:1602.07360) make the encoder fast.

Trained by `styleplug train encoder`.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.chain import Chain, Conv, Pool, Tap
from styleplug.nets.perceptual import perceptual_functions

LAYERS = (
    Tap("colour"),
    Conv("block1_1", 3, 16),
    Tap("relu1_1", 12),
    Pool(),
    Conv("block2_1", 16, 24),
    Conv("block2_2", 24, 56),
    Tap("relu2_1", 32),
    Pool(),
    Conv("block3_1_squeeze", 56, 32, 1),
    Conv("block3_1", 32, 112),
    Conv("block3_2_squeeze", 112, 32, 1),
    Conv("block3_2", 32, 112),
    Tap("relu3_1", 64),
    Conv("block3_3_squeeze", 112, 32, 1),
    Conv("block3_3", 32, 144),
    Pool(),
    Conv("block4_1_squeeze", 144, 56, 1),
    Conv("block4_1", 56, 208),
    Conv("block4_2_squeeze", 208, 56, 1),
    Conv("block4_2", 56, 208),
    Tap("relu4_1", 96),
    Conv("block4_3_squeeze", 208, 56, 1),
    Conv("block4_3", 56, 208),
    Tap("relu4_2", 128),
    Pool(),
    Conv("block5_1_squeeze", 208, 96, 1),
    Conv("block5_1", 96, 320),
    Conv("block5_2_squeeze", 320, 96, 1),
    Conv("block5_2", 96, 320),
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
    """The untrained encoder (1.2 million parameters)."""
    return Chain(LAYERS, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def functions(encoder: Chain) -> dict[str, nn.Module]:
    """What backends can load."""
    return perceptual_functions(encoder, CONTENT, STYLE)
