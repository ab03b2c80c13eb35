"""What generators share: methods that make pictures from random numbers alone.

A sample is made from a latent, a vector of independent Gaussian numbers.  A run gives several
samples, or an animation from the first sample of one seed to that of another seed and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeVar

import numpy as np

from styleplug.algorithms.latents import slerp
from styleplug.core.array import Floats, Pixels
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Method, Slot
from styleplug.core.params import Params, field
from styleplug.imaging.picture import resize

FPS = 16.0
"""Pictures per second of a walk."""
_BATCH = 8  # pictures computed at once


class GeneratorParams(Params):
    """Parameters of every generator; a subclass adds those of its method."""

    count: int = field(
        9,
        ge=1,
        le=64,
        label="Count",
        help="Number of pictures. A larger number adds pictures and keeps the first ones.",
    )
    truncation: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How much pictures may differ from the average one. Lower values give cleaner "
        "pictures that are more similar.",
    )
    position: float = field(
        0.0,
        ge=0.0,
        le=1.0,
        step=0.01,
        label="Position",
        help="Position between the pictures of this seed (0) and those of the other seed (1).",
        advanced=True,
    )
    walk: int = field(
        0,
        ge=0,
        le=240,
        label="Walk",
        help="Number of pictures of an animation from this seed to the other and back; 0 makes no "
        "animation.",
    )
    walk_to: int = field(
        1,
        ge=0,
        le=2**31 - 1,
        label="Other seed",
        help="The seed in the middle of the walk, and at position 1.",
        advanced=True,
    )


G = TypeVar("G", bound=GeneratorParams)


class Generator(Method[G]):
    """A method with `GeneratorParams`; it has no inputs unless it declares some."""

    inputs: ClassVar[tuple[Slot, ...]] = ()

    def count(self, params: G) -> int:
        """Number of samples, or of pictures in the walk."""
        return params.walk or params.count

    def animated(self, params: G) -> bool:
        """Whether the result is a walk."""
        return params.walk > 0


def latents(rng: np.random.Generator, count: int, size: int) -> Floats:
    """Gaussian latents (count size), float32; a larger count keeps the first ones."""
    return rng.standard_normal((count, size), np.float32)


def wanted(
    params: GeneratorParams, rng: np.random.Generator, size: int, centre: Floats | None = None
) -> Floats:
    """The latents (n size) of all pictures of a run; `Generator.count` is n.

    Truncation moves them towards the latent `centre` (size); without one, towards zero.
    """
    places = walk(params.walk) if params.walk else [params.position] * params.count
    near = latents(rng, params.count, size)
    far = latents(np.random.default_rng(params.walk_to), params.count, size)
    if params.walk:
        near, far = (np.repeat(some[:1], params.walk, 0) for some in (near, far))
    between = [slerp(a, b, t) for a, b, t in zip(near, far, places, strict=True)]
    if centre is None:
        return np.stack(between) * np.float32(params.truncation)
    return np.stack([slerp(centre, one, params.truncation) for one in between])


def walk(count: int) -> list[float]:
    """Positions from 0 to 1 and back, slow at both ends; the last is followed by the first."""
    return [(1 - math.cos(2 * math.pi * step / count)) / 2 for step in range(count)]


def painted(
    given: Floats,
    paint: Callable[[Floats], Pixels],
    params: GeneratorParams,
    ctx: Context,
) -> Iterator[Frame]:
    """The frames of a run: pictures in the order of their latents, one batch at a time.

    Args:
        given: latents (n …) of all pictures.
        paint: computes pictures (b 3 h w), in [0, 1] up to rounding, from latents (b …).
        params: the parameters of the run.
        ctx: the context of the run; pictures are resized to its size.
    """
    pictures: tuple[Pixels, ...] = ()
    for start in range(0, len(given), _BATCH):
        ctx.check()
        made = np.clip(paint(given[start : start + _BATCH]), 0.0, 1.0).transpose(0, 2, 3, 1)
        pictures += tuple(resize(picture, ctx.size, ctx.size) for picture in made)
        done = len(pictures)
        fps = FPS if params.walk else 0.0
        yield Frame(done, len(given), pictures, final=done == len(given), fps=fps)
