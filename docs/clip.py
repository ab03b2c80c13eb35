"""Make docs/images/video.webp: a clip, painted frame by frame, and painted as a video.

    python docs/clip.py

The clip pans over a photograph that comes with gradio, with the noise of a camera in each frame.
The style is painted by `styleplug.swatches`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from samples import INK
from sheet import WHOLE, photograph, tile

import styleplug
from styleplug.imaging.video import Clip
from styleplug.imaging.video_write import encode_video
from styleplug.swatches import SWATCHES

SIDE, SHOWN = 320, 224  # of a frame when it is painted, and in the docs, in pixels
FRAMES, RATE, STEP, NOISE = 24, 12, 3, 0.015
HEAD = 24  # height of a caption
OUT = Path(__file__).parent / "images" / "video.webp"


def frames() -> list[np.ndarray]:
    """The frames of the clip, (SIDE SIDE 3)."""
    wide = np.float32(tile(photograph("lion.jpg", WHOLE), SIDE + FRAMES * STEP)) / 255
    noise = np.random.default_rng(0)
    panned = [wide[:SIDE, STEP * i : STEP * i + SIDE] for i in range(FRAMES)]
    return [np.clip(one + noise.normal(0, NOISE, one.shape), 0, 1) for one in panned]


def captioned(pictures: dict[str, np.ndarray]) -> Image.Image:
    """Pictures beside each other, each below its caption."""
    paper = Image.new("RGB", (SHOWN * len(pictures), SHOWN + HEAD), "white")
    font = ImageFont.load_default(14)
    for number, (caption, picture) in enumerate(pictures.items()):
        place = (SHOWN * number + SHOWN // 2, HEAD // 2)
        ImageDraw.Draw(paper).text(place, caption, INK, font, anchor="mm")
        paper.paste(tile(picture, SHOWN), (SHOWN * number, HEAD))
    return paper


def main() -> None:
    """Paint the clip twice and write the animation."""
    style = SWATCHES["waves"].paint()
    with tempfile.TemporaryDirectory() as folder:
        clip, out = Path(folder, "clip.mp4"), Path(folder, "painted.mp4")
        clip.write_bytes(encode_video(frames(), RATE, ".mp4", ""))
        shown = {"the clip": [frame for _, frame in Clip(clip).frames(SIDE)]}
        for caption, smooth in {"each frame for itself": 0.0, "styleplug video": 0.8}.items():
            run = styleplug.video(clip, out, style=style, size=SIDE, smooth=smooth)
            shown[caption] = [frame.picture for frame in run]
    sheets = [
        captioned(dict(zip(shown, row, strict=True))) for row in zip(*shown.values(), strict=True)
    ]
    first, *others = sheets
    first.save(OUT, save_all=True, append_images=others, duration=1000 // RATE, loop=0,
               quality=55, method=6)  # fmt: skip


if __name__ == "__main__":
    main()
