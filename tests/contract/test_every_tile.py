"""What every method keeps to that paints by tiles, and that it says so."""

from __future__ import annotations

import numpy as np
import pytest
from cases import METHODS, on_every_backend, quickest, require, short
from conftest import make_photo

from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import tiles

pytestmark = pytest.mark.slow
SIZE, SIDE = 160, 64
STRIP = 8  # pixels on either side of where two tiles meet
WITHOUT_DRAFT = {"gatys": {"init": "content"}}  # tiles of a draft are no tiles of the result


@pytest.fixture(params=METHODS.methods)
def method(request):
    return METHODS.get(request.param)


@pytest.fixture
def backend(request, method):
    require(method, request.param)
    return request.param


@pytest.fixture
def paint(method, tmp_path, monkeypatch):
    """Runs the method with tiles of a side; gives its picture, and where tiles began.

    Of the latter there are two ranges, rows and columns, each time that tiles are laid out.
    """
    host = Engine(METHODS, calibration=Calibration(tmp_path / "c.json"))
    given = {
        slot.id: [make_photo(SIZE, SIZE * 3 // 4 - 5, seed=3 * place)]
        for place, slot in enumerate(method.inputs)
    }
    begin = tiles.cores

    def run(backend, side):
        begun = []

        def seen(*arguments):
            begun.append(begin(*arguments))
            return begun[-1]

        monkeypatch.setattr(tiles, "SIDE", side)
        monkeypatch.setattr(tiles, "cores", seen)
        usual = {"method": method.id, "backend": backend, "device": "cpu", "seed": 7}
        values = short(method, 1) | WITHOUT_DRAFT.get(method.id, {})
        asked = Recipe(size=SIZE, parameters=values, **usual)
        return list(host.run(asked, given))[-1].images[0], begun

    return run


@pytest.mark.parametrize(
    "method", [id for id, one in METHODS.methods.items() if not one.tiled], indirect=True
)
def test_method_not_tiled_lays_out_no_tiles(method, paint):
    """What it says tells the engine whether large pictures fit in memory."""
    require(method, quickest(method))
    assert not paint(quickest(method), SIDE)[1]


@on_every_backend(lambda method: method.tiled)
def test_method_tiles_show_no_seam(method, backend, paint):
    """A picture painted in many tiles is the one painted in a single tile."""
    (whole, single), (tiled, many) = paint(backend, SIZE), paint(backend, SIDE)
    assert max(map(len, single)) == 1 < max(map(len, many))
    error = np.abs(whole - tiled)
    near = np.zeros(error.shape[:2], bool)
    for axis, lines in enumerate((near, near.T)):
        for place in (place for core in many[axis::2] for place in core[1:]):
            lines[max(0, place - STRIP) : place + STRIP] = True
    assert error.mean() < 2 / 255
    assert error[near].max() < 8 / 255
