"""Finding and admitting methods, our own and other people's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Literal

import pytest
from samples import CONTENT, STYLE, Sample

from styleplug import methods
from styleplug.core.errors import MethodError, UsageError
from styleplug.core.method import Slot
from styleplug.core.params import Numbers, Params, field
from styleplug.core.recipe import Finish, Settings
from styleplug.core.weight import Embedded, Hub, Local
from styleplug.methods import Catalogue, admit, catalogue, discover

EXAMPLE = Path(__file__).parent / "plugin_example"
ROOT = Path(__file__).parent.parent


def knob(default, label="Knob", help="Turns.", **bounds):
    return field(default, label=label, help=help, **bounds)


def with_params(**fields):
    """A params class of (type, default) fields."""
    space = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}}
    space |= {name: default for name, (_, default) in fields.items()}
    return type("SomeParams", (Params,), space)


def made(**changes):
    """A sample method with some of its declarations changed, or removed where None."""
    kind = type("Made", (Sample,), changes)
    return kind()


# What admit lets in


def test_admit_accepts_good_methods():
    admit(Sample())
    kinds = with_params(
        flag=(bool, knob(True)),
        count=(int, knob(3, ge=1, le=5)),
        share=(float, knob(0.5)),
        mode=(Literal["a", "b"], knob("a")),
        blend=(Numbers, knob((1.0, 0.5))),
        nothing=(Numbers, knob(())),
    )
    weights = {"net": (Hub("a", "o/r", "f", "MIT"), Local("a", Path("x")), Embedded("a", "f"))}
    admit(made(params=kinds, weights=weights, inputs=(), work=lambda self, params, pixels: 1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "Bad Id"}, "id 'Bad Id'"),
        ({"id": "../x"}, "id '../x'"),
        ({"id": ""}, "id ''"),
        ({"id": "a" * 33}, "at most 32"),
        ({"title": " "}, "title is empty"),
        ({"summary": ""}, "summary is empty"),
        ({"paper": ""}, "paper is empty"),
        ({"catalogues": ["zh.toml"]}, "catalogues must map languages"),
        ({"catalogues": {"zh": "zh.toml"}}, "catalogues must map languages"),
        ({"catalogues": {"zh": {"title": ("Title",)}}}, r"title is \('Title',\); expected a text"),
        ({"inputs": [CONTENT]}, "tuple of Slot"),
        ({"inputs": (CONTENT, CONTENT)}, "'content' is already a name of input 'content'"),
        ({"inputs": (Slot("size", "S", "h"),)}, "'size' is already a setting"),
        ({"inputs": (STYLE, Slot("style_2", "S", "h"))}, "'style_2' is already"),
        ({"rank": "first"}, "rank is 'first'"),
        ({"presets": ["bold"]}, "presets must map names"),
        ({"diagram": "content > result"}, "diagram must be a tuple of paths"),
        ({"diagram": ("content",)}, "diagram must be a tuple of paths"),
        ({"presets": {"Very bold": {}}}, "preset 'Very bold' must be lower-case"),
        ({"presets": {"bold": 3}}, "preset 'bold' must map parameters"),
        ({"presets": {"bold": {"steps": 0}}}, "preset 'bold': steps = 0"),
        ({"presets": {"bold": {"size": 1}}}, "preset 'bold': size = 1"),
        ({"presets": {"bold": {"wild": 1}}}, "preset 'bold': unknown parameter 'wild'"),
        (
            {"presets": {"b": {"strength": 0.5}}, "supports_finish": lambda self: False},
            "preset 'b': unknown parameter 'strength'",
        ),
        ({"supports_finish": lambda self: 1 / 0}, "failed in supports_finish: ZeroDivisionError"),
        ({"inputs": (Slot("x", "", "h"),)}, "'x' needs label"),
        ({"inputs": (Slot("x", "l", " "),)}, "'x' needs label and help"),
        ({"inputs": (Slot("x", "l", "h", most=0),)}, "0 pictures at most"),
        ({"params": dict}, "params must be"),
        ({"weights": {"n": ()}}, "weights 'n' must be"),
        ({"weights": {"n": Embedded("a", "f")}}, "weights 'n' must be"),
        ({"weights": {"n": (Hub("a", "o/r", "f", "MIT"),)}}, "last source must be Embedded"),
        ({"weights": {"n": (Embedded("a", "f"), Hub("a", "o/r", "f", "MIT"))}}, "must be Embedded"),
        ({"weights": []}, "weights must map"),
        ({"work": lambda self, params, pixels: 0}, "work gives 0"),
        ({"work": lambda self, params, pixels: float("nan")}, "work gives nan"),
        ({"work": lambda self, params, pixels: 1 / 0}, "ZeroDivisionError"),
        ({"first": ["seed"]}, "first must map"),
        ({"first": {"sed": 3}}, "first: unknown parameter 'sed'"),
        ({"first": {"size": 1}}, "first: size = 1"),
        ({"nets": lambda self, params: ("other",)}, "nets gives 'other'"),
    ],
)
def test_admit_bad_declaration_refused(changes, words):
    with pytest.raises(MethodError, match=words):
        admit(made(**changes))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": (int, knob(1))}, "'size' is already a setting"),
        ({"strength": (float, knob(1.0))}, "'strength' is already a setting"),
        ({"method": (bool, knob(True))}, "'method' is already a part of every recipe"),
        ({"content": (bool, knob(True))}, "'content' is already a name of input 'content'"),
        ({"style_2": (int, knob(1))}, "'style_2' is already a name of input 'style'"),
        ({"no_recipe": (int, knob(1))}, "'no_recipe' is already an option"),
        ({"no_keep_colours": (int, knob(1))}, "'no_keep_colours' is already a setting"),
        (
            {"tint": (bool, knob(True)), "no_tint": (float, knob(1.0))},
            "parameter 'no_tint' .* a name of parameter 'tint'",
        ),
        (
            {"no_tint": (float, knob(1.0)), "tint": (bool, knob(True))},
            "parameter 'tint' .*: 'no_tint' is already a name of parameter 'no_tint'",
        ),
        ({"lambda": (float, knob(1.0))}, "parameter 'lambda' must be .* no keyword"),
        ({"Upper": (float, knob(1.0))}, "parameter 'Upper' must be lower-case"),
        ({"a": (float, knob(1.0, ge=1, le=1))}, "equal or in the wrong order: 1 to 1"),
        ({"a": (float, knob(1.0, le=float("inf")))}, "bounded by None and inf"),
        ({"a": (float, knob(1.0, ge=-1e308, le=1e308))}, "bounded by -1e"),
        ({"a": (float, knob(1.0, step=0))}, "a step of 0"),
        ({"a": (int, knob(9, ge=1, le=5))}, "default of a: .*less than or equal to 5"),
        ({"a": (int, knob(3, ge=5, le=1))}, "in the wrong order: 5 to 1"),
        ({"a": (float, knob(float("nan")))}, "default of a"),
        ({"a": (Literal["x", "y"], knob("z"))}, "default of a"),
        ({"a": (int, 3)}, "declared by styleplug.core.params.field"),
        ({"a": (int, knob(3, label=""))}, "'a' needs label"),
        ({"a": (int, knob(3, help=" "))}, "'a' needs label"),
        ({"a": (Literal["x", "y"], knob("x", words={"x": "X"}))}, "'a' has words"),
        ({"a": (Literal["x"], knob("x", words={"x": " "}))}, "'a' has words"),
        ({"a": (dict, knob({}))}, "is of type"),
        ({"a": (int | None, knob(None))}, "is of type"),
        ({"a": (Literal[1, 2], knob(1))}, "is of type"),
        ({"a": (tuple[float, ...], knob(()))}, "is of type"),
    ],
)
def test_admit_bad_parameter_refused(fields, words):
    with pytest.raises(MethodError, match=words):
        admit(made(params=with_params(**fields), inputs=(CONTENT, STYLE)))


def test_admit_reserved_parameter_name_refused():
    """Whoever adds an option or a setting reserves its name by declaring it."""
    from styleplug.cli.options import RESULT_OPTIONS

    fields = Settings.model_fields | Finish.model_fields
    for name in {*fields, *(option.name for option in RESULT_OPTIONS), "help", "of"}:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, of some
            params = with_params(**{name: (int, knob(1))})
        with pytest.raises(MethodError, match=f"parameter '{name}' cannot have this name"):
            admit(made(params=params))


def test_admit_lists_all_faults():
    with pytest.raises(MethodError, match=r"title is empty; .*summary is empty"):
        admit(made(title="", summary=""))


@pytest.mark.parametrize("thing", [None, "method", Sample, object()])
def test_admit_other_objects_refused(thing):
    with pytest.raises(MethodError, match="expected an object of a subclass"):
        admit(thing)


def test_admit_missing_declarations_named():
    from styleplug.core.method import Method

    class Empty(Method):
        def run(self, images, params, ctx):
            yield

        def work(self, params, pixels):
            return 1

    with pytest.raises(MethodError, match=r"id is not declared; title is not declared"):
        admit(Empty())


# What discover finds


def test_discover_finds_every_built_in():
    found = discover()
    modules = {path.stem for path in (ROOT / "styleplug" / "methods").glob("[!_]*.py")}
    assert {type(m.method).__module__.rpartition(".")[2] for m in found.methods.values()} >= modules
    assert not found.broken


def write_plugin(folder: Path, name: str, body: str, value: str) -> None:
    """A package as installed: a module and its metadata with the entry point."""
    (folder / f"{name}.py").write_text(body)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[styleplug.methods]\n{name} = {value}\n")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder on the path, for packages; what is imported from it is forgotten after."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def test_discover_finds_plugins_and_names_faults(installed):
    good = (EXAMPLE / "styleplug_posterise.py").read_text()
    write_plugin(installed, "plug_good", good, "plug_good:METHOD")
    write_plugin(installed, "plug_import", "import not_there_at_all", "plug_import:METHOD")
    write_plugin(installed, "plug_exit", "raise SystemExit(3)", "plug_exit:METHOD")
    write_plugin(installed, "plug_absent", "", "plug_absent:METHOD")
    write_plugin(installed, "plug_class", good, "plug_class:Posterise")
    bad = good.replace('title = "Posterise"', 'title = ""').replace('"posterise"', '"other"')
    write_plugin(installed, "plug_declares", bad, "plug_declares:METHOD")
    taken = good.replace('"posterise"', '"third"').replace(" levels:", " no_recipe:")
    write_plugin(installed, "plug_takes", taken, "plug_takes:METHOD")
    write_plugin(installed, "plug_second", good, "plug_second:METHOD")
    found = discover()
    assert found.methods["posterise"].title == "Posterise"
    assert list(found.methods)[-1] == "posterise" and "gatys" in found.methods
    why = {name.split()[0]: reason for name, reason in found.broken.items()}
    assert set(why) == {
        f"plug_{n}" for n in "import exit absent class declares takes second".split()
    }
    assert "not_there_at_all" in why["plug_import"]
    assert "SystemExit: 3" in why["plug_exit"]
    assert "AttributeError" in why["plug_absent"]
    assert "not the class" in why["plug_class"]
    assert "title is empty" in why["plug_declares"]
    assert "'no_recipe' is already an option" in why["plug_takes"]
    assert "'posterise' is taken" in why["plug_second"]
    assert "plug_import (plug_import)" in found.broken  # entry point and package


def test_discover_plugin_cannot_replace_built_in(installed):
    body = (EXAMPLE / "styleplug_posterise.py").read_text().replace('"posterise"', '"gatys"')
    write_plugin(installed, "plug_thief", body, "plug_thief:METHOD")
    found = discover()
    assert found.methods["gatys"].title != "Posterise"
    assert "'gatys' is taken" in next(iter(found.broken.values()))


def test_discover_module_without_method_is_broken(monkeypatch, tmp_path):
    import styleplug.methods as package

    (tmp_path / "hollow.py").write_text("")
    (tmp_path / "_helper.py").write_text("raise RuntimeError")
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    found = discover()
    assert "METHOD = YourMethod()" in found.broken["hollow"] and "_helper" not in found.broken
    sys.modules.pop("styleplug.methods.hollow")


@pytest.mark.slow
def test_example_package_installs_and_runs(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *offline, str(source)], check=True, capture_output=True)
    code = (
        "import numpy, styleplug;"
        "assert 'posterise' in styleplug.methods();"
        "picture = numpy.linspace(0, 1, 64 * 64 * 3).reshape(64, 64, 3);"
        "frames = list(styleplug.run('posterise', content=picture, levels=3, size=64,"
        " backend='fake'));"
        "print(sorted(set(frames[-1].images[0].ravel().tolist())));"
        "from styleplug.ui.page import build;"
        "parts = build().config['components'];"
        "print('tab-posterise' in [part['props'].get('elem_id') for part in parts])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{target}:{ROOT}", "PATH": "", "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n")[:2] == ["[0.0, 0.5, 1.0]", "True"], done.stderr


# The catalogue


def test_catalogue_unknown_id_names_nearest():
    method = Sample()
    some = Catalogue({"sample": method, "other": method}, {"hurt": "its import failed"})
    assert some.get("sample").method is method
    with pytest.raises(UsageError, match=r"'smaple'; did you mean 'sample'\? .*sample, other"):
        some.get("smaple")
    with pytest.raises(UsageError, match=r"known are: sample, other"):
        some.get("zzz")
    with pytest.raises(UsageError, match="'hurt' cannot be used: its import failed"):
        some.get("hurt")


def test_methods_package_is_callable():
    import styleplug.methods as package

    assert package is methods and package.Catalogue is Catalogue
    assert methods() is catalogue().methods and "gatys" in methods()
