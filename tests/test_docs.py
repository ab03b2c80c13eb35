"""The documentation is true: its examples run, its links lead somewhere, its tables are fresh."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from styleplug import cli

HOUSE = Path(__file__).parents[1]
EXAMPLE = HOUSE / "tests" / "plugin_example"
README = (HOUSE / "README.md").read_text(encoding="utf-8")
USAGE = (HOUSE / "docs" / "usage.md").read_text(encoding="utf-8")
SCALE = (HOUSE / "docs" / "scale.md").read_text(encoding="utf-8")
PLUGINS = (HOUSE / "docs" / "plugins.md").read_text(encoding="utf-8")
PAGES = [
    *(HOUSE / name for name in ("README.md", "CHANGELOG.md", "benchmarks/README.md")),
    HOUSE / "integrations" / "comfyui" / "README.md",
    *sorted((HOUSE / "docs").glob("*.md")),
    *sorted((HOUSE / "styleplug" / "methods").glob("*.md")),
]

# Examples show the defaults that people want; here they run in no time.
QUICK = {
    "gatys": "--size 64 --backend fake --iterations 2",
    "cnn": "--size 64",
    "cyclegan": "--size 64",
    "enhance": "--size 64",
    "batch": "--size 64",
    "grid": "--size 64 --method cnn",
}
SLOW, FAST = "size=512", 'size=64, backend="fake", iterations=2'


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its kind."""
    below = text.split(f"\n## {heading}\n")[1]
    return below.split("\n## ")[0]


def block(text: str, language: str, number: int = 0) -> str:
    """A fenced block."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def quick(code: str) -> str:
    assert SLOW in code, "the example says its size, so that this test can make it small"
    return code.replace(SLOW, FAST)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the pictures that examples name."""
    for shade, name in enumerate(["photo.jpg", "painting.jpg", "other.jpg", "subject.png"]):
        ramp = np.linspace(0, 255, 96 * 72 * 3).reshape(72, 96, 3)
        Image.fromarray(np.roll(ramp, shade * 40, axis=1).astype(np.uint8)).save(tmp_path / name)
    (tmp_path / "PHOTOS").mkdir()
    shutil.copy(tmp_path / "photo.jpg", tmp_path / "PHOTOS")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = [
    line
    for text, heading in ((README, "Without the page"), (USAGE, "On the command line"))
    for line in block(section(text, heading), "bash").splitlines()
]


@pytest.mark.slow
def test_commands_of_usage_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In their order, since one takes up the recipe of another's picture."""
    from styleplug.core.weight import WeightFile
    from styleplug.store import Store
    from styleplug.ui import page

    served: list[Any] = []

    def fetched(self: Store, sources: Any) -> Iterator[str]:
        yield "downloading"
        return WeightFile("vgg19", Path("model.safetensors"), "0" * 64, "hub")

    monkeypatch.setattr(page, "launch", lambda *arguments, **_: served.append(arguments))
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        assert program == "styleplug"
        if "--out" in arguments:
            arguments += (QUICK.get(arguments[0]) or QUICK[arguments[1]]).split()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [program, *arguments])
            if "fetch" in arguments:
                patch.setattr(Store, "resolve", fetched)
            with pytest.raises(SystemExit) as leaving:
                cli.main()
        said = capsys.readouterr()
        assert leaving.value.code in (0, None), f"{line}\n{said.err}"
    for name in ("quick.png", "picture.png", "mixed.png", "again.png", "part.png", "back.png"):
        with Image.open(folder / name) as picture:
            assert picture.size == (64, 48)
    assert (folder / "sheet.png").exists() and (
        folder / "PAINTED" / "photo-painting-cnn.png"
    ).exists()
    assert served == [("0.0.0.0", 8000, False, ("user", "password"))]


