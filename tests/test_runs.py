"""Results of training: their folders, and how weights are chosen from them."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import make_photo
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

import styleplug
from styleplug.cli import app
from styleplug.core.errors import UsageError, WeightError
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import write
from styleplug.methods import catalogue
from styleplug.store import Store, weights_folder
from styleplug.store.trained import VARIABLE, Model, read_trained
from styleplug.system.tomltext import to_toml
from styleplug.training import load_task
from styleplug.training.loop.card import card, write_model
from styleplug.training.loop.finish import finish
from styleplug.training.loop.progress import Report
from styleplug.training.loop.setup import Setup
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts

PICTURES = {"content": [make_photo(64, 48)], "style": [make_photo(48, 48, 1)]}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A result of `cnn` whose nets paint darker than the embedded ones."""
    folder = tmp_path_factory.mktemp("results") / "seaside"
    folder.mkdir()
    weights = load_file(weights_folder() / "cnn.safetensors")
    weights["picture.bias"] = weights["picture.bias"] - 2
    save_file(weights, folder / "best.safetensors")
    write(make_photo(40, 20).pixels, folder / "sheet.png")
    setup = Setup.of(
        load_task("cnn"),
        data=[Path("/elsewhere/mine/sea photos")],
        styles=[Path("/elsewhere/mine/prints")],
        out=folder,
        options={"steps": 12, "seed": 7, "size": 96},
    )
    report = Report(
        "cnn", "", 12, 30.0, False, 10, {"loss": 1.5, "content": 0.5}, {}, 40, 9, 3, [], "cpu"
    )
    finish(folder, setup, report, "best.safetensors", folder / "sheet.png")
    return folder


@pytest.fixture
def result(made, tmp_path):
    """A copy to be spoilt."""
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return Engine(catalogue(), calibration=Calibration(tmp_path / "calibration.json"))


def run(engine, **recipe):
    """The last frame of a small run."""
    wanted = Recipe(method="cnn", size=64, backend="onnx", **recipe)
    return list(engine.run(wanted, PICTURES))[-1]


def test_result_folder_describes_itself(made):
    model = read_trained(made).model
    data = (made / "best.safetensors").read_bytes()
    assert (model.arch, model.method, model.steps, model.seed) == ("cnn", "cnn", 12, 7)
    assert model.sha256 == hashlib.sha256(data).hexdigest()
    assert model.size == len(data)
    assert model.data == ("sea photos",) and model.styles == ("prints",)
    assert (model.pictures, model.style_pictures, model.held_out) == (40, 9, 3)
    assert model.scores == {"loss": 1.5, "content": 0.5}
    assert model.licence == ""
    assert (made / "sample.png").read_bytes() == (made / "sheet.png").read_bytes()
    graphs = {file.name for file in (made / "graphs").iterdir()}
    assert graphs == {"cnn.measure.onnx", "cnn.code.onnx", "cnn.paint.onnx"}


def test_result_folder_names_no_path(made):
    for name in ("model.toml", "README.md"):
        text = (made / name).read_text()
        assert "/elsewhere" not in text and str(made.parent) not in text
        assert "sea photos" in text and "--seed 7" in text


def test_card_has_hub_front_matter(made):
    text = (made / "README.md").read_text()
    front = text.split("---\n")[1]
    assert 'library_name: "styleplug"' in front
    assert "license" not in front
    assert "| loss | 1.5 |" in text and "None is stated" in text
    assert "(sample.png)" in text


def test_card_escapes_folder_names(made):
    model = read_trained(made).model
    evil = model.model_copy(update={"title": "a\n---\n# b <script>", "data": ("[x](y)",)})
    text = card(evil, sheet=False)
    assert text.count("---\n") == 2  # around the front matter, and nowhere else
    assert "\\[x\\](y)" in text and "\\<script\\>" in text
    assert Model.model_validate(tomllib.loads(to_toml(evil.model_dump()))) == evil


def test_trained_weights_used_and_repeated_by_recipe(engine, made):
    name = engine.add_trained(made)
    plain, other = run(engine), run(engine, trained=name)
    assert name == "seaside"
    assert plain.images[0].mean() > other.images[0].mean() + 0.1
    digest = read_trained(made).model.sha256
    assert other.report.recipe.weights["seaside/best.safetensors"] == digest
    assert {"file": "seaside/best.safetensors", "sha256": digest, "source": "local"} in (
        other.report.weights
    )
    again = list(engine.run(other.report.recipe, PICTURES))[-1]
    np.testing.assert_array_equal(again.images[0], other.images[0])
    assert not [note for note in again.report.notes if "weights" in note]


def test_trained_other_file_of_same_name_refused(engine, made, result):
    engine.add_trained(made)
    recipe = run(engine, trained="seaside").report.recipe
    model = read_trained(result).model
    weights = load_file(result / model.file)
    weights["picture.bias"] += 1
    save_file(weights, result / model.file)
    digest = hashlib.sha256((result / model.file).read_bytes()).hexdigest()
    write_model(result, model.model_copy(update={"sha256": digest}))
    engine.add_trained(result)
    with pytest.raises(WeightError, match=r"made with other weights of the name 'seaside'"):
        engine.run(recipe, PICTURES)


