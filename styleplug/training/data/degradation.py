"""Worse versions of pictures, as cameras, programs and web sites make them.

As in Real-ESRGAN (Wang et al. 2021, arXiv:2107.10833), blur, noise, JPEG and a change of size come
in random order.  Unlike there, most pictures have one fault or none: so a network first learns each
of them, and also to leave good pictures alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

COUNTS = (0.15, 0.45, 0.25, 0.15)  # shares of pictures with 0 to 3 of blur, noise and JPEG
BETWEEN = 0.3  # share of the pictures with faults that have another size between
BLUR = 1.5  # largest deviation in pixels of the smaller picture
NOISE = 0.08  # largest deviation
QUALITY = (25, 96)  # of JPEG
FILTERS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
)
SIZES = (0.6, 1.3)  # factors of a size between


def degrade(picture: Image.Image, factor: int, rng: np.random.Generator) -> Image.Image:
    """A worse version of a picture with its sides divided by a factor."""
    sides = picture.width // factor, picture.height // factor
    faults: list[Callable[[Image.Image], Image.Image]] = [
        lambda now: blurred(now, (now.width / sides[0] * rng.uniform(0.2, BLUR, 2)).tolist()),
        lambda now: noisy(now, rng),
        lambda now: compressed(now, int(rng.integers(*QUALITY))),
    ]
    count = int(rng.choice(len(COUNTS), p=COUNTS))
    if not count:
        return resized(picture, sides)

    def resize(now: Image.Image) -> Image.Image:
        if rng.random() < BETWEEN:
            times = rng.uniform(*SIZES)
            now = resized(now, tuple(max(8, round(times * side)) for side in sides), rng)
        return resized(now, sides, rng)

    chosen = rng.permutation(len(faults))[:count]
    steps = [*(faults[number] for number in chosen), resize]
    for number in rng.permutation(len(steps)):
        picture = steps[number](picture)
    return picture


def resized(
    picture: Image.Image, sides: tuple[int, ...], rng: np.random.Generator | None = None
) -> Image.Image:
    """A picture with these sides (width, height), by bicubic or by random interpolation."""
    chosen = Image.Resampling.BICUBIC if rng is None else FILTERS[rng.integers(len(FILTERS))]
    return picture.resize((sides[0], sides[1]), chosen)


def blurred(picture: Image.Image, radii: Sequence[float]) -> Image.Image:
    """Blurred by a Gaussian with these two deviations, across and down, in pixels."""
    return picture.filter(ImageFilter.GaussianBlur((radii[0], radii[1])))


def noisy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """With normal noise, the same in all channels or not."""
    pixels = np.asarray(picture, np.float32)
    channels = 1 if rng.random() < 0.3 else 3
    noise = rng.standard_normal((*pixels.shape[:2], channels), np.float32)
    pixels = pixels + 255 * rng.uniform(0.005, NOISE) * noise
    return Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8))


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    """Written as JPEG of this quality (1 to 95), and read again."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")
