"""Make the sheets that docs/methods.md shows: what methods make of nothing, or of a part.

    python docs/samples.py [METHOD …]

Without methods all that are declared here; each goes to
docs/images/METHOD-sheet.jpg, made by the embedded weights from the seeds named here, none of
which was chosen by looks.  The photographs come with gradio, the styles are painted by
`styleplug.swatches`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sheet import GAP, WHOLE, photograph

import styleplug
from styleplug.core.params import choices_of, hint_of
from styleplug.imaging import fit, resize
from styleplug.imaging.picture import Picture
from styleplug.methods.cgan import METHOD as CGAN
from styleplug.swatches import SWATCHES

COLUMNS = 8
INK = (60, 60, 60)

Rows = Sequence[Sequence[np.ndarray]]


def gan(side: int = 112) -> Rows:
    """Samples of seed 7, and the way from the first one of seed 1 to that of seed 2."""
    return _faces("gan", side)


def dcgan(side: int = 112) -> Rows:
    """The same by convolutions."""
    return _faces("dcgan", side)


def cgan(side: int = 96) -> Rows:
    """A row for each kind of people, the same seed in all."""
    kinds = CGAN.params.model_fields["kind"]
    return [
        [_title(hint_of(kinds).words[kind].replace(", ", ",\n"), side)]
        + _made("cgan", seed=7, count=COLUMNS, size=side, kind=kind)
        for kind in choices_of(kinds)
    ]


def digits(side: int = 64) -> Rows:
    """A row for each digit, the same seed in all."""
    asked = {"pictures": "digits", "seed": 7, "count": 12, "size": side}
    return [_made("cgan", digit=digit, **asked) for digit in range(10)]


def texture(side: int = 128) -> Rows:
    """New ones; after two pictures, which stand to the left; and the way between these."""
    across = 6
    new = _made("texture", seed=7, count=2 * across, size=side)
    known = [SWATCHES[name].paint() for name in ("waves", "mosaic")]
    after = [
        [
            _square(one, side),
            *_made("texture", style=[one], seed=7, count=across - 1, size=side),
        ]
        for one in known
    ]
    shares = np.linspace(0, 1, across)
    way = [
        _made(
            "texture",
            style=known,
            style_blend=[1 - share, share],
            seed=7,
            count=1,
            variation=0,
            size=side,
        )[0]
        for share in shares
    ]
    return [new[:across], new[across:], *after, way]


def completion(side: int = 280) -> Rows:
    """A lion with scratches, without an eye, without a paw; a tower widened; two proposals each."""
    lion = fit(Picture(photograph("lion.jpg", WHOLE)), side).pixels
    y, x = np.mgrid[: lion.shape[0], : lion.shape[1]] / np.float32(side)
    scratches = (np.abs(0.5 + 0.2 * np.sin(9 * x) - y) < 0.018) | (np.abs(x - y) < 0.018)
    paw = np.hypot((x - 0.09) / 0.12, (y - 0.8) / 0.19) < 1
    eye = np.hypot((x - 0.52) / 0.05, (y - 0.265) / 0.04) < 1
    rows = []
    for hole in (scratches, eye, paw):
        spoilt = np.where(hole[:, :, None], np.float32(1), lion)
        mask = hole.astype(np.float32)
        filled = _made("completion", content=lion, mask=mask, count=2, size=side, seed=7)
        rows.append([spoilt, *filled])
    inner = side * 2 // 3
    tower = _square(photograph("tower.jpg", WHOLE), inner)
    wide = _made("completion", content=tower, margin=25, count=2, size=inner, seed=7)
    framed = np.ones_like(wide[0])
    margin = (len(framed) - len(tower)) // 2
    framed[margin : margin + inner, margin : margin + inner] = tower
    return [*rows, [framed, *wide]]


def cyclegan(side: int = 384) -> Rows:
    """Photographs, in the manner of Monet, and of woodcuts; two of each kind, as photographs."""
    names = ("tower.jpg", "lion.jpg", "cheetah.jpg", "cheetah1.jpg")
    known = {"impressionism": ("lilies", "night"), "ukiyoe": ("waves", "woodcut")}

    def repaint(painter: str, direction: str, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        asked = {"painter": painter, "direction": direction, "size": side}
        return [_made("cyclegan", content=one, **asked)[0] for one in pictures]

    contents = [_square(photograph(name, WHOLE), side) for name in names]
    painted = [repaint(painter, "painting", contents) for painter in known]
    paintings = {
        painter: [_square(SWATCHES[name].paint(), side) for name in swatches]
        for painter, swatches in known.items()
    }
    back = [repaint(painter, "photograph", some) for painter, some in paintings.items()]
    return [contents, *painted, sum(paintings.values(), []), sum(back, [])]


def enhance(side: int = 320) -> Rows:
    """A small picture, one with JPEG blocks, one with noise: enlarged plainly, then enhanced."""
    rng = np.random.default_rng(0)
    names = ("lion.jpg", "tower.jpg", "cheetah.jpg")
    small = [_square(photograph(name, WHOLE), side) for name in names]
    small[0] = resize(small[0], side // 4, side // 4)
    halves = [Image.fromarray(np.uint8(resize(one, side // 2, side // 2) * 255)) for one in small]
    file = BytesIO()
    halves[1].save(file, "JPEG", quality=30)
    small[1] = np.float32(Image.open(file)) / 255
    soft = np.float32(halves[2].filter(ImageFilter.GaussianBlur(0.8))) / 255
    small[2] = np.clip(soft + rng.normal(0, 0.05, soft.shape), 0, 1).astype(np.float32)
    plain = [resize(one, side, side) for one in small]
    return [plain, [_made("enhance", content=one, size=side)[0] for one in small]]


MAKERS: dict[str, Callable[[], Rows]] = {
    make.__name__: make
    for make in (gan, dcgan, cgan, digits, texture, cyclegan, completion, enhance)
}


def _faces(method: str, side: int) -> Rows:
    samples = _made(method, seed=7, count=3 * COLUMNS, size=side)
    places = np.linspace(0, 1, COLUMNS)
    way = [
        _made(method, seed=1, count=1, position=place, walk_to=2, size=side)[0] for place in places
    ]
    return [*(samples[n : n + COLUMNS] for n in range(0, len(samples), COLUMNS)), way]


def _made(method: str, **asked: Any) -> list[np.ndarray]:
    """Pictures (h w 3) of a run."""
    return list(styleplug.generate(method, **asked).images)


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle square of a picture (h w 3), at a side."""
    short = min(picture.shape[:2])
    top, left = ((length - short) // 2 for length in picture.shape[:2])
    return resize(picture[top : top + short, left : left + short], side, side)


def _title(text: str, side: int) -> np.ndarray:
    """A name (side side 3), grey on white."""
    paper = Image.new("RGB", (side, side), "white")
    where = (side // 2, side // 2)
    font = ImageFont.load_default(size=13)
    ImageDraw.Draw(paper).text(where, text, INK, font, "mm", align="center")
    return np.float32(paper) / 255


def main(
    methods: Annotated[list[str] | None, typer.Argument(help="whose sheets; all without")] = None,
) -> None:
    """Write the sheets."""
    for method in methods or MAKERS:
        rows = [[Image.fromarray(np.uint8(one * 255 + 0.5)) for one in r] for r in MAKERS[method]()]
        width = max(sum(one.width + GAP for one in row) for row in rows) - GAP
        height = sum(max(one.height for one in row) + GAP for row in rows) - GAP
        paper, y = Image.new("RGB", (width, height), "white"), 0
        for row in rows:
            x = 0
            for picture in row:
                paper.paste(picture, (x, y))
                x += picture.width + GAP
            y += max(one.height for one in row) + GAP
        paper.save(Path(__file__).parent / "images" / f"{method}-sheet.jpg", quality=82)


if __name__ == "__main__":
    typer.run(main)
