"""At the ends of every range there is a picture, and it differs from that of the default."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cases import METHODS, quickest, short
from conftest import make_photo, swatch

from styleplug.core.params import bounds_of
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.imaging import Picture
from styleplug.methods import catalogue

SIZE = 64
DEAR = 5  # a value that takes so many times the work is only for large pictures or patience
LARGER = {"style_scale": 320, "scales": 160}  # what needs room to have an effect
BESIDES = {  # what a parameter needs to have an effect
    "second": {"mix": 1.0},
    "digit": {"pictures": "digits"},
    "second_digit": {"pictures": "digits", "mix": 1.0},
    "walk_to": {"position": 1.0},
    ("autoencoder", "content_weight"): {"transform": "mix"},
    ("autoencoder", "style_weight"): {"transform": "mix", "content_weight": 1.0},
}


def ends():
    """Method, parameter and an end of its range."""
    for id, method in METHODS.methods.items():
        for name, info in method.params.model_fields.items():
            usual = method.work(method.params.of(short(method)), SIZE**2)
            for end in bounds_of(info):
                if end is None or end == info.default:
                    continue
                if name == "scales" and end > info.default:
                    continue  # small pictures have few
                values = {**short(method), name: end}
                if method.work(method.params.of(values), SIZE**2) < DEAR * usual:
                    yield pytest.param(id, name, end, id=f"{id}-{name}-{end:g}")


@cache
def host():
    return Engine(METHODS)


@cache
def painted(id, size, **values):
    """The first picture of a run; that of the defaults serves several ends."""
    method = METHODS.get(id)
    given = {slot.id: [make_photo(SIZE, 48)] for slot in method.inputs}
    if "style" in given:
        given["style"] = [Picture(swatch("waves"))]
    if "mask" in given:
        hole = np.zeros((48, SIZE, 3), np.float32)
        hole[10:20, 10:20] = 1
        given["mask"] = [Picture(hole)]
    values = {**short(method), **values}
    asked = Recipe(method=method.id, size=size, backend=quickest(method), seed=3, parameters=values)
    *_, final = host().run(asked, given)
    return final.images[0]


@pytest.mark.slow
@pytest.mark.parametrize(("id", "name", "end"), list(ends()))
def test_end_of_range_paints_another_picture(id, name, end):
    besides = BESIDES.get((id, name), BESIDES.get(name, {}))
    size = LARGER.get(name, SIZE)
    usual, found = (painted(id, size, **{**besides, **some}) for some in ({}, {name: end}))
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    if id not in catalogue().methods:  # a sample may do as its help says
        return
    assert found.std() > 0.01, "one flat colour"
    if name not in ("count", "walk"):
        same = found.shape == usual.shape and np.abs(found - usual).max() < 1e-3
        assert not same, "no effect"
