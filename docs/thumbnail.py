"""Paint the picture that social networks show of a Space: `python docs/thumbnail.py`.

Two photographs: as they are, and in styles that `styleplug.swatches` paints.
`styleplug deploy` sends it.
"""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont
from sheet import WHOLE, photograph, tile

import styleplug
from styleplug.hosts.space import THUMBNAIL
from styleplug.swatches import SWATCHES

WIDTH, HEIGHT, SIDE = 1200, 630, 240
NAMES = ("lion.jpg", "tower.jpg")
STYLES = ("waves", "glass", "night", "mosaic")


def main() -> None:
    """Paint the photographs, and the name below them."""
    paper = Image.new("RGB", (WIDTH, HEIGHT), "white")
    styles = [SWATCHES[name].paint() for name in STYLES]
    for row, name in enumerate(NAMES):
        photo = photograph(name, WHOLE)
        results = [styleplug.stylize(photo, style, "cnn", size=400).array for style in styles]
        for column, pixels in enumerate([photo, *results]):
            paper.paste(tile(pixels, SIDE), (column * SIDE, row * SIDE))
    draw, middle = ImageDraw.Draw(paper), (HEIGHT + len(NAMES) * SIDE) // 2
    left, large = 40, ImageFont.load_default(72)
    for word, colour in (("style", "#18181b"), ("plug", "#4f46e5")):
        draw.text((left, middle), word, colour, large, anchor="lm")
        left += draw.textlength(word, large)
    line = "photographs in any style, with or without a graphics card"
    draw.text((WIDTH - 40, middle), line, "#52525b", ImageFont.load_default(28), anchor="rm")
    paper.save(THUMBNAIL, quality=80)


if __name__ == "__main__":
    main()
