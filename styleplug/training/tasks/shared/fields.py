"""Parameters that several tasks have."""

from __future__ import annotations

from typing import Any

from styleplug.core.params import field

SCRATCH = "Nothing"
"""The name of a start without trained weights."""


def crop(default: int, *, step: int = 8) -> Any:
    """Side of the training crops."""
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
    """Size of a batch."""
    return field(default, label="Batch", help=help, ge=least, le=most, step=step)
