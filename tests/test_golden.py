"""Every method's picture of one photograph is the one that somebody looked at.

After a change that is meant to show, look at what `python tests/test_golden.py METHOD …` makes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_photo, swatch

from styleplug import generate
from styleplug.imaging import read
from styleplug.methods import discover

FOLDER = Path(__file__).parent / "golden"
SHORT = {"gatys": {"iterations": 8}, "texture": {"count": 1}}  # what makes a run quick
# Levels of 255, on average.  Steps amplify rounding, so that another processor may be a few off
# here and there; a net that is asked once does not.
MOST, MOST_IN_STEPS = 0.5, 1.5
GIVEN = {"content": lambda: make_photo(120, 90), "style": lambda: swatch("waves")}
TAKEN = {
    id: [slot.id for slot in method.inputs]
    for id, method in discover().methods.items()
    if method.weights
}
METHODS = [id for id, taken in TAKEN.items() if taken and {*taken} <= {*GIVEN}]


def result(method, backend):
    pictures = {slot: GIVEN[slot]() for slot in TAKEN[method]}
    return generate(method, backend=backend, size=96, **pictures, **SHORT.get(method, {}))


@pytest.mark.parametrize("backend", ["onnx", pytest.param("torch", marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", METHODS)
def test_golden_picture_unchanged(method, backend):
    """Another method, default or weight file moves it further than this."""
    golden = read(FOLDER / f"{method}.png").pixels
    difference = np.abs(result(method, backend).array - golden) * 255
    spread = np.quantile(difference, [0.5, 0.9, 0.99, 1.0]).round(1)
    most = MOST_IN_STEPS if method == "gatys" else MOST
    assert difference.mean() < most, f"median, 90 %, 99 %, largest of 255: {spread}"


if __name__ == "__main__":
    for name in sys.argv[1:] or METHODS:
        result(name, "onnx").save(FOLDER / f"{name}.png", with_recipe=False)
