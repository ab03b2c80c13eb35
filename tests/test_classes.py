"""Names of classes: written beside the tensors of a weight file, and read by every backend."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from styleplug.backends.choose import choose
from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import WeightError
from styleplug.core.weight import Embedded, Local
from styleplug.store import Store, weights_folder
from styleplug.store.classes import KEY, classes_as_metadata, read_classes

NAMES = ("Baroque", "浮世绘", "a b")
ONE = {"one": np.zeros(3, np.float32)}


def table(names):
    """Names as files before held them: the bytes of each in a row of numbers."""
    rows = np.zeros((16, 48), np.float16)
    for row, name in zip(rows, names, strict=False):
        row[: len(name.encode())] = list(name.encode())
    return rows


def test_classes_round_trip_metadata(tmp_path):
    path = tmp_path / "net.safetensors"
    for names in (NAMES, ()):
        save_file(ONE, path, {"task": "cgan"} | classes_as_metadata(names))
        assert read_classes(path) == names
    save_file(ONE, path)
    assert read_classes(path) == ()


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[" * 100_000,
        *map(json.dumps, ("sea", {"sea": 1}, ["sea", 1], [""], ["sea", "sea"])),
        json.dumps([str(number) for number in range(MOST_CLASSES + 1)]),
    ],
)
def test_classes_invalid_refused(said, tmp_path):
    save_file(ONE, tmp_path / "net.safetensors", {KEY: said})
    with pytest.raises(WeightError, match="net.safetensors names the classes.*at most 16"):
        read_classes(tmp_path / "net.safetensors")


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_classes_of_older_weights_read(backend, tmp_path):
    """As training wrote them before names became metadata."""
    path = tmp_path / "before.safetensors"
    save_file(
        load_file(weights_folder() / "classifier.safetensors") | {"letters": table(NAMES)}, path
    )
    found = []
    for source in (Embedded("classifier", "classifier.safetensors"), Local("classifier", path)):
        net = choose(backend, "cpu").load(Store().file((source,)), "classify")
        picture = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
        found.append(net(picture=picture)["logits"])
    assert net.spec.classes == NAMES
    np.testing.assert_array_equal(found[0], found[1])
