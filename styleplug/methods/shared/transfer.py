"""What all style transfer methods declare: the input slots, and the parameters of the styles."""

from __future__ import annotations

from typing import Any

from styleplug.core.method import Slot
from styleplug.core.params import field

SLOTS = (
    Slot("content", "Content", "The photograph to paint."),
    Slot(
        "style",
        "Style",
        "One to four paintings or textures that give the style.",
        most=4,
    ),
)


def style_scale(smallest: float = 0.25) -> Any:
    """The parameter for the size of the brush marks."""
    return field(
        1.0,
        ge=smallest,
        le=4.0,
        step=0.05,
        label="Style scale",
        help="Size of the brush marks: 2 uses the style at twice its size, 0.5 at half its size.",
    )


def style_blend() -> Any:
    """The parameter for the shares of several styles; `core.params.shares_of` reads it."""
    return field(
        (),
        label="Style shares",
        help="With several styles: the share of each, for example 2, 1. Empty: equal shares.",
        advanced=True,
    )
