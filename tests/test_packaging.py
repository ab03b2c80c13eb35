"""What is installed: dependencies in one place, all packages and all weights in the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS_ASKED = PROJECT["project"]["optional-dependencies"]
Python = Callable[..., subprocess.CompletedProcess[str]]
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "_weights", "build", "dist", "runs"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this tree, built from a copy (building litters its tree)."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(HOUSE, folder / "tree", ignore=LEFT_OUT)
    build = f"import setuptools.build_meta as one; one.build_sdist({str(folder)!r})"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=folder / "tree", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """The wheel, built from the source distribution without network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(source.parent)]
    done = subprocess.run([*pip, *options, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(source.parent.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as pip would put it into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(folder: Path, *arguments: str) -> str:
    done = _run(arguments, folder, [folder])
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(
    arguments: Sequence[str], folder: Path, found: Sequence[Path]
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder; packages of these folders are found before others."""
    path = os.pathsep.join(map(str, found))
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": "", "HOME": str(folder)},
        check=False,
    )


def files(folder: Path) -> set[str]:
    kept = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix() for p in kept}


def test_packages_all_listed() -> None:
    folders = {p.parent.relative_to(HOUSE) for p in (HOUSE / "styleplug").rglob("__init__.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"styleplug._weights"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected


def package() -> set[str]:
    """The files of the package in this tree: code, texts, pictures, scripts and styles."""
    return {f"styleplug/{one}" for one in files(HOUSE / "styleplug") if "_weights" not in one}


@pytest.mark.slow
def test_wheel_carries_package_weights_and_nothing_else(installed: Path) -> None:
    weights = {f"styleplug/_weights/{one}" for one in files(HOUSE / "weights")}
    assert weights, "there are weights to carry"
    data = PROJECT["tool"]["setuptools"]["data-files"]
    menu = {f"{where}/{Path(one).name}" for where, some in data.items() for one in some}
    found = {re.sub(r"^styleplug-[\d.]+\.data/data/", "", one) for one in files(installed)}
    extra = {one for one in found if ".dist-info/" in one}
    assert found - extra == package() | weights | menu


@pytest.mark.slow
def test_source_carries_what_wheel_needs_and_nothing_else(source: Path) -> None:
    with tarfile.open(source) as archive:
        found = {one.name.partition("/")[2] for one in archive if one.isfile()}
    data = PROJECT["tool"]["setuptools"]["data-files"]
    weights = {f"weights/{one}" for one in files(HOUSE / "weights")}
    menu = {one for some in data.values() for one in some}
    about = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    extra = {one for one in found if one.startswith("styleplug.egg-info/")}
    assert found - extra == package() | weights | menu | about


@pytest.mark.slow
def test_installed_package_finds_weights(installed: Path) -> None:
    code = "import styleplug.store as s; print(s.__file__); print(s.weights_folder())"
    module, folder = run_installed(installed, "-c", code).split()
    assert Path(module).is_relative_to(installed)
    assert Path(folder) == installed / "styleplug" / "_weights"


@pytest.mark.slow
def test_installed_command_runs(installed: Path) -> None:
    assert "weights" in run_installed(installed, "-m", "styleplug", "--help")


@pytest.fixture(scope="module")
def small(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Python where nothing is installed but the wheel, what it asks for, and ONNX Runtime."""
    site = tmp_path_factory.mktemp("small")
    waiting, seen = [Requirement(one) for one in asked() | asked("onnx")], set()
    while waiting:
        one = waiting.pop()
        if one.name in seen or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(one.name)
        there = _distribution(one.name)
        waiting += map(Requirement, there.requires or ())
        for top in {file.parts[0] for file in there.files or ()} - {"..", "__pycache__"}:
            (site / top).symlink_to(there.locate_file(top))
    return lambda *arguments: _run(["-S", *arguments], site, [installed, site])


def _distribution(name: str) -> Distribution:
    """What is installed under a name; either kind of ONNX Runtime will do."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return distribution(f"{name}-gpu")


PAINTS = """
import importlib.util, numpy, styleplug
for name in ("torch", "gradio", "huggingface_hub", "pandas", "onnx", "requests", "httpx"):
    assert importlib.util.find_spec(name) is None, name
picture = numpy.random.default_rng(0).random((64, 64, 4), numpy.float32)
picture[..., 3] = 1
picture[20:28, 20:28, 3] = 0  # to be completed
for id, method in styleplug.methods().items():
    given = {slot.id: picture for slot in method.inputs if slot.least}
    result = styleplug.generate(id, size=64, **given)
    assert result.report.backend == "onnx" and result.images[0].std() > 0.01, id
    print(id)
"""


@pytest.mark.slow
def test_small_installation_paints_every_method(small: Python) -> None:
    done = small("-W", "error", "-c", PAINTS)
    assert done.returncode == 0, done.stderr
    methods = {path.stem for path in (HOUSE / "styleplug" / "methods").glob("[!_]*.py")}
    assert set(done.stdout.split()) == methods


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("app", "page"),
        ("train cnn --data . --out run", "train"),
        ("run dcgan --backend torch --out x.png", "torch"),
        ("weights fetch gatys", "hub"),
    ],
)
def test_small_installation_names_missing_extra(small: Python, arguments: str, extra: str) -> None:
    done = small("-m", "styleplug", *arguments.split())
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert f'install with `pip install "styleplug[{extra}]"`' in done.stderr


@pytest.mark.slow
def test_small_installation_publish_names_extra(small: Python) -> None:
    done = small("-c", "import styleplug.store.publish as p; p.publish(p.Path('.'), 'a/b')")
    assert done.stderr.splitlines()[-1].endswith('`pip install "styleplug[hub]"`')


@pytest.mark.slow
def test_command_is_entry_point(installed: Path) -> None:
    text = next(installed.glob("*.dist-info/entry_points.txt")).read_text(encoding="utf-8")
    assert "styleplug = styleplug.cli:main" in text


def asked(extra: str = "") -> set[str]:
    """What the installation, or an extra of it, asks for: extras of its own written out."""
    found: set[str] = set()
    for one in map(
        Requirement, EXTRAS_ASKED[extra] if extra else PROJECT["project"]["dependencies"]
    ):
        if one.name != "styleplug":
            found.add(str(one))
            continue
        where = f"; {one.marker}" if one.marker else ""
        found |= {str(Requirement(part + where)) for inner in one.extras for part in asked(inner)}
    return found


def names(requirements: set[str]) -> set[str]:
    return {Requirement(one).name for one in requirements}


def test_extra_all_holds_every_extra() -> None:
    """Not Ray, which is large, MCP, which holds back pydantic, and videos, which need GPL parts."""
    whole, left_out = names(asked("all")), ("dev", "ray", "mcp", "video")
    assert all(names(asked(extra)) <= whole for extra in EXTRAS_ASKED if extra not in left_out)


def test_extras_table_equals_pyproject() -> None:
    """A missing package is named with the extra that brings it."""
    from styleplug.system.extras import EXTRAS

    modules_of = {"opencv-python-headless": "cv2"}  # if the name is another one
    installed = {
        extra: {modules_of.get(name, name.replace("-", "_")) for name in names(asked(extra))}
        for extra in EXTRAS
    }
    assert installed == {extra: set(modules) for extra, modules in EXTRAS.items()}
    assert set(EXTRAS) == set(EXTRAS_ASKED) - {"all", "dev", "onnx-gpu"}


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
    ],
)
def test_onnxruntime_one_per_platform(system: str, machine: str, expected: str) -> None:
    """Both at once would break the graphics card."""
    here = {"sys_platform": system, "platform_machine": machine}
    wanted = [
        one.name
        for one in map(Requirement, asked("all"))
        if one.name.startswith("onnxruntime") and one.marker and one.marker.evaluate(here)
    ]
    assert wanted == [expected]


def test_make_installs_once(tmp_path: Path) -> None:
    """The second `make run` and `make test` start at once, until a requirement changes."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(HOUSE / name, tmp_path / name)
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("python", "ruff", "mypy", "lint-imports"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/log\n')
        (tools / name).chmod(0o755)

    def made(target: str) -> list[str]:
        (tmp_path / "log").write_text("")
        subprocess.run(["make", target], cwd=tmp_path, check=True, capture_output=True)
        return (tmp_path / "log").read_text().splitlines()

    installs, page = made("run")
    assert installs.endswith("install --quiet --editable .[all]")
    assert page == "python app.py"
    assert made("run") == [page]
    assert ".[dev]" in made("test")[0]
    side_by_side = "--numprocesses logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder"
    suite, checks = f"python -m pytest {side_by_side}", ["ruff check .", "ruff format --check ."]
    assert sorted(made("test")) == sorted([*checks, "mypy", "lint-imports", suite])
    assert made("quick") == [*checks, f"{suite} -m not slow and not browser"]
    assert made("run") == [page]
    earlier = (tmp_path / "pyproject.toml").stat().st_mtime - 10
    os.utime(tmp_path / ".venv" / ".test-stamp", (earlier, earlier))
    again = [line for line in made("test") if " install " in line]
    assert len(again) == 1 and again[0].endswith("--editable .[dev]")


def test_dependencies_have_reason_and_licence() -> None:
    documented = (HOUSE / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in documented.splitlines()
        if line.startswith("| ")
    }
    for name in sorted(names(asked().union(*map(asked, EXTRAS_ASKED)))):
        assert name in rows, f"docs/licences.md does not list {name}"
        assert all(rows[name]), f"docs/licences.md: {name} lacks its reason or licence"


def test_version_written_once() -> None:
    import styleplug

    declared = PROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, _, name = declared.rpartition(".")
    assert getattr(import_module(module), name) == styleplug.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", styleplug.__version__)
    changes = (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {styleplug.__version__}" in changes
