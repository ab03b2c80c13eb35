"""Fields that several tasks have."""

from __future__ import annotations

from typing import Any

from styleplug.core.params import field

SCRATCH = "Nothing"
"""How a start from nothing is called."""


def crop(default: int, *, step: int = 8) -> Any:
    """Side of the pictures that are learned from.

    Args:
        default: in pixels.
        step: it is a multiple of.
    """
    return field(
        default,
        label="Crop",
        help="Side of the training crops in pixels.",
        ge=64,
        le=512,
        step=step,
    )


def batch(
    default: int,
    help: str = "Pictures in a step.",
    *,
    least: int = 2,
    most: int = 64,
    step: int | None = None,
) -> Any:
    """How many pictures are learned from at once.

    Args:
        default: that many.
        help: what it counts.
        least: bound.
        most: bound.
        step: it is a multiple of.
    """
    return field(default, label="Batch", help=help, ge=least, le=most, step=step)
