"""The command line: options from declarations, exit statuses, one line of JSON, Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from styleplug import __version__, cli, methods
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Numbers, Params, field
from styleplug.core.recipe import Recipe
from styleplug.core.weight import Embedded, WeightFile
from styleplug.imaging import read_recipe

HOUSE = Path(__file__).parents[1]


class TintParams(Params):
    amount: float = field(0.25, ge=0.0, le=1.0, label="Amount", help="How much of [it].")
    steps: int = field(3, ge=1, le=99, label="Steps", help="How many steps.")
    kind: Literal["plain", "loud"] = field("plain", label="Kind", help="Which.")
    invert: bool = field(True, label="Invert", help="Turn around.")
    blend: Numbers = field((1.0,), label="Blend", help="Weights.")


class Tint(Method[TintParams]):
    """A method that needs no net, for testing what is around it."""

    id: ClassVar[str] = "tint"
    title = "Tint"
    summary = "Tints a picture."
    paper = "None."
    params = TintParams
    inputs = (
        Slot("content", "Content", "What to tint."),
        Slot("style", "Style", "Where tints come from.", most=2),
    )
    weights: ClassVar[dict[str, Any]] = {}
    presets: ClassVar[dict[str, Any]] = {"bold": {"amount": 0.5, "steps": 2}}
    each_step: ClassVar[Callable[[int], None]] = staticmethod(lambda step: None)

    def run(self, images: Images, params: TintParams, ctx: Context) -> Iterator[Frame]:
        picture = images["content"][0] * np.float32(1 - params.amount)
        for step in range(1, params.steps + 1):
            ctx.check()
            yield Frame(step, params.steps, (picture,), note="tinting", metrics={"tint": step / 2})
            type(self).each_step(step)
        yield Frame(params.steps, params.steps, (picture,), metrics={"tint": 1.0}, final=True)

    def work(self, params: TintParams, pixels: int) -> float:
        return params.steps * pixels / 1e6


class Result:
    """What a command left: its exit status and both outputs."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def json(self) -> Any:
        lines = self.out.splitlines()
        assert len(lines) == 1, "one line of JSON and nothing else"
        return json.loads(lines[0])


Command = Callable[..., Result]


@pytest.fixture
def tint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Tint]:
    """The only method there is; the engine knows it as well."""
    from styleplug.cli import method
    from styleplug.engine import Engine
    from styleplug.engine.plan import Calibration

    catalogue = methods.Catalogue(methods={"tint": Tint()}, broken={"lost": "no module named x"})
    one = Engine(catalogue=catalogue, calibration=Calibration(tmp_path / "calibration.json"))
    monkeypatch.setattr(methods, "catalogue", lambda: catalogue)
    monkeypatch.setattr(method, "shared", lambda: one)
    monkeypatch.setattr(Tint, "each_step", staticmethod(lambda step: None))
    return Tint


