"""The first version of our perceptual encoder, whose weights are embedded; see `encoder`.

It has other layers than `encoder`.  Its taps are 1×1 maps to the principal components of layers of
SqueezeNet 1.0, its teacher.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.chain import Chain, Conv, Pool, Tap
from styleplug.nets.perceptual import perceptual_functions

LAYERS = (
    Tap("colour"),
    Conv("fine", 3, 16),
    Pool(),
    Conv("stroke1", 16, 24),
    Conv("stroke2", 24, 64),
    Tap("stroke", 32),
    Pool(),
    Conv("grain1_squeeze", 64, 32, 1),
    Conv("grain1", 32, 96),
    Conv("grain2_squeeze", 96, 32, 1),
    Conv("grain2", 32, 112),
    Tap("grain1", 40),
    Tap("grain2", 40),
    Conv("grain3_squeeze", 112, 32, 1),
    Conv("grain3", 32, 144),
    Tap("grain3", 64),
    Pool(),
    Conv("motif1_squeeze", 144, 48, 1),
    Conv("motif1", 48, 176),
    Tap("motif1", 64),
    Tap("layout", 128),
    Conv("motif2_squeeze", 176, 48, 1),
    Conv("motif2", 48, 176),
    Conv("motif3_squeeze", 176, 64, 1),
    Conv("motif3", 64, 208),
    Tap("motif3", 96),
)
STYLE = {  # layer: weight of its loss
    "colour": 0.3,  # enough against neon fringes; more removes strokes from the result
    "stroke": 1.0,
    "grain1": 1.0,
    "grain2": 1.0,
    "grain3": 1.0,
    "motif1": 1.0,
    "motif3": 1.0,
}
CONTENT = ("layout",)


def build() -> Chain:
    """The untrained encoder (0.50 million parameters)."""
    return Chain(LAYERS, mean=(0.48, 0.45, 0.40), std=(0.26, 0.26, 0.26))


def functions(encoder: Chain) -> dict[str, nn.Module]:
    """What backends can load."""
    return perceptual_functions(encoder, CONTENT, STYLE)
