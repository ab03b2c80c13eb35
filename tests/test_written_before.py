"""What an earlier version wrote, or was asked over HTTP, still works.

`written_before/` holds files of the version 7a4173d: the endpoints that `gradio_client` saw, a call
of each with the picture that it gave (the recipe is inside), a training run that was killed after
10 of 20 steps, the last checkpoint of the same run without the kill, and the description of a
training result.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from conftest import make_photo
from gradio_client import Client, handle_file
from PIL import Image, ImageSequence
from safetensors.torch import load_file
from serve import THIRD_PARTY, free_port
from tiny_task import TINY

import styleplug
from styleplug.core.errors import WeightError
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import Picture, read_recipe, write
from styleplug.methods import catalogue
from styleplug.store import weights_folder
from styleplug.training.loop import train
from styleplug.training.loop.setup import Setup
from styleplug.ui import drawing, page

pytestmark = [pytest.mark.slow, *THIRD_PARTY]
BEFORE = Path(__file__).parent / "written_before"
ENDPOINTS = json.loads((BEFORE / "endpoints.json").read_text(encoding="utf-8"))
each_endpoint = pytest.mark.parametrize("name", ENDPOINTS)


def result_of(name: str) -> Path:
    """The picture that a call of an endpoint gave."""
    return BEFORE / "pictures" / str(ENDPOINTS[name]["result"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pictures of the calls, by slot."""
    folder = tmp_path_factory.mktemp("pictures")
    hole = np.zeros((48, 64, 3), np.float32)
    hole[16:30, 20:40] = 1
    pictures = {
        "content": make_photo(64, 48, 0),
        "style": make_photo(48, 48, 1),
        "style_2": make_photo(40, 48, 2),
        "mask": Picture(hole),
    }
    for slot, picture in pictures.items():
        write(picture, folder / f"{slot}.png")
    return {slot: folder / f"{slot}.png" for slot in pictures}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A visitor of a page with all methods."""
    calibration = Calibration(tmp_path_factory.mktemp("page") / "calibration.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_warm", lambda engine: None)
        patch.setattr(drawing, "SIDE", 160)
        engine = Engine(catalogue(), calibration=calibration)
        url = page.launch("127.0.0.1", free_port(), block=False, engine=engine)
        yield Client(url, verbose=False)
        gr.close_all(verbose=False)


def frames(file: str | Path) -> np.ndarray:
    """The pictures in a file (n h w 3), 0 to 255."""
    with Image.open(file) as opened:
        shown = [np.asarray(one.convert("RGB"), float) for one in ImageSequence.Iterator(opened)]
    return np.stack(shown)


def choices(kind: str) -> set[str]:
    """The choices in a type as the client describes it."""
    return set(re.findall(r"'([^']*)'", kind))


def assert_same_picture(file: str | Path, name: str) -> None:
    """Rounding may differ by processor, and the steps of an optimiser amplify it."""
    found, wanted = frames(file), frames(result_of(name))
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < (1.5 if name == "/gatys" else 0.5)


# What was changed on purpose since then, and is told in CHANGELOG.md.
NEW_DEFAULTS = {
    "/gatys": {"iterations", "content_weight", "variation_weight"},
    **dict.fromkeys(("/dcgan", "/cgan"), {"truncation"}),
}
NEW_ENCODER = {"/gatys": {"layer_weights"}}  # other layers, and other pictures
NEW_WEIGHTS = {"/autoencoder", "/dcgan", "/cgan"}  # the same parameters, other pictures


# HTTP -----------------------------------------------------------------------------------------


@each_endpoint
def test_endpoint_of_older_version_has_its_parameters(client: Client, name: str) -> None:
    now = client.view_api(return_format="dict", print_info=False)["named_endpoints"][name]
    there = {p["parameter_name"]: p for p in now["parameters"]}
    for parameter, (kind, default) in ENDPOINTS[name]["parameters"].items():
        if parameter not in NEW_DEFAULTS.get(name, ()):
            assert there[parameter]["parameter_default"] == default, parameter
        if "Literal" not in kind:
            assert there[parameter]["python_type"]["type"] == kind, parameter
        missing = choices(kind) - choices(there[parameter]["python_type"]["type"])
        assert missing <= {"fake"}, f"{parameter}: a choice is no longer offered"
    assert [one["label"] for one in now["returns"]] == ENDPOINTS[name]["returns"]


@each_endpoint
def test_call_of_older_version_gives_its_picture(
    client: Client, files: dict[str, Path], name: str
) -> None:
    asked = ENDPOINTS[name]
    pictures = {slot: handle_file(files[slot]) for slot in asked["pictures"]}
    refused = NEW_ENCODER.get(name, set())
    given = {key: value for key, value in asked["call"].items() if key not in refused}
    file, report = client.predict(**pictures, **given, api_name=name)
    if not refused and name not in NEW_WEIGHTS:
        assert_same_picture(file, name)
    before = Recipe.from_json(read_recipe(result_of(name)) or "")
    now = Recipe.model_validate(report["recipe"])
    changed = refused | (NEW_DEFAULTS.get(name, set()) - given.keys())
    kept = {key: value for key, value in before.parameters.items() if key not in changed}
    assert kept.items() <= now.parameters.items()
    assert (before.finish, before.seed, before.size) == (now.finish, now.seed, now.size)


# Recipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("/cnn", "png"), ("/gan", "png"), ("/completion", "json")]
)
def test_recipe_of_older_version_repeats_its_picture(
    files: dict[str, Path], tmp_path: Path, name: str, kind: str
) -> None:
    recipe = result_of(name)
    if kind == "json":
        recipe = tmp_path / "recipe.json"
        recipe.write_text(read_recipe(result_of(name)) or "", encoding="utf-8")
    assert recipe.suffix == f".{kind}"
    given: dict[str, Any] = {slot: files[slot] for slot in ENDPOINTS[name]["pictures"]}
    given |= {"style": [given["style"], given.pop("style_2")]} if "style_2" in given else {}
    result = styleplug.generate(name[1:], recipe=recipe, **given)
    out = tmp_path / f"again{result_of(name).suffix}"
    result.save(out)
    assert_same_picture(out, name)
    assert not [note for note in result.report.notes if "weights" in note]


def test_recipe_of_replaced_weights_says_so() -> None:
    """It is read from a WebP file, and all but the picture is as before."""
    result = styleplug.generate("dcgan", recipe=result_of("/dcgan"))
    before = Recipe.from_json(read_recipe(result_of("/dcgan")) or "")
    assert result.recipe.parameters == before.parameters
    assert [note for note in result.report.notes if "weights" in note]


# Training -------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_curve: None) -> Path:
    """A copy of the killed run, in the folder where its pictures are."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for seed in range(4):
        write(make_photo(40, 30, seed), tmp_path / "data" / f"{seed}.png")
    return Path(shutil.copytree(BEFORE / "run", tmp_path / "run"))


