"""What every style transfer declares alike: its slots, and the fields about styles."""

from __future__ import annotations

from typing import Any

from styleplug.core.method import Slot
from styleplug.core.params import field

SLOTS = (
    Slot("content", "Content", "The photograph to repaint."),
    Slot(
        "style",
        "Style",
        "One to four paintings or textures whose look it takes.",
        most=4,
    ),
)


def style_scale(smallest: float = 0.25) -> Any:
    """The field of the size of the brush marks."""
    return field(
        1.0,
        ge=smallest,
        le=4.0,
        step=0.05,
        label="Style scale",
        help="Size of the brush marks: 2 shows the style twice as large, 0.5 half as large.",
    )


def style_blend() -> Any:
    """The field of the shares of several styles; `core.params.shares_of` reads it."""
    return field(
        (),
        label="Style shares",
        help="With several styles, how much of each, such as 2, 1. Empty: equal shares.",
        advanced=True,
    )
