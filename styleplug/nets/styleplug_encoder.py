"""Our own perceptual encoder: squeeze and expand convolutions, average pooling, no normalisation.

The first layer works at full resolution, so that single brush marks count; the squeezes
(Iandola et al. 2016, arXiv:1602.07360) keep wide taps cheap.  Trained by
`styleplug.training.encoder`.
"""

from __future__ import annotations

from styleplug.nets.chain import Chain, Conv, Pool, Tap

LAYERS = (
    Conv("fine", 3, 16),
    Tap("fine"),
    Pool(),
    Conv("stroke1", 16, 24),
    Conv("stroke2", 24, 64),
    Tap("stroke"),
    Pool(),
    Conv("grain1_squeeze", 64, 32, 1),
    Conv("grain1", 32, 96),
    Conv("grain2_squeeze", 96, 32, 1),
    Conv("grain2", 32, 112),
    Tap("grain2"),
    Conv("grain3_squeeze", 112, 32, 1),
    Conv("grain3", 32, 144),
    Tap("grain3"),
    Pool(),
    Conv("motif1_squeeze", 144, 48, 1),
    Conv("motif1", 48, 176),
    Tap("motif1"),
    Conv("motif2_squeeze", 176, 48, 1),
    Conv("motif2", 48, 176),
    Conv("motif3_squeeze", 176, 64, 1),
    Conv("motif3", 64, 208),
    Tap("motif3"),
)


def build() -> Chain:
    """The untrained encoder (0.8 million parameters)."""
    return Chain(LAYERS, mean=(0.48, 0.45, 0.40), std=(0.26, 0.26, 0.26))