def test_run_of_older_version_resumes_to_same_weights(run: Path) -> None:
    told = list(train(Setup.resumed(TINY, run)))
    assert [progress.step for progress in told if progress.losses][0] == 11
    assert told[-1].report is not None and told[-1].report.step == 20
    found, wanted = (load_file(run / f"{name}.safetensors") for name in ("checkpoint", "whole"))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-6, err_msg=key)


def test_run_of_older_version_of_other_net_refused(run: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"net.critic.", b"net.judges."))
    with pytest.raises(WeightError, match="not a checkpoint of this run.*start a new run"):
        list(train(Setup.resumed(TINY, run)))


def test_result_of_older_version_paints(tmp_path: Path, files: dict[str, Path]) -> None:
    """Its weights are those that come with the method, so the file is not kept twice."""
    folder = Path(shutil.copytree(BEFORE / "seaside", tmp_path / "seaside"))
    shutil.copy2(weights_folder() / "cnn.safetensors", folder / "best.safetensors")
    given = {"size": 64, "backend": "onnx"}
    pictures = files["content"], files["style"]
    trained = styleplug.stylize(*pictures, "cnn", weights=folder, **given)
    assert trained.recipe.trained == "seaside"
    plain = styleplug.stylize(*pictures, "cnn", **given)
    np.testing.assert_array_equal(trained.array, plain.array)
