"""What is installed: dependencies in one place, all packages and all weights in the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
CARRIED = ["styleplug", "weights", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built without network from a copy (building litters its tree)."""
    folder = tmp_path_factory.mktemp("wheel")
    litter = shutil.ignore_patterns("__pycache__", "*.egg-info", "_weights")
    for name in CARRIED:
        source = HOUSE / name
        if source.is_dir():
            shutil.copytree(source, folder / "tree" / name, ignore=litter)
        else:
            shutil.copy2(source, folder / "tree" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    done = subprocess.run(
        [*pip, *options, str(folder / "tree")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as pip would put it into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "HOME": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    kept = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix() for p in kept}


def test_every_package_is_listed() -> None:
    folders = {p.parent.relative_to(HOUSE) for p in (HOUSE / "styleplug").rglob("__init__.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"styleplug._weights"}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected


def test_the_wheel_carries_code_and_weights(installed: Path) -> None:
    assert files(HOUSE / "weights"), "there are weights to carry"
    assert files(installed / "styleplug" / "_weights") == files(HOUSE / "weights")
    code = {f for f in files(HOUSE / "styleplug") if f.endswith(".py")}
    assert code <= files(installed / "styleplug")
    assert (installed / "styleplug" / "py.typed").is_file()


def test_the_installed_package_finds_its_weights(installed: Path) -> None:
    code = "import styleplug.store as s; print(s.__file__); print(s.weights_folder())"
    module, folder = run_installed(installed, "-c", code).split()
    assert Path(module).is_relative_to(installed)
    assert Path(folder) == installed / "styleplug" / "_weights"


def test_the_installed_command_runs(installed: Path) -> None:
    assert "weights" in run_installed(installed, "-m", "styleplug", "--help")


def test_the_wheel_asks_for_what_requirements_txt_says(installed: Path) -> None:
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    asked = [
        line.removeprefix("Requires-Dist: ").replace(" ", "")
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    names = {re.split(r"[<>=;!]", requirement)[0] for requirement in asked}
    assert names == set(required())
    assert "Name: styleplug" in metadata
    assert "License-Expression: MIT" in metadata


def test_the_command_is_an_entry_point(installed: Path) -> None:
    text = next(installed.glob("*.dist-info/entry_points.txt")).read_text(encoding="utf-8")
    assert "styleplug = styleplug.cli:main" in text


def required() -> list[str]:
    lines = (HOUSE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [re.split(r"[<>=;!]", line)[0] for line in lines if line and not line.startswith("#")]


def test_dependencies_stand_in_one_place() -> None:
    assert "dependencies" not in PROJECT["project"]
    assert "dependencies" in PROJECT["project"]["dynamic"]
    assert {"gradio", "torch", "torchvision", "pillow", "huggingface-hub"} <= set(required())


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
def test_one_onnxruntime_everywhere(system: str, machine: str, expected: str) -> None:
    """Both at once would break the graphics card."""
    from packaging.requirements import Requirement

    lines = (HOUSE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [
        requirement.name
        for requirement in map(Requirement, (line for line in lines if line.startswith("onnx")))
        if requirement.marker is not None
        and requirement.marker.evaluate({"sys_platform": system, "platform_machine": machine})
    ]
    assert wanted == [expected]


def test_make_installs_once(tmp_path: Path) -> None:
    """The second `make run` and `make test` start at once, until a requirement changes."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
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
    assert installs.endswith("install --quiet --requirement requirements.txt")
    assert page == "python app.py"
    assert made("run") == [page]
    assert ".[dev]" in made("test")[0]
    side_by_side = "--numprocesses logical --maxprocesses 4 --dist loadgroup"
    checks = ["ruff check .", "ruff format --check .", "mypy", "lint-imports"]
    assert made("test") == [*checks, f"python -m pytest {side_by_side}"]
    later = (tmp_path / ".venv" / ".test-stamp").stat().st_mtime + 10
    os.utime(tmp_path / "requirements.txt", (later, later))
    assert "--requirement" in made("test")[0]


def test_every_dependency_has_its_reason_and_licence() -> None:
    documented = (HOUSE / "docs" / "licences.md").read_text(encoding="utf-8")
    extras = PROJECT["project"]["optional-dependencies"]
    named = {re.split(r"[<>=;!]", r)[0] for extra in extras.values() for r in extra}
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in documented.splitlines()
        if line.startswith("| ")
    }
    for name in [*required(), *sorted(named - {"styleplug[train]"})]:
        assert name in rows, f"docs/licences.md does not list {name}"
        assert all(rows[name]), f"docs/licences.md: {name} lacks its reason or licence"


def test_the_version_is_written_once() -> None:
    import styleplug

    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "styleplug.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", styleplug.__version__)
    changes = (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {styleplug.__version__}" in changes
