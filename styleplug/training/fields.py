"""Fields that several tasks have."""

from __future__ import annotations

from typing import Any

from styleplug.core.params import field

SCRATCH = ("Nothing", "从零开始")
"""How a start from nothing is called, in English and Chinese."""


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
        zh=("裁剪", "训练用裁剪的边长（像素）。"),
        ge=64,
        le=512,
        step=step,
    )


def batch(
    default: int,
    help: str = "Pictures in a step.",
    zh: str = "每一步的图片数。",
    *,
    least: int = 2,
    most: int = 64,
    step: int | None = None,
) -> Any:
    """How many pictures are learned from at once.

    Args:
        default: that many.
        help: what it counts.
        zh: the same in Chinese.
        least: bound.
        most: bound.
        step: it is a multiple of.
    """
    return field(default, label="Batch", help=help, zh=("批量", zh), ge=least, le=most, step=step)