@pytest.mark.slow
def test_commands_of_many_pictures_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the manual and of the page on millions of pictures, and the Python beside them."""
    from styleplug.cli import follow

    (folder / "STYLES").mkdir()
    for name in ("a.jpg", "s.jpg", "STYLES/one.jpg"):
        shutil.copy(folder / "painting.jpg", folder / name)
    clusters: list[str] = []
    known = follow.executor_of

    def local(kind: str, *rest: Any) -> Any:
        clusters.extend([kind] if kind != "local" else [])
        return known("local", *rest)

    monkeypatch.setattr(follow, "executor_of", local)
    part = section(USAGE, "Many pictures at once")
    scale = re.findall("^    (styleplug .*)$", SCALE, re.MULTILINE)
    for line in [*block(part, "bash").splitlines(), *scale]:
        words = shlex.split(line.replace("size=256,512", "size=64,80"))
        small = [] if "size=64,80" in words else ["--size", "64"]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [*words, *small])
            (folder / "sheet.png").unlink(missing_ok=True)
            with pytest.raises(SystemExit) as leaving:
                cli.main()
        assert leaving.value.code in (0, None), f"{line}\n{capsys.readouterr().err}"
    assert clusters == ["ray", "ray://head:10001"]
    made = sorted(one.name for one in (folder / "PAINTED").rglob("*.??g"))
    assert made == ["photo-one-cnn.png", "photo-painting-cnn.png", "waves.jpg"]
    exec(block(part, "python").replace("[256, 512]", "[64, 80]").replace(SLOW, "size=64"), {})
    assert (folder / "PAINTED" / "photo-waves-cnn.png").exists()


@pytest.mark.slow
def test_measurements_of_scale_run() -> None:
    for file, option, _ in re.findall(r"^    python (\S+) (--\w+) (\d+)$", SCALE, re.MULTILINE):
        small = ["2", "--single", "1"] if "folder" in file else ["40"]
        done = subprocess.run(
            [sys.executable, file, option, *small], cwd=HOUSE, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(HOUSE)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_commands_of_generators_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its commands in their order, since one takes up the texture of another; then its Python."""
    hole = np.zeros((72, 96), np.uint8)
    hole[20:50, 30:60] = 255
    Image.fromarray(hole).save(folder / "mask.png")
    part = section(USAGE, "Pictures from random numbers")
    for line in block(part, "bash").splitlines():
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [*shlex.split(line), "--size", "64"])
            with pytest.raises(SystemExit) as leaving:
                cli.main()
        assert leaving.value.code in (0, None), f"{line}\n{capsys.readouterr().err}"
    with Image.open(folder / "walk.webp") as walk:
        assert walk.size == (64, 64)
        assert getattr(walk, "n_frames", 1) == 48
    with Image.open(folder / "wide.png") as wide:
        assert wide.width > 64 > wide.height
    (folder / "sheet.png").unlink()
    exec(block(part, "python").replace(SLOW, "size=64"), {})
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.width == sheet.height > 4 * 64
    with Image.open(folder / "painted.png") as painted:
        assert painted.size == (64, 48)


def test_python_example_of_readme_runs(folder: Path) -> None:
    exec(quick(block(section(README, "Without the page"), "python")), {})
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (64, 48)


def test_python_example_of_usage_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(quick(block(section(USAGE, "In Python"), "python")), {})
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (64, 48)
    assert "gatys" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.slow
