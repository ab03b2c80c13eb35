"""Parameters of a run on a video."""

from __future__ import annotations

import math

from styleplug.core.params import Params, field


class Part(Params):
    """Which frames of a video are painted, and how they follow each other."""

    smooth: float = field(
        0.8,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Smoothness",
        help="Largest share of the frame before, moved along with the picture, in each frame. 0: "
        "each frame for itself, which flickers.",
    )
    start: float = field(0.0, ge=0.0, unit="s", label="From", help="Where to begin.")
    end: float = field(
        0.0, ge=0.0, unit="s", label="To", help="Where to end. 0: at the end of the video."
    )
    fps: float = field(
        0.0,
        ge=0.0,
        le=240.0,
        label="Frames per second",
        help="Fewer frames are painted sooner. 0: those of the video.",
    )

    @property
    def until(self) -> float:
        """Where painting ends, in seconds of the video."""
        return self.end or math.inf
