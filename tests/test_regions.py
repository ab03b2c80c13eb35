"""Regions: each style is painted within a mask of its own, by the engine, for every method."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import make_photo
from serve import Blend, BlendParams

from styleplug.core.errors import UsageError
from styleplug.core.frame import Frame
from styleplug.core.method import REGION, Context, Images, Method, Slot
from styleplug.core.recipe import Finish, Recipe
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.engine.regions import shares
from styleplug.imaging import Picture
from styleplug.methods import Catalogue, admit

WIDTH, HEIGHT = 96, 64
COLOURS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class Paint(Blend):
    """The mean of the first style everywhere, after a small preview."""

    id = "paint"

    def run(self, images: Images, params: BlendParams, ctx: Context) -> Iterator[Frame]:
        ctx.check()
        height, width = images["content"][0].shape[:2]
        colour = np.mean(images["style"], axis=(0, 1, 2))
        whole = np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
        yield Frame(1, 2, (whole[::2, ::2],))
        yield Frame(2, 2, (whole,), final=True)


@pytest.fixture
def engine(tmp_path: Any) -> Engine:
    methods: dict[str, Method[Any]] = {one.id: one for one in (Paint(), Blend())}
    for one in methods.values():
        admit(one)
    return Engine(Catalogue(methods, {}), calibration=Calibration(tmp_path / "calibration.json"))


def flat(colour: tuple[float, ...]) -> Picture:
    return Picture(np.broadcast_to(np.float32(colour), (32, 32, 3)).copy())


def columns(first: float, last: float) -> Picture:
    """A mask of columns from and to a share of the width."""
    marks = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    marks[:, round(first * WIDTH) : round(last * WIDTH)] = 1
    return Picture(marks)


def paint(engine: Engine, masks: list[Picture], styles: int = 2, **more: Any) -> list[Frame]:
    finish = Finish(**{"mask_feather": 0.0, **more.pop("finish", {})})
    recipe = Recipe(method=more.pop("method", "paint"), size=WIDTH, finish=finish,
                    parameters=more.pop("parameters", {}))  # fmt: skip
    pictures = {
        "content": [make_photo(WIDTH, HEIGHT)],
        "style": [flat(colour) for colour in COLOURS[:styles]],
        "region": masks,
        **more,
    }
    return list(engine.run(recipe, pictures, threading.Event()))


def test_each_style_in_its_region_and_nothing_else(engine: Engine) -> None:
    frames = paint(engine, [columns(0, 0.25), columns(0.5, 1)])
    made, photo = frames[-1].images[0], make_photo(WIDTH, HEIGHT).pixels
    np.testing.assert_allclose(made[:, :24], np.broadcast_to(COLOURS[0], (HEIGHT, 24, 3)))
    np.testing.assert_allclose(made[:, 48:], np.broadcast_to(COLOURS[1], (HEIGHT, 48, 3)))
    np.testing.assert_allclose(made[:, 24:48], photo[:, 24:48])
    steps = [(frame.step, frame.steps, frame.final) for frame in frames[:-1] if frame.steps]
    assert steps == [(1, 4, False), (2, 4, False), (3, 4, False)]
    assert frames[-1].report and frames[-1].report.count == 1


def test_preview_shows_regions_so_far(engine: Engine) -> None:
    frames = [one for one in paint(engine, [columns(0, 0.5), columns(0.5, 1)]) if one.images]
    second = frames[1].images[0]
    width = second.shape[1]
    np.testing.assert_allclose(second[:, : width // 2 - 2], COLOURS[0] * np.ones_like(
        second[:, : width // 2 - 2]), atol=0.02)  # fmt: skip
    assert abs(second[:, width // 2 + 2 :].mean() - make_photo(WIDTH, HEIGHT).pixels.mean()) < 0.2


def test_touching_regions_mix_over_the_soft_border() -> None:
    masks = [columns(0, 0.5), columns(0.5, 1)]
    hard = shares(masks, WIDTH, HEIGHT, Finish(mask_feather=0.0))
    soft = shares(masks, WIDTH, HEIGHT, Finish(mask_feather=0.1))
    for parts in (hard, soft):
        np.testing.assert_allclose(sum(parts), 1, atol=1e-6)
    assert set(np.unique(hard[0])) == {0.0, 1.0}
    row = soft[0][HEIGHT // 2, :, 0]
    assert (np.diff(row) <= 1e-6).all() and row[0] == 1 and row[-1] == 0
    assert 10 < ((row > 0.02) & (row < 0.98)).sum() < 24


def test_regions_within_a_mask(engine: Engine) -> None:
    *_, final = paint(
        engine, [columns(0, 0.5), columns(0.5, 1)], mask=[columns(0.25, 1)],
        finish={"mask_invert": True},
    )  # fmt: skip
    made, photo = final.images[0], make_photo(WIDTH, HEIGHT).pixels
    np.testing.assert_allclose(made[:, :24], np.broadcast_to(COLOURS[0], (HEIGHT, 24, 3)))
    np.testing.assert_allclose(made[:, 24:], photo[:, 24:])


def test_shares_of_styles_are_not_used(engine: Engine) -> None:
    masks = [columns(0, 0.5), columns(0.5, 1)]
    given = {"style_blend": (1.0, 3.0), "steps": 1}
    *_, final = paint(engine, masks, method="blend", parameters=given)
    assert final.report and final.report.recipe.parameters["style_blend"] == [1.0, 3.0]


@pytest.mark.parametrize("masks", [1, 3])
def test_number_of_regions_named(engine: Engine, masks: int) -> None:
    with pytest.raises(UsageError, match=f"there are {masks} regions and 2 styles"):
        paint(engine, [columns(0, 1)] * masks)


def test_region_of_another_shape_named(engine: Engine) -> None:
    odd = Picture(np.ones((10, 90, 3), np.float32))
    with pytest.raises(UsageError, match="'region' is 90 × 10 pixels"):
        paint(engine, [columns(0, 1), odd])


def test_plan_counts_regions(engine: Engine) -> None:
    paint(engine, [columns(0, 0.5), columns(0.5, 1)])
    recipe = Recipe(method="paint", size=WIDTH)
    sizes = {"content": [(WIDTH, HEIGHT)], "style": [(32, 32)] * 2}
    one = engine.plan(recipe, sizes).seconds
    two = engine.plan(recipe, {**sizes, "region": [(WIDTH, HEIGHT)] * 2}).seconds
    assert one and two and two > one


def test_only_methods_with_several_styles_have_regions() -> None:
    class Single(Blend):
        inputs = (Slot("content", "Content", "A photograph."), Slot("style", "Style", "One."))

    assert REGION in {slot.id for slot in Blend().slots}
    assert REGION not in {slot.id for slot in Single().slots}
