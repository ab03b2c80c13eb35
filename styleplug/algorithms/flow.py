"""Optical flow between the frames of a clip, and results that do not flicker.

The result before is moved along with the picture.  A method that optimises keeps the next result
like it by a loss, as in Ruder, Dosovitskiy & Brox 2016, arXiv:1604.08610.  Results of all other
methods are blended with it.  The flow is that of Kroeger et al. 2016, "Fast Optical Flow using
Dense Inverse Search", arXiv:1603.03590, from OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from styleplug.algorithms.optimisers import Loss
from styleplug.core.array import Arrays, Floats, Pixels
from styleplug.system.extras import require

_CUT = 0.6  # share of a frame that the one before it does not explain, from which it is a cut
_NOISE = 0.04  # difference of colours that noise and compression cause


@dataclass(frozen=True)
class Motion:
    """How a frame follows from the one before it.

    Args:
        place: (h, w, 2) where each pixel was in the frame before, x and y.
        trust: (h, w) in [0, 1], how surely it is the same thing; 0 where something appeared.
    """

    place: Floats
    trust: Floats

    @property
    def cut(self) -> bool:
        """Whether the frame shows something else than the one before it."""
        return float(np.mean(self.trust < 0.5)) > _CUT

    def moved(self, before: Pixels) -> Pixels:
        """A picture (h, w, 3) of the frame before, moved to this one."""
        cv2 = _cv2()
        moved: Pixels = cv2.remap(
            before, self.place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        np.clip(moved, 0, 1, out=moved)
        return moved


class Flow:
    """Finds the motion between frames.

    Raises:
        UsageError: OpenCV is not installed.
    """

    def __init__(self) -> None:
        cv2 = _cv2()
        self._search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def between(self, before: Pixels, after: Pixels) -> Motion:
        """The motion from a frame (h, w, 3) to the next one.

        A pixel is trusted if the flow there and the flow back meet, by the rule of Sundaram et al.
        2010, and if its colour is the same.
        """
        cv2 = _cv2()
        one, other = (_grey(cv2, frame) for frame in (before, after))
        back, there = self._search.calc(other, one, None), self._search.calc(one, other, None)
        height, width = other.shape
        grid = np.stack(np.meshgrid(*map(np.arange, (width, height))), axis=2).astype(np.float32)
        place = grid + back
        returned = cv2.remap(there, place, None, cv2.INTER_LINEAR)
        gap = np.square(back + returned).sum(2)
        allowed = 0.01 * (np.square(back).sum(2) + np.square(returned).sum(2)) + 0.5
        seen = cv2.remap(before, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        differs = np.abs(seen - after).mean(2)
        trust = (gap < allowed) * np.exp(-np.square(np.maximum(differs - _NOISE, 0) / _NOISE))
        inside = (place >= 0).all(2) & (place <= (width - 1, height - 1)).all(2)
        trust = (trust * inside).astype(np.float32)
        return Motion(place, np.minimum(trust, cv2.erode(trust, np.ones((3, 3)))))


def blended(painted: Pixels, before: Pixels, motion: Motion, smooth: float) -> Pixels:
    """A result, blended with the moved result before it.

    Args:
        painted: (h, w, 3) in [0, 1].
        before: the result before it, of the same shape.
        smooth: the largest share of the result before it, in [0, 1].
    """
    share = np.float32(smooth) * motion.trust[:, :, None]
    return painted + share * (motion.moved(before) - painted)


def temporal(loss: Loss, before: Pixels, trust: Floats, weight: float) -> Loss:
    """A loss that also counts the difference from the moved result of the frame before.

    It is that of Ruder et al., (7): the mean of the squared difference, where it is trusted.

    Args:
        loss: to which it is added.
        before: like the picture.
        trust: in [0, 1], of a shape that fits.
        weight: of this loss.
    """

    def both(picture: Pixels) -> Arrays:
        found, apart = loss(picture=picture), picture - before
        slope = (2 * weight / picture.size) * trust * apart
        return {**found, "gradient": found["gradient"] + slope}

    return both


def _grey(cv2: Any, frame: Pixels) -> Any:
    return cv2.cvtColor((frame * 255 + 0.5).astype(np.uint8), cv2.COLOR_RGB2GRAY)


def _cv2() -> Any:
    """OpenCV.

    Raises:
        UsageError: it is not installed.
    """
    require("video", "video")
    import cv2

    return cv2
