"""Types of the arrays that layers pass to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Numbers that a net takes or returns: features, latents, noise.  The docstring says the shape."""
Pixels = NDArray[np.float32]
"""A picture: (h, w, 3), values in [0, 1], sRGB, upright."""
Mask = NDArray[np.bool_]
"""A choice of pixels: (h, w)."""
Indices = NDArray[np.integer[Any]]
"""Numbers of pixels, patches or pictures."""
Doubles = NDArray[np.float64]
"""Numbers inside maths that float32 is too coarse for."""
Bytes = NDArray[np.uint8]
"""A picture as files hold it: values from 0 to 255."""
Arrays = Mapping[str, Floats]
"""What a net takes or returns, by name."""
