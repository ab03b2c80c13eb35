"""The house rules that no linter knows: sizes, silence, nothing unpickled, light imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
MODULES = sorted((HOUSE / "styleplug").rglob("*.py"))
SCRIPTS = sorted([*(HOUSE / "tests").rglob("*.py"), *(HOUSE / "benchmarks").rglob("*.py")])
TALKS = {"cli", "__main__.py"}  # the only modules that may print and exit
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@cache
def nodes(module: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))


@cache
def calls(module: Path) -> set[str]:
    """The dotted names that a module calls."""
    return {ast.unparse(node.func) for node in nodes(module) if isinstance(node, ast.Call)}


def imports(module: Path) -> Iterator[tuple[int, str, set[str]]]:
    """Line, module and names of each import; no names where a whole module is imported."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "", {alias.name for alias in node.names}


def short(module: Path) -> str:
    return module.relative_to(HOUSE).as_posix()


def test_modules_are_short() -> None:
    """Below 300 lines for a method and 400 for others: more are too many to read at a sitting."""
    for module in MODULES:
        lines = len(module.read_text(encoding="utf-8").splitlines())
        assert lines < (300 if module.parent.name == "methods" else 400), short(module)


def test_core_holds_contracts_alone() -> None:
    """What only some layers need, stands in the lowest of them."""
    core = [module for module in MODULES if module.parent.name == "core"]
    lines = sum(len(module.read_text(encoding="utf-8").splitlines()) for module in core)
    assert len(core) <= 10 and lines < 1000, lines


def test_json_is_written_in_one_place() -> None:
    """Where what is no finite number becomes null; the head of weights holds whole numbers."""
    writers = {short(module) for module in MODULES if "json.dumps" in calls(module)}
    assert writers <= {
        "styleplug/system/jsontext.py",
        "styleplug/store/header.py",
        "styleplug/store/cache.py",
    }


def test_functions_fit_on_screen() -> None:
    long = {
        f"{short(module)}: {node.name}": node.end_lineno - node.lineno + 1
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 60
    }
    assert not long, f"functions longer than 60 lines: {long}"


def test_code_is_english_only() -> None:
    """Texts in other languages stand in the catalogues of styleplug/locale."""
    foreign = "[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]+"
    found = {short(m): re.findall(foreign, m.read_text(encoding="utf-8"))[:3] for m in MODULES}
    assert not {module: words for module, words in found.items() if words}


def test_library_neither_prints_nor_exits() -> None:
    """It yields a Frame or raises an error of core/errors.py."""
    loud = {"print", "exit", "quit", "sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
    for module in MODULES:
        if TALKS & {module.name, module.parent.name}:
            continue
        assert not calls(module) & loud, short(module)
        raised = [node for node in nodes(module) if isinstance(node, ast.Raise)]
        assert not any("SystemExit" in ast.dump(node) for node in raised), short(module)


def test_nothing_is_unpickled() -> None:
    """Weights are safetensors; torch.load unpickles."""
    for module in MODULES:
        for line, name, _ in imports(module):
            assert name.split(".")[0] not in UNPICKLERS, f"{short(module)}:{line}"
        assert "torch.load" not in calls(module), short(module)
        for node in nodes(module):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", short(module)


def test_private_names_stay_in_their_module() -> None:
    """And what stands in the package root is for users: no module of ours imports it."""
    top = {path.stem for path in (HOUSE / "styleplug").iterdir()}
    for module in MODULES:
        for line, name, names in imports(module):
            if not name.startswith("styleplug"):
                continue
            private = {one for one in names if one.startswith("_")}
            assert not private, f"{short(module)}:{line} imports {private} of {name}"
            if name == "styleplug":
                assert names <= top, f"{short(module)}:{line} imports {names - top} of the root"


def test_scripts_name_no_machine_path() -> None:
    """No test or benchmark reads a path that only one machine has (an option may name one)."""
    absent = ["/" + "work/", "/" + "home/", "/" + "Users/"]
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        assert not [path for path in absent if path in text], short(script)


@pytest.mark.parametrize("imported", ["styleplug.methods", "styleplug.cli", "styleplug.engine"])
def test_import_loads_nothing_heavy(imported: str) -> None:
    """A bare import, or `styleplug --help`, must not wait for what only a run needs."""
    code = (
        f"import sys, {imported}; "
        "heavy = {'torch', 'torchvision', 'gradio', 'onnxruntime', 'huggingface_hub'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=HOUSE, check=False
    )
    assert done.returncode == 0, f"import {imported} also imports: {done.stderr}"


@pytest.mark.slow
def test_training_modules_import_first() -> None:
    """A cycle of imports shows only to the program that comes in by the wrong module.

    What training imports of other layers is kept: they do not import training.
    """
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for known in [n for n in sys.modules if n.startswith('styleplug.training')]:\n"
        "        del sys.modules[known]\n"
        "    importlib.import_module(name)\n"
    )
    parts = [module.relative_to(HOUSE).with_suffix("").parts for module in MODULES]
    names = [".".join(part for part in one if part != "__init__") for one in parts]
    chosen = [name for name in names if name.startswith("styleplug.training")]
    command = [sys.executable, "-c", code, *chosen]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE, check=False)
    assert done.returncode == 0, done.stderr
