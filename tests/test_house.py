"""The house rules that no linter knows: sizes, silence, nothing unpickled, light imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
MODULES = sorted((HOUSE / "styleplug").rglob("*.py"))
SCRIPTS = sorted([*(HOUSE / "tests").rglob("*.py"), *(HOUSE / "benchmarks").rglob("*.py")])
TALKS = {"cli", "__main__.py"}  # the only modules that may print and exit
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}

each_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda path: str(path.relative_to(HOUSE))
)


def nodes(module: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(module.read_text(encoding="utf-8")))


def called(node: ast.AST) -> str:
    """The dotted name that a node calls, "" where it calls none."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


@each_module
def test_module_is_short(module: Path) -> None:
    lines = len(module.read_text(encoding="utf-8").splitlines())
    most = 300 if module.parent.name == "methods" else 400
    assert lines < most, f"{lines} lines; split it, {most} is too many to read at a sitting"


@each_module
def test_module_writes_json_in_one_place(module: Path) -> None:
    """Where what is no finite number becomes null; the head of weights holds whole numbers."""
    allowed = {
        "styleplug/system/jsontext.py",
        "styleplug/store/header.py",
        "styleplug/store/cache.py",
    }
    if module.relative_to(HOUSE).as_posix() not in allowed:
        assert "json.dumps" not in [called(node) for node in nodes(module)]


@each_module
def test_module_functions_fit_on_screen(module: Path) -> None:
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 60
    }
    assert not long, f"functions longer than 60 lines: {long}"


@each_module
def test_module_is_english_only(module: Path) -> None:
    """Texts in other languages stand in the catalogues of styleplug/locale."""
    text = module.read_text(encoding="utf-8")
    found = re.findall("[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]+", text)
    assert not found, f"holds {found[:3]}"


@each_module
def test_module_neither_prints_nor_exits(module: Path) -> None:
    if TALKS & {module.name, module.parent.name}:
        return
    loud = {"print", "exit", "quit", "sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
    found = sorted({called(node) for node in nodes(module)} & loud)
    raised = [n for n in nodes(module) if isinstance(n, ast.Raise) and "SystemExit" in ast.dump(n)]
    assert not found, f"calls {found}; yield a Frame or raise an error of core/errors.py"
    assert not raised


@each_module
def test_module_unpickles_nothing(module: Path) -> None:
    for node in nodes(module):
        names = {
            ast.Import: lambda n: {alias.name.split(".")[0] for alias in n.names},
            ast.ImportFrom: lambda n: {(n.module or "").split(".")[0]},
        }.get(type(node), lambda _: set())(node)
        assert not names & UNPICKLERS, f"line {node.lineno}: imports {names & UNPICKLERS}"
        assert called(node) != "torch.load", "weights are safetensors; torch.load unpickles"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"


@each_module
def test_module_imports_no_private_name(module: Path) -> None:
    """And what stands in the package root is for users: no module of ours imports it."""
    for node in nodes(module):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("styleplug"):
            continue
        names = {alias.name for alias in node.names}
        private = {name for name in names if name.startswith("_")}
        assert not private, f"line {node.lineno}: {private} of {node.module}"
        if node.module == "styleplug":
            top = {path.stem for path in (HOUSE / "styleplug").iterdir()}
            assert names <= top, f"line {node.lineno}: {names - top} of the package root"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_script_names_no_machine_path(script: Path) -> None:
    """No test or benchmark reads a path that only one machine has (an option may name one)."""
    text = script.read_text(encoding="utf-8")
    absent = ["/" + "work/", "/" + "home/", "/" + "Users/"]
    assert not [path for path in absent if path in text]


@pytest.mark.parametrize(
    "imported", ["styleplug", "styleplug.methods", "styleplug.cli", "styleplug.engine"]
)
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


def test_training_modules_import_first() -> None:
    """A cycle of imports shows only to the program that comes in by the wrong module."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for known in [n for n in sys.modules if n.startswith('styleplug')]:\n"
        "        del sys.modules[known]\n"
        "    importlib.import_module(name)\n"
    )
    parts = [module.relative_to(HOUSE).with_suffix("").parts for module in MODULES]
    names = [".".join(part for part in one if part != "__init__") for one in parts]
    chosen = [name for name in names if name.startswith("styleplug.training")]
    command = [sys.executable, "-c", code, *chosen]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOUSE, check=False)
    assert done.returncode == 0, done.stderr
