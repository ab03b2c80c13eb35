"""What generators share: methods that make pictures of nothing but chance.

A sample is made of a latent, a vector of independent Gaussians.  A run shows several samples, or
walks from one seed's first sample to another's and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeVar

import numpy as np

from styleplug.algorithms.latents import slerp
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Method, Slot
from styleplug.core.params import Params, field
from styleplug.imaging.picture import resize

FPS = 16.0
"""Pictures a second of a walk."""
_BATCH = 8  # latents painted at once


class GeneratorParams(Params):
    """What a visitor can set of every generator; its own parameters are added in a subclass."""

    count: int = field(
        9,
        ge=1,
        le=64,
        label="Count",
        help="How many pictures. The first ones stay the same when there are more.",
    )
    truncation: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How far pictures stray from the average one: less gives cleaner pictures that are "
        "more alike.",
    )
    position: float = field(
        0.0,
        ge=0.0,
        le=1.0,
        step=0.01,
        label="Position",
        help="How far on the way from the pictures of this seed (0) to those of the other (1).",
        advanced=True,
    )
    walk: int = field(
        0,
        ge=0,
        le=240,
        label="Walk",
        help="Pictures of an animation from this seed to the other and back; 0 for none.",
    )
    walk_to: int = field(
        1,
        ge=0,
        le=2**31 - 1,
        label="Other seed",
        help="Where the walk turns round, and the end of the position's scale.",
        advanced=True,
    )


G = TypeVar("G", bound=GeneratorParams)


class Generator(Method[G]):
    """A method whose parameters are `GeneratorParams`; without inputs, unless it declares some."""

    inputs: ClassVar[tuple[Slot, ...]] = ()

    def count(self, params: G) -> int:
        """Samples, or pictures of the walk."""
        return params.walk or params.count

    def animated(self, params: G) -> bool:
        """Whether it walks."""
        return params.walk > 0


def latents(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Gaussian latents (count size), float32; the first ones are the same for every count."""
    return rng.standard_normal((count, size), np.float32)


def wanted(params: GeneratorParams, rng: np.random.Generator, size: int) -> np.ndarray:
    """The latents (n size) of all pictures of a run, n as `Generator.count` says.

    Truncation draws them towards the mean (in the latent itself: a net that normalises its
    latent must truncate what follows from it instead, and pass `params` with a truncation of 1).

    Args:
        params: of the run.
        rng: of the run.
        size: length of a latent.
    """
    places = walk(params.walk) if params.walk else [params.position] * params.count
    near = latents(rng, params.count, size)
    far = latents(np.random.default_rng(params.walk_to), params.count, size)
    if params.walk:
        near, far = (np.repeat(some[:1], params.walk, 0) for some in (near, far))
    between = [slerp(a, b, t) for a, b, t in zip(near, far, places, strict=True)]
    return np.stack(between) * np.float32(params.truncation)


def walk(count: int) -> list[float]:
    """Positions from 0 to 1 and back, slow at both ends; the last one leads on to the first."""
    return [(1 - math.cos(2 * math.pi * step / count)) / 2 for step in range(count)]


def painted(
    given: np.ndarray,
    paint: Callable[[np.ndarray], np.ndarray],
    params: GeneratorParams,
    ctx: Context,
) -> Iterator[Frame]:
    """The frames of a run: pictures in the order of their latents, a batch at a time.

    Args:
        given: latents (n …) of all pictures.
        paint: makes pictures (b 3 h w), in [0, 1] up to rounding, of latents (b …).
        params: of the run.
        ctx: of the run; pictures are brought to its size.
    """
    pictures: tuple[np.ndarray, ...] = ()
    for start in range(0, len(given), _BATCH):
        ctx.check()
        made = np.clip(paint(given[start : start + _BATCH]), 0.0, 1.0).transpose(0, 2, 3, 1)
        pictures += tuple(resize(picture, ctx.size, ctx.size) for picture in made)
        done = len(pictures)
        fps = FPS if params.walk else 0.0
        yield Frame(done, len(given), pictures, final=done == len(given), fps=fps)
