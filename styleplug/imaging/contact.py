"""A contact sheet: pictures in rows and columns, each with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from styleplug.core.array import Pixels
from styleplug.core.recipe import LARGEST
from styleplug.imaging.picture import fitted, resize

_MARGIN, _GAP, _LINE = 24, 12, 1.45
_INK, _FAINT, _PAPER, _EMPTY, _MARK = "#1f2328", "#6b7280", "#ffffff", "#f1f1ef", "#6366f1"
_FONTS = (  # of usual systems; those with Chinese first
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "DejaVuSans.ttf",
)
Place = tuple[int, int]


def contact_sheet(
    pictures: Mapping[Place, Pixels],
    columns: Sequence[str],
    rows: Sequence[str],
    *,
    labels: Mapping[Place, str] | None = None,
    captions: Mapping[Place, str] | None = None,
    title: str = "",
    best: Place | None = None,
    side: int = 320,
    most: int = LARGEST,
) -> Pixels:
    """Put pictures on a labelled sheet.

    Args:
        pictures: (h, w, 3) or (h, w, 4) float32 in [0, 1], by row and column; others stay empty.
        columns: labels above the columns.
        rows: labels left of the rows.
        labels: names below pictures.
        captions: small texts below these, such as scores or an error.
        title: a line above all.
        best: the picture with a frame around it.
        side: longest side of a picture on the sheet; less if the sheet would be too large.
        most: longest side of the sheet.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    labels, captions = labels or {}, captions or {}
    below = bool(labels) + bool(captions)
    layout = _Layout(list(pictures.values()), columns, rows, below, bool(title), side, most)
    sheet = Image.new("RGB", (layout.across, layout.down), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font, small = layout.font, layout.small
    if title:
        draw.text((_MARGIN, _MARGIN), _cut(title, font, layout.across - 2 * _MARGIN), _INK, font)
    for column, label in enumerate(columns):
        x, y = layout.corner(0, column)
        draw.text((x, y - layout.line - 2), _cut(label, font, layout.width), _INK, font)
    for row, label in enumerate(rows):
        x, y = layout.corner(row, 0)
        draw.text((_MARGIN, y + layout.height / 2), label, _INK, font, anchor="lm")
        for column in range(len(columns)):
            x, y = layout.corner(row, column)
            place = (row, column)
            if place in pictures:
                _paste(sheet, pictures[place], (x, y), layout, framed=place == best)
            elif place in captions:
                edge = (x, y, x + layout.width - 1, y + layout.height - 1)
                draw.rectangle(edge, fill=_EMPTY)
            y += layout.height + 4
            for texts, letters, ink in ((labels, font, _INK), (captions, small, _FAINT)):
                if place in texts:
                    draw.text((x, y), _cut(texts[place], letters, layout.width), ink, letters)
                    y += layout.line
    return np.asarray(sheet, np.float32) / np.float32(255)


class _Layout:
    """Where the parts of a contact sheet are; for the arguments, see `contact_sheet`."""

    def __init__(
        self,
        pictures: Sequence[Pixels],
        columns: Sequence[str],
        rows: Sequence[str],
        below: int,
        titled: bool,
        side: int,
        most: int,
    ) -> None:
        largest = max((max(one.shape[:2]) for one in pictures), default=side)
        room = (most - 2 * _MARGIN) // max(len(columns), len(rows), 1) - _GAP
        side = max(32, min(side, largest, room))  # nothing is enlarged without need
        letters = max(11, min(20, side // 15))
        self.font, self.small = _font(letters), _font(max(10, round(letters * 0.82)))
        self.line = round(letters * _LINE)
        shapes = [fitted(one.shape[1], one.shape[0], side) for one in pictures]
        self.width = max([shape[0] for shape in shapes], default=side)
        self.height = max([shape[1] for shape in shapes], default=side)
        self._step = (self.width + _GAP, self.height + _GAP + below * self.line)
        self._left = _MARGIN
        if any(rows):
            self._left += max(_wide(row, self.font) for row in rows) + _GAP
        self._top = _MARGIN + (self.line + _GAP if titled else 0)
        self._top += self.line + 4 if any(columns) else 0
        self.across = self._left + len(columns) * self._step[0] - _GAP + _MARGIN
        self.down = self._top + len(rows) * self._step[1] - _GAP + _MARGIN

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Left and top of a place."""
        return self._left + column * self._step[0], self._top + row * self._step[1]


def _paste(
    sheet: Image.Image, picture: Pixels, corner: tuple[int, int], layout: _Layout, *, framed: bool
) -> None:
    """Put a picture into the middle of its place."""
    shown = _small(picture, layout.width, layout.height)
    left = corner[0] + (layout.width - shown.width) // 2
    top = corner[1] + (layout.height - shown.height) // 2
    sheet.paste(shown, (left, top))
    if framed:
        edge = (left - 5, top - 5, left + shown.width + 4, top + shown.height + 4)
        ImageDraw.Draw(sheet).rectangle(edge, outline=_MARK, width=4)


def _small(picture: Pixels, width: int, height: int) -> Image.Image:
    """The picture at its size on the sheet, transparent parts white."""
    size = fitted(picture.shape[1], picture.shape[0], max(width, height))
    factor = min(1.0, width / size[0], height / size[1])
    small = resize(picture, max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    if small.shape[2] == 4:
        small = small[:, :, :3] * small[:, :, 3:] + (1 - small[:, :, 3:])
    return Image.fromarray(np.rint(small * 255).astype(np.uint8))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of the system, or the one that comes with Pillow."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _wide(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return round(font.getlength(text))


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, shortened to a width in pixels."""
    while text and _wide(text, font) > width:
        text = text.removesuffix("…")[:-1].rstrip() + "…" if len(text) > 2 else ""
    return text