def spoilt(result, change):
    """Change the weights, but let `model.toml` vouch for them."""
    path = result / "best.safetensors"
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        weights = load_file(path)
        change(weights)
        save_file(weights, path)
    model = read_trained(result).model
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_model(result, model.model_copy(update={"sha256": digest}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("picture.bias"), r"the tensor is missing: 'picture\.bias'"),
        (lambda w: w.update(more=np.zeros(2, np.float16)), r"has no tensor 'more'"),
        (
            lambda w: w.update({"picture.bias": np.zeros(4, np.float16)}),
            r"'picture\.bias' has the shape \(4,\), expected \(3,\)",
        ),
        (b"\x80\x04K\x01." * 9, "a pickle, which could run anything and is never opened"),
    ],
)
def test_trained_weights_that_do_not_fit_refused(engine, result, change, words):
    spoilt(result, change)
    engine.add_trained(result)
    with pytest.raises(WeightError, match=words):
        run(engine, trained="seaside")


def test_trained_weights_damaged_refused(engine, result):
    (result / "best.safetensors").write_bytes(b"x" * 999)
    engine.add_trained(result)
    with pytest.raises(WeightError, match="damaged or another file"):
        run(engine, trained="seaside")


def test_trained_weights_of_other_method_refused(engine, result):
    model = read_trained(result).model
    write_model(result, model.model_copy(update={"arch": "vgg19"}))
    engine.add_trained(result)
    with pytest.raises(WeightError, match="holds weights of vgg19; with these parameters cnn"):
        run(engine, trained="seaside")
    assert engine.trained_for(engine.catalogue.get("cnn")) == {}


@pytest.mark.parametrize("name", ["elsewhere", "../seaside", "/etc/passwd"])
def test_trained_unknown_name_refused(engine, made, name):
    engine.add_trained(made)
    with pytest.raises(WeightError, match="are not known here; known are: seaside"):
        run(engine, trained=name)


def test_trained_folder_from_environment(made, tmp_path, monkeypatch):
    (made.parent / "going on").mkdir(exist_ok=True)
    monkeypatch.setenv(VARIABLE, str(made.parent))
    assert list(Store().trained) == ["seaside"]
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="which is not a folder"):
        _ = Store().trained


@pytest.mark.parametrize(
    ("text", "words"),
    [("=", "cannot be used"), ('file = "../x.safetensors"', "cannot be used: ")],
)
def test_result_folder_damaged_refused(tmp_path, text, words):
    (tmp_path / "model.toml").write_text(text)
    with pytest.raises(WeightError, match=words):
        read_trained(tmp_path)


def test_result_folder_without_result_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(UsageError, match="holds no training result"):
            read_trained(folder)


def test_model_file_outside_folder_refused(result):
    text = (result / "model.toml").read_text()
    (result / "model.toml").write_text(text.replace("best.safe", "../best.safe"))
    with pytest.raises(WeightError, match="model.toml cannot be used: file"):
        read_trained(result)


def test_trained_folder_in_python_and_command(made, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    for slot, (picture,) in PICTURES.items():
        write(picture.pixels, tmp_path / f"{slot}.png")
    settings = {"size": 64, "backend": "onnx"}
    files = tmp_path / "content.png", tmp_path / "style.png"
    mine = styleplug.stylize(*files, "cnn", weights=made, **settings)
    plain = styleplug.stylize(*files, "cnn", **settings)
    assert mine.recipe.trained == "seaside"
    assert mine.array.mean() < plain.array.mean() - 0.1
    options = ["--content", files[0], "--style", files[1], "--weights", made]
    options += ["--size", 64, "--backend", "onnx", "--out", tmp_path / "out.png"]
    done = CliRunner().invoke(app, ["run", "cnn", *map(str, options)])
    assert done.exit_code == 0, done.output
    mine.save(tmp_path / "mine.png")
    assert (tmp_path / "out.png").read_bytes()[:4] == (tmp_path / "mine.png").read_bytes()[:4]
    again = styleplug.stylize(*files, recipe=tmp_path / "out.png")
    np.testing.assert_array_equal(again.array, mine.array)


def test_page_offers_trained_weights_by_title(engine, made):
    import gradio as gr

    method = engine.catalogue.get("cnn")
    with gr.Blocks():
        empty = Form(method, Texts(), trained=engine.trained_for(method))
        empty.pictures(), empty.parameters(advanced=False), empty.parameters(advanced=True)
        engine.add_trained(made)
        full = Form(method, Texts(), trained=engine.trained_for(method))
        full.pictures(), full.parameters(advanced=False), full.parameters(advanced=True)
    nothing = empty.components[empty.names.index("trained")]
    choice = full.components[full.names.index("trained")]
    assert not nothing.visible
    assert choice.visible
    words = {value: label for label, value in choice.choices}
    assert set(words) == {"", "seaside"}
    assert read_trained(made).model.title in words["seaside"]
    assert str(made) not in str(choice.get_config())
    drafting = engine.trained_for(engine.catalogue.get("gatys"))
    assert list(drafting) == ["seaside"]