def test_http_example_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio

    from styleplug.ui import page

    monkeypatch.setattr(page, "_warm", lambda engine: None)  # torch would arrive after the test
    url = page.launch("127.0.0.1", free_port(), block=False)
    code = quick(block(section(USAGE, "Over HTTP"), "python"))
    assert "http://127.0.0.1:7860" in code
    said: dict[str, Any] = {}
    try:
        exec(code.replace("http://127.0.0.1:7860", url), said)
    finally:
        gradio.close_all()
    assert said["report"]["method"] == "gatys"
    with Image.open(said["picture"]) as picture:
        assert picture.size == (64, 48)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_plugin_of_manual_becomes_command(folder: Path) -> None:
    """The file and the entry point, installed as pip would and used as a user would."""
    site = folder / "site"
    info = site / "styleplug_posterise-1.0.dist-info"
    info.mkdir(parents=True)
    code = block(section(PLUGINS, "A whole method"), "python")
    assert code == (EXAMPLE / "styleplug_posterise.py").read_text(encoding="utf-8")
    (site / "styleplug_posterise.py").write_text(code, encoding="utf-8")
    package = block(section(PLUGINS, "A package of its own"), "toml")
    whole = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert set(package.splitlines()) <= set(whole.splitlines())
    project = tomllib.loads(package)["project"]
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["styleplug.methods"]
    lines = "".join(f"{name} = {where}\n" for name, where in points.items())
    (info / "entry_points.txt").write_text(f"[styleplug.methods]\n{lines}")

    options = ["--content", "photo.jpg", "--levels", "2", "--size", "64", "--out", "flat.png"]
    done = subprocess.run(
        [sys.executable, "-m", "styleplug", "run", "posterise", *options, "--backend", "fake"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": f"{site}:{HOUSE}", "PATH": "", "HOME": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "flat.png") as picture:
        assert set(np.unique(np.asarray(picture))) == {0, 255}


def test_methods_page_is_fresh() -> None:
    written = (HOUSE / "docs" / "methods.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(HOUSE / "docs" / "generate.py"))
    assert written == made["render"](), "run `make docs`"
    drawings = made["drawings"]()
    assert len(drawings) == 11
    for path, drawn in drawings.items():
        assert path.read_text(encoding="utf-8") == drawn + "\n", "run `make docs`"


def test_methods_have_complete_explanations() -> None:
    from styleplug.methods import discover

    for id, method in discover().methods.items():
        text = method.explanation()
        heads = re.findall(r"^### (.+?)(?: from the papers?)?$", text, re.MULTILINE)
        wanted = ["The idea", "The formula", "What the parameters do", "How ours differs"]
        assert heads == wanted, id
        assert text.count("$$") % 2 == 0 < text.count("$$"), id
        named = set(re.findall(rf"images/({id}-[\w]+)\.jpg", text))
        assert len(named) >= 3, f"{id}: two strips and a sheet"


def test_method_without_explanation_has_empty_one() -> None:
    there: dict[str, Any] = {}
    exec(block(section(PLUGINS, "A generator"), "python"), there)
    assert there["METHOD"].explanation() == ""


def test_strips_all_shown() -> None:
    code = (HOUSE / "docs" / "strips.py").read_text(encoding="utf-8")
    strips = set(re.findall(r'^    "([\w-]+)": Strip\(', code, re.MULTILINE))
    shown = set(
        re.findall(
            r"\(images/([\w-]+)\.jpg\)", (HOUSE / "docs" / "methods.md").read_text(encoding="utf-8")
        )
    )
    assert strips
    others = {one for one in shown - strips if not one.endswith("-ends")}
    assert others == {f"{name}-sheet" for name in {strip.split("-")[0] for strip in strips}}
    assert strips <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOUSE).as_posix())
def test_links_lead_to_existing_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [
        target
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        if not re.match(r"https?:", target)
    ]
    missing = [target for target in linked if not (page.parent / target).exists()]
    named = re.findall(r"`((?:docs|styleplug|tests|benchmarks|weights)/[\w./-]*)`", text)
    missing += [name for name in named if not (HOUSE / name).exists()]
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", text):
        there = (page.parent / target).read_text(encoding="utf-8") if target else text
        heads = re.findall(r"^#+ (.+)$", there, re.MULTILINE)
        if anchor not in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]:
            missing.append(f"{target}#{anchor}")
    assert not missing


def test_readme_front_matter_is_valid_space() -> None:
    front = dict(re.findall(r"^(\w+): (.+)$", README.split("---")[1], re.MULTILINE))
    assert front["sdk"] == "gradio"
    assert (HOUSE / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60, "the Hub refuses longer ones"
    assert front["python_version"] == '"3.12.12"', "what ZeroGPU offers"
    requirements = (HOUSE / "requirements.txt").read_text(encoding="utf-8")
    lowest = re.search(r"gradio>=([\d.]+)", requirements)
    assert lowest is not None
    assert front["sdk_version"].startswith(lowest[1]), "the version that requirements.txt admits"


def test_generator_of_manual_runs(calibration: Any) -> None:
    from styleplug.core.recipe import Recipe
    from styleplug.engine import Engine
    from styleplug.methods import Catalogue, admit

    there: dict[str, Any] = {}
    exec(block(section(PLUGINS, "A generator"), "python"), there)
    method = there["METHOD"]
    admit(method)
    engine = Engine(Catalogue({method.id: method}, {}), calibration=calibration)
    asked = Recipe(method=method.id, backend="fake", size=64, parameters={"count": 3})
    *_, final = engine.run(asked, {})
    assert [image.shape for image in final.images] == [(64, 64, 3)] * 3