@pytest.fixture
def styleplug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["styleplug", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Result(int(leaving.value.code or 0), out, err)

    return command


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    ramp = np.arange(80 * 60 * 3, dtype=np.uint32) % 251
    Image.fromarray(ramp.astype(np.uint8).reshape(60, 80, 3)).save(file)
    return file


@pytest.fixture
def tinting(tint: type[Tint], styleplug: Command, photo: Path, tmp_path: Path) -> Command:
    """`run tint` with everything that it needs; further options come after."""

    def command(*arguments: object, content: object = photo) -> Result:
        pictures = ["--content", content, "--style", photo, "--out", tmp_path / "out.png"]
        quick = ["--size", 64, "--backend", "fake"]
        return styleplug("run", "tint", *pictures, *quick, *arguments)

    return command


# --- help and listings -------------------------------------------------------------------------


def test_help_lists_every_declared_option(tint: type[Tint], styleplug: Command) -> None:
    text = " ".join(re.sub(r"[│╭╰─╮╯]", " ", styleplug("run", "tint", "--help").out).split())
    for said in [
        "--content FILE What to tint.",
        "--style FILE Where tints come from. Repeatable, up to 2 times.",
        "--amount NUMBER How much of [it]. (0 to 1, default 0.25)",
        "--kind plain|loud Which. (default plain)",
        "--invert --no-invert <bool> Turn around. (default yes)",
        "Weights. (default 1)",
        "(64 to 8192, default 512 px)",
        "--seed NUMBER",
        "--backend auto|torch|onnx",
        "--device auto|cpu|cuda|mps",
        "--strength NUMBER",
        "--keep-colours --no-keep-colours",
        "--out FILE",
        "--recipe FILE",
        "--preset bold",
        "--no-recipe",
        "--keep-metadata",
        "By default no metadata is copied; position (GPS) and thumbnail are never copied.",
        "--overwrite",
        "- reads standard input.",
        "--json",
    ]:
        assert said in text


@pytest.mark.parametrize(
    "arguments", [(), ("run",), ("run", "tint"), ("methods",), ("weights",), ("app",)], ids=str
)
def test_help_every_command_has_usage(
    tint: type[Tint], styleplug: Command, arguments: tuple[str, ...]
) -> None:
    done = styleplug(*arguments, "--help")
    assert done.status == 0
    assert f"Usage: {' '.join(['styleplug', *arguments])}" in done.out


def test_methods_command_lists_and_describes(tint: type[Tint], styleplug: Command) -> None:
    done = styleplug("methods")
    assert "Tints a picture." in done.out
    assert "lost cannot be used: no module named x" in done.err
    described = styleplug("methods", "--json").json()
    assert described["broken"] == {"lost": "no module named x"}
    (method,) = described["methods"]
    assert method["id"] == "tint"
    assert method["inputs"] == [
        {"id": "content", "least": 1, "most": 1},
        {"id": "style", "least": 1, "most": 2},
        {"id": "mask", "least": 0, "most": 1},
        {"id": "region", "least": 0, "most": 2},
    ]
    amount = method["parameters"]["amount"]
    assert (amount["default"], amount["minimum"], amount["maximum"]) == (0.25, 0.0, 1.0)
    assert described["settings"]["size"]["maximum"] == 8192
    assert method["finish"] is True and described["finish"]["strength"]["default"] == 1.0


# --- a run -------------------------------------------------------------------------------------


def test_run_json_reports_and_writes_picture(tinting: Command, tmp_path: Path, photo: Path) -> None:
    done = tinting("--json", "--amount", 0.5)
    assert done.status == 0, done.err
    said = done.json()
    expected = "method backend provider seconds peak_rss_mb width height steps metrics weights out"
    assert set(expected.split()) <= set(said)
    assert said["out"] == str(tmp_path / "out.png")
    assert said["metrics"] == {"tint": 1.0}
    assert (said["method"], said["backend"]) == ("tint", "fake")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (said["width"], said["height"]) == (64, 48)
        mean = np.asarray(picture).mean()
    with Image.open(photo) as picture:
        assert mean == pytest.approx(np.asarray(picture).mean() / 2, abs=2)


def test_run_without_json_prints_file_name_only(tinting: Command, tmp_path: Path) -> None:
    done = tinting()
    assert done.out == f"{tmp_path / 'out.png'}\n"
    assert "64×48 px" in done.err
    assert "fake" in done.err


def test_options_of_every_kind_reach_recipe(tinting: Command) -> None:
    given = "--amount 1 --steps 2 --kind loud --no-invert --seed 7 --strength 0.5 --keep-colours"
    recipe = tinting("--json", *given.split(), "--blend", "1, 0.5").json()["recipe"]
    assert recipe["parameters"] == {
        "amount": 1.0,
        "steps": 2,
        "kind": "loud",
        "invert": False,
        "blend": [1.0, 0.5],
    }
    assert recipe["seed"] == 7
    assert recipe["finish"]["strength"] == 0.5 and recipe["finish"]["keep_colours"] is True


def test_recipe_from_picture_options_override(
    tinting: Command, tmp_path: Path, photo: Path
) -> None:
    tinting("--amount", 0.75, "--kind", "loud", "--seed", 5, "--strength", 0.5)
    made = tmp_path / "made.png"
    (tmp_path / "out.png").rename(made)
    again = tinting("--recipe", made, "--seed", 6, "--json").json()["recipe"]
    assert again["parameters"]["amount"] == 0.75
    assert again["parameters"]["kind"] == "loud"
    assert (again["seed"], again["finish"]["strength"]) == (6, 0.5)


def test_recipe_from_picture_repeats_picture(
    styleplug: Command, tinting: Command, tmp_path: Path, photo: Path
) -> None:
    tinting("--amount", 0.3)
    first, second = tmp_path / "out.png", tmp_path / "second.png"
    pictures = ["--content", photo, "--style", photo]
    done = styleplug("run", "tint", *pictures, "--recipe", first, "--out", second)
    assert done.status == 0, done.err
    with Image.open(first) as one, Image.open(second) as two:
        assert one.tobytes() == two.tobytes()


def test_recipe_from_json_is_used(tinting: Command, tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(Recipe(method="tint", parameters={"amount": 0.125}).to_json())
    assert tinting("--recipe", file, "--json").json()["recipe"]["parameters"]["amount"] == 0.125


def test_preset_is_used_options_override(tinting: Command) -> None:
    parameters = tinting("--preset", "bold", "--steps", 1, "--json").json()["recipe"]["parameters"]
    assert (parameters["amount"], parameters["steps"]) == (0.5, 1)


def test_no_recipe_option_writes_none(tinting: Command, tmp_path: Path) -> None:
    tinting()
    assert Recipe.from_json(read_recipe(tmp_path / "out.png") or "").method == "tint"
    tinting("--no-recipe")
    assert read_recipe(tmp_path / "out.png") is None


def test_keep_metadata_option_keeps_date_and_origin(tinting: Command, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Artist], exif[Base.Make] = "Zoe", "Camera"
    exif[Base.Copyright] = "(c) Zoe"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2020:12:31 23:59:59"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (48.0, 51.0, 24.0)
    photo, out = tmp_path / "phone.jpg", tmp_path / "out.jpg"
    Image.new("RGB", (80, 60)).save(photo, exif=exif, dpi=(300, 300))
    arguments = ["--recipe", tmp_path / "r.json", "--out", out]
    (tmp_path / "r.json").write_text(Recipe(method="tint").to_json())

    def kept(*options: str) -> dict[int, Any]:
        assert tinting(*arguments, *options, content=photo).status == 0
        with Image.open(out) as image:
            held = image.getexif()
            assert not held.get_ifd(IFD.GPSInfo) and Base.Make not in held
            return {**held, **held.get_ifd(IFD.Exif), -1: image.info.get("dpi")}

    nothing = kept("--no-recipe")
    assert nothing == {-1: None}
    all_of_it = kept("--keep-metadata")
    assert (all_of_it[Base.Artist], all_of_it[Base.Copyright]) == ("Zoe", "(c) Zoe")
    assert all_of_it[Base.DateTimeOriginal] == "2020:12:31 23:59:59"
    assert all_of_it[-1] == (300, 300)
    assert Recipe.from_json(read_recipe(out) or "").method == "tint"


# --- standard input and output -----------------------------------------------------------------


class Terminal(io.TextIOWrapper):
    """Standard input or output at which a person sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_stdin_to_stdout_writes_picture_only(
    tinting: Command,
    monkeypatch: pytest.MonkeyPatch,
    photo: Path,
    tmp_path: Path,
    options: tuple[str, ...],
) -> None:
    tinting()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    came = io.BytesIO()
    pipe = io.TextIOWrapper(came, write_through=True)
    with monkeypatch.context() as here:
        here.setattr(sys, "stdout", pipe)
        done = tinting("--out", "-", *options, content="-")
    assert done.status == 0, done.err
    assert came.getvalue() == (tmp_path / "out.png").read_bytes(), "the picture, and nothing else"
    said = done.err.splitlines()[-1]
    assert json.loads(said)["out"] == "-" if options else "64×48 px" in said


def test_stdout_stopped_run_writes_partial_picture(
    tinting: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Tint, "each_step", staticmethod(lambda step: signal.raise_signal(signal.SIGTERM))
    )
    came = io.BytesIO()
    pipe = io.TextIOWrapper(came, write_through=True)
    with monkeypatch.context() as here:
        here.setattr(sys, "stdout", pipe)
        done = tinting("--out", "-", "--steps", 9)
    assert done.status == 1 and "so far is on standard output" in done.err
    assert Image.open(came).size == (64, 48)


def test_stdin_recipe_is_used(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    text = Recipe(method="tint", parameters={"amount": 0.125}).to_json()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    given = tinting("--recipe", "-", "--json").json()["recipe"]["parameters"]
    assert given["amount"] == 0.125
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    assert "this file holds no recipe" in tinting("--recipe", "-").err


def test_stdin_and_stdout_unusable_refused(
    tinting: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for absent in (None, Terminal(io.BytesIO())):
        monkeypatch.setattr(sys, "stdin", absent)
        done = tinting(content="-")
        assert done.status == 2 and "pipe a file into this command" in done.err
    done = tinting("--style", "-", content="-")
    assert done.status == 2 and "can be read only once" in done.err
    with monkeypatch.context() as here:
        here.setattr(sys, "stdout", Terminal(io.BytesIO()))
        done = tinting("--out", "-")
    assert done.status == 2 and "writes a picture, not text" in done.err


def test_process_substitution_is_read(photo: Path, tmp_path: Path) -> None:
    out, style = tmp_path / "out.png", "<(cat photo.png)"
    run = f"{sys.executable} -m styleplug run cnn --backend fake --size 64 --out -"
    line = f"cd {tmp_path}; cat photo.png | {run} --content - --style {style} > {out}"
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert picture.size == (64, 48)


# --- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--size", "9999"], "size = '9999'"),
        (["--size", "9999"], "64 to 8192"),
        (["--amount", "nan"], "amount"),
        (["--amount", "2"], "0 to 1, default 0.25"),
        (["--steps", "many"], "steps = 'many'"),
        (["--kind", "quiet"], "'plain' or 'loud'"),
        (["--blend", "1, x"], "blend = '1, x': expected numbers such as \"1, 0.5\""),
        (["--seed", "-1"], "0 to 2147483647"),
        (["--strength", "-1"], "strength"),
        (["--preset", "loud"], "unknown preset 'loud'; tint has: bold"),
        (["--nonsense", "1"], "No such option: --nonsense"),
        (["--content", "absent.png"], "absent.png"),
        (["--content", "."], "'.' is a folder"),
    ],
)
def test_bad_options_exit_2_with_reason(
    tinting: Command, tmp_path: Path, options: Sequence[str], sentence: str
) -> None:
    done = tinting(*options)
    assert done.status == 2, done.err
    assert sentence in done.err
    assert done.out == ""
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--size", "9999"], 2, "size = '9999'"),
        (["--nonsense", "1"], 2, "No such option: --nonsense"),
        (["--steps", "1"], 1, "unexpected ValueError"),
    ],
)
def test_failure_json_is_one_line(
    tinting: Command,
    monkeypatch: pytest.MonkeyPatch,
    options: Sequence[str],
    status: int,
    sentence: str,
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr("styleplug.engine.Engine.run", crash)
    done = tinting("--json", *options)
    assert done.status == status
    told = done.json()
    assert told["status"] == status and sentence in told["error"]
    assert sentence in done.err, "people still read it on standard error"
    piped = tinting("--json", *options, "--out", "-")
    assert piped.out == "" and sentence in piped.err


@pytest.mark.parametrize("link", ["itself", "symbolic", "hard", "partial"])
def test_output_equal_to_input_needs_overwrite(
    tinting: Command, photo: Path, tmp_path: Path, link: str
) -> None:
    before = photo.read_bytes()
    out = tmp_path / "other.png"
    if link == "itself":
        out = photo
    elif link == "symbolic":
        out.symlink_to(photo)
    elif link == "hard":
        out.hardlink_to(photo)
    else:  # where the picture so far would go
        (tmp_path / "other.partial.png").symlink_to(photo)
    done = tinting("--out", out)
    assert done.status == 2
    assert "is an input and would be replaced" in done.err and "--overwrite" in done.err
    assert photo.read_bytes() == before
    assert tinting("--out", out, "--overwrite").status == 0
    assert read_recipe(out)
    assert link != "symbolic" or (out.is_symlink() and photo.read_bytes() != before)


def test_output_equal_to_recipe_refused(tinting: Command, tmp_path: Path) -> None:
    tinting()
    done = tinting("--recipe", tmp_path / "out.png")
    assert done.status == 2 and "is an input and would be replaced" in done.err


def test_input_address_refused(tinting: Command) -> None:
    done = tinting(content="https://a.example/b.png")
    assert done.status == 2 and "does not fetch" in done.err


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("{}", "not a styleplug recipe"),
        ("not json", "holds no recipe"),
        (Recipe(method="other").to_json(), "for the method 'other'"),
        (Recipe(method="tint", parameters={"speed": 1}).to_json(), "unknown parameter 'speed'"),
        (None, "recipe.json"),
    ],
)
def test_recipe_bad_refused(
    tinting: Command, tmp_path: Path, recipe: str | None, sentence: str
) -> None:
    file = tmp_path / "recipe.json"
    if recipe is not None:
        file.write_text(recipe)
    done = tinting("--recipe", file)
    assert done.status == 2
    assert sentence in done.err


@pytest.mark.parametrize(
    "line",
    [
        "run tint --weights nowhere --out x.png",
        "app --weights nowhere",
        "publish nowhere --repo ann/net",
        "train autoencoder --data . --out photo.png",
    ],
)
def test_folder_argument_wrong_refused(
    tint: type[Tint], styleplug: Command, photo: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(photo.parent)
    done = styleplug(*line.split())
    assert done.status == 2
    assert "nowhere holds no training result" in done.err or "photo.png is a file" in done.err


def test_version_option_prints_version(styleplug: Command) -> None:
    assert styleplug("--version").out == f"{__version__}\n"


@pytest.mark.parametrize("given", [["--content"], ["--style"], []], ids=str)
def test_input_missing_names_slot(
    tint: type[Tint], styleplug: Command, photo: Path, tmp_path: Path, given: list[str]
) -> None:
    pictures = [part for option in given for part in (option, photo)]
    done = styleplug("run", "tint", *pictures, "--out", tmp_path / "out.png", "--backend", "fake")
    assert done.status == 2
    assert "style" in done.err or "content" in done.err


def test_input_too_many_refused(tinting: Command, photo: Path) -> None:
    assert tinting("--content", photo).status == 2
    assert tinting("--style", photo).status == 0
    assert tinting("--style", photo, "--style", photo).status == 2


@pytest.mark.parametrize("content", [b"", b"text, no picture", b"\x89PNG\r\n\x1a\n\0\0"], ids=len)
def test_input_no_picture_refused(
    tinting: Command, styleplug: Command, tmp_path: Path, photo: Path, content: bytes
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(content)
    out = tmp_path / "out.png"
    done = styleplug("run", "tint", "--content", bad, "--style", photo, "--out", out)
    assert done.status == 2
    assert "bad.png" in done.err
    assert not out.exists()


def test_unknown_command_or_method_refused(
    tint: type[Tint], styleplug: Command, tmp_path: Path
) -> None:
    assert styleplug("nonsense").status == 2
    done = styleplug("run", "tnit", "--out", tmp_path / "x.png")
    assert done.status == 2
    assert "tint" in done.err
    done = styleplug("run", "tint")
    assert done.status == 2
    assert "--out" in done.err


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("absent/out.png", "absent' does not exist: create it first"),
        ("photo.png/out.png", "does not exist: create it first"),
        ("out.gif", ".gif"),
        ("out", "its ending must be one of .png"),
        ("folder.png", "a folder of that name"),
        (".", "its ending must be one of .png"),
        ("locked/out.png", "is not allowed: choose another folder"),
        ("n" * 300 + ".png", "the name is too long"),
        ("n" * 250 + ".png", "partial.png': the name is too long"),  # were it stopped
    ],
)
def test_output_unwritable_refused_before_run(
    tinting: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    out: str,
    sentence: str,
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "locked").mkdir()

    def read_only(*_: object, dir: Path, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(dir))

    if out.startswith("locked"):  # whoever is root can write anywhere
        monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    monkeypatch.setattr(Tint, "run", lambda *_: pytest.fail("the run must not start"))
    done = tinting("--out", tmp_path / out)
    assert done.status == 2
    assert sentence in done.err


def test_output_full_disk_leaves_no_file(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = tinting()
    assert done.status == 1
    assert "disk is full" in done.err
    assert not (tmp_path / "out.png").exists()


def test_method_failure_exits_1_with_reason(
    tinting: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(step: int) -> None:
        raise ZeroDivisionError("division of nothing")

    monkeypatch.setattr(Tint, "each_step", staticmethod(fail))
    done = tinting()
    assert done.status == 1
    assert "division of nothing" in done.err


def test_unexpected_error_one_sentence_unless_debug(
    tint: type[Tint], styleplug: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise() -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(methods, "catalogue", surprise)
    done = styleplug("methods")
    assert done.status == 1
    assert "unexpected KeyError: 'surprise'" in done.err
    assert "STYLEPLUG_DEBUG=1" in done.err
    monkeypatch.setenv("STYLEPLUG_DEBUG", "1")
    with pytest.raises(KeyError):
        cli.main()


# --- stopping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_within_step_keeps_picture(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    steps: list[int] = []

    def interrupt(step: int) -> None:
        steps.append(step)
        if step == 2:
            signal.raise_signal(number)

    monkeypatch.setattr(Tint, "each_step", staticmethod(interrupt))
    (tmp_path / "out.png").write_bytes(b"an earlier picture")
    before = signal.getsignal(number)
    done = tinting("--json", "--steps", 9)
    assert steps == [1, 2]
    assert done.status == 1
    partial = tmp_path / "out.partial.png"
    assert str(partial) in done.err
    assert done.json()["out"] == str(partial)
    assert done.json()["cancelled"] is True
    with Image.open(partial) as picture:
        assert picture.size == (64, 48)
    assert (tmp_path / "out.png").read_bytes() == b"an earlier picture"
    assert signal.getsignal(number) is before


def test_ctrl_c_before_picture_leaves_no_file(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(self: Tint, images: Images, params: TintParams, ctx: Context) -> Iterator[Frame]:
        signal.raise_signal(signal.SIGINT)
        ctx.check()
        yield from ()

    monkeypatch.setattr(Tint, "run", run)
    done = tinting()
    assert done.status == 1
    assert "stopped" in done.err
    assert not list(tmp_path.glob("out*"))


def test_ctrl_c_twice_ends_at_once(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Tint, "each_step", staticmethod(interrupt))
    done = tinting("--steps", 9)
    assert done.status == 1
    assert done.err.endswith("styleplug: stopped\n")
    assert not list(tmp_path.glob("out*")), "not even the picture so far: it had to be at once"


# --- weights -----------------------------------------------------------------------------------


def test_weights_list_shows_full_names(styleplug: Command) -> None:
    listed = styleplug("weights", "list", "--json")
    names = [row["file"] for row in json.loads(listed.out)]
    lines = styleplug("weights", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == names


def test_weights_list_and_verify_exit_0(styleplug: Command) -> None:
    listed = styleplug("weights", "list", "--json")
    assert listed.status == 0
    assert listed.json()
    assert styleplug("weights", "list").status == 0
    done = styleplug("weights", "verify", "--json")
    assert done.status == 0
    assert all(row["ok"] for row in done.json())


def test_weights_verify_damaged_exits_1(
    styleplug: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from styleplug import store

    rows = [{"file": "a.safetensors", "ok": False, "sha256": "0" * 64, "expected": "1" * 64}]
    monkeypatch.setattr(store.Store, "verify", lambda self: rows)
    done = styleplug("weights", "verify")
    assert done.status == 1
    assert "a.safetensors" in done.err


@pytest.mark.parametrize(
    ("note", "status"), [("", 0), ("The Hub is down; using the embedded encoder instead", 1)]
)
def test_weights_fetch_fallback_exits_1(
    tint: type[Tint],
    styleplug: Command,
    monkeypatch: pytest.MonkeyPatch,
    note: str,
    status: int,
) -> None:
    from styleplug import store

    def resolve(self: store.Store, sources: Any) -> Iterator[str]:
        yield "downloading [net] 1 of 2 MB"
        return WeightFile("net", Path("net.safetensors"), "0" * 64, "hub a/b@main", note)

    monkeypatch.setattr(Tint, "weights", {"encoder": (Embedded("net", "net.safetensors"),)})
    monkeypatch.setattr(store.Store, "resolve", resolve)
    done = styleplug("weights", "fetch", "tint")
    assert done.out == "tint encoder: hub a/b@main, net.safetensors\n"
    assert done.status == status
    assert note in done.err
    assert styleplug("weights", "fetch", "absent").status == 2


# --- the page ----------------------------------------------------------------------------------


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the page was launched with, instead of launching it."""
    from styleplug.ui import page

    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(page, "launch", lambda *arguments, **_: calls.append(arguments))
    return calls


def test_app_passes_given_options_only(
    styleplug: Command, launched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert styleplug("app").status == 0
    monkeypatch.setenv("STYLEPLUG_AUTH", "ann:se:cret")
    assert styleplug("app", "--host", "::1", "--port", 1).status == 0
    assert launched == [(None, None, False, None), ("::1", 1, False, ("ann", "se:cret"))]


def test_app_share_without_password_warns(styleplug: Command, launched: list[Any]) -> None:
    assert "anybody" in styleplug("app", "--share").err
    assert "anybody" not in styleplug("app", "--share", "--auth", "a:b").err


@pytest.mark.parametrize("auth", ["", "ann", "ann:", ":secret"])
def test_app_auth_malformed_refused(styleplug: Command, launched: list[Any], auth: str) -> None:
    done = styleplug("app", "--auth", auth)
    assert (done.status, launched) == (2, [])
    assert "USER:PASSWORD" in done.err


def test_app_address_and_port_from_environment(
    styleplug: Command, launched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7999")
    assert styleplug("app").status == 0
    monkeypatch.setenv("GRADIO_SERVER_PORT", "http")
    done = styleplug("app")
    assert done.status == 2 and "GRADIO_SERVER_PORT" in done.err
    assert launched == [("0.0.0.0", 7999, False, None)]


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_app_port_out_of_range_refused(styleplug: Command, launched: list[Any], port: str) -> None:
    done = styleplug("app", "--port", port)
    assert (done.status, launched) == (2, [])
    assert "Invalid value" in done.err


def test_app_port_in_use_refused(styleplug: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = styleplug("app", "--port", port)
    assert done.status == 2
    assert f"port {port} of 127.0.0.1" in done.err and "--port" in done.err


@pytest.mark.parametrize("host", ["203.0.113.1", "nowhere.invalid"])
def test_app_host_of_other_machine_refused(styleplug: Command, host: str) -> None:
    done = styleplug("app", "--host", host)
    assert done.status == 2
    assert host in done.err and "--host" in done.err


def test_app_py_bad_environment_one_sentence() -> None:
    app = Path(__file__).parents[1] / "app.py"
    wrong = {**os.environ, "GRADIO_SERVER_PORT": "http"}
    done = subprocess.run(
        [sys.executable, app], env=wrong, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "GRADIO_SERVER_PORT" in done.stderr and "Traceback" not in done.stderr


# --- as a process ------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    """No command line should wait for what it does not use."""
    code = (
        "import sys\nsys.argv = ['styleplug', '--help']\nfrom styleplug import cli\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'gradio', 'onnxruntime', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=HOUSE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "weights" in done.stdout


@pytest.mark.parametrize(
    ("encoding", "spelt"),
    [("ascii", b"\\u5f37.png"), ("cp1252", b"\\u5f37.png"), ("utf-8", "強.png".encode())],
)
def test_terminal_encoding_limited_escapes_names(
    tinting: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, spelt: bytes
) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in "oe")
    names = ["強.png", os.fsdecode(b"\xff.png")]
    with monkeypatch.context() as here:
        here.setattr(sys, "stdout", out)
        here.setattr(sys, "stderr", err)
        for name in names:
            assert tinting("--out", tmp_path / name).status == 0
        assert tinting("--out", tmp_path / names[0], "--json").status == 0
        assert tinting("--help").status == 0
        assert tinting(content="強").status == 2
    said = out.buffer.getvalue()
    folder = os.fsencode(tmp_path)
    lines = said.splitlines()
    assert lines[:2] == [folder + b"/" + spelt, folder + b"/\xff.png"]
    assert json.loads(lines[2])["out"] == str(tmp_path / names[0])
    assert (b"64x48 px" in err.buffer.getvalue()) == (encoding == "ascii")


def test_python_dash_m_runs_command() -> None:
    command = [sys.executable, "-m", "styleplug"]
    done = subprocess.run(
        [*command, "nonsense"], capture_output=True, text=True, cwd=HOUSE, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_ctrl_c_in_process_exits_1_without_traceback(photo: Path, tmp_path: Path) -> None:
    """Whether a step was done already or not: status 1, a sentence, no traceback."""
    pictures = ["--content", str(photo), "--style", str(photo), "--out", str(tmp_path / "out.png")]
    endless = ["--backend", "fake", "--size", "512", "--iterations", "2000"]
    command = [sys.executable, "-m", "styleplug", "run", "gatys", *pictures, *endless]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=HOUSE) as process:
        assert process.stderr is not None
        assert "512×384 px" in process.stderr.readline()  # the plan: from here on it can be stopped
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "styleplug: stopped" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out.png").exists()
