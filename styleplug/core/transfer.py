"""What every style transfer declares alike: its slots, and the fields about styles."""

from __future__ import annotations

from typing import Any

from styleplug.core.method import Slot
from styleplug.core.params import field

SLOTS = (
    Slot("content", "Content", "The photograph to repaint.", ("内容图", "要重绘的照片。")),
    Slot(
        "style",
        "Style",
        "One to four paintings or textures whose look it takes.",
        ("风格图", "一至四张提供画风的绘画或纹理。"),
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
        zh=("风格尺度", "笔触大小：2 为放大一倍，0.5 为缩小一半。"),
    )


def style_blend() -> Any:
    """The field of the shares of several styles; `core.params.shares_of` reads it."""
    return field(
        (),
        label="Style shares",
        help="With several styles, how much of each, such as 2, 1. Empty: equal shares.",
        zh=("风格比例", "使用多个风格时各占的比例，如 2, 1。留空则均分。"),
        advanced=True,
    )
