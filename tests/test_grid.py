"""Grids: cells, names, ledger, resuming, failures, stopping, shared work."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_photo
from samples import Sample

from styleplug import imaging as image
from styleplug.core.errors import BadParameter, OutputError, UsageError
from styleplug.core.params import Params, field
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine, job
from styleplug.engine.axes import Grid
from styleplug.engine.cells import MOST, CellEvent, Cells
from styleplug.engine.executors.local import Local
from styleplug.engine.grid import GridRun, run_grid
from styleplug.engine.grid_request import files_in, grid_of, spread
from styleplug.engine.ledger import FILE, Ledger
from styleplug.engine.nets import BorrowedNet
from styleplug.engine.request import pictures_of, recipe_in
from styleplug.engine.shard import Shard
from styleplug.methods import Catalogue

NAMES = "{content}-{seed}.png"


def grid(engine: Engine, photos: Path, chosen: str = "sample", **over: Any) -> Grid:
    pictures = {"content": files_in([photos])}
    if chosen == "descent":
        pictures["style"] = files_in([photos / "a.png", photos / "b.jpg"])
    values = {"size": 64, "backend": "fake"}
    return grid_of(engine.catalogue, chosen, pictures, over or {"seed": (0, 1)}, values)


def states(events: GridRun | list[CellEvent]) -> Counter[str]:
    return Counter(event.state for event in events if event.state not in ("started", "running"))


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / FILE).read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


# Cells ----------------------------------------------------------------------------------------


def test_a_cell_is_one_complete_recipe(engine: Engine, photos: Path, tmp_path: Path) -> None:
    """Each file holds the recipe that makes it again alone, pixel for pixel."""
    out = tmp_path / "out"
    events = [*run_grid(grid(engine, photos), engine, folder=out, names=NAMES)]
    assert states(events) == {"done": 6}
    assert (out / "sub" / "c-1.png").exists()
    for event in events:
        if event.state == "done" and event.path:
            recipe = recipe_in(event.path)
            sources = {slot: list(some) for slot, some in event.cell.pictures.items()}
            method = engine.catalogue.get(recipe.method)
            *_, last = engine.run(recipe, pictures_of(method, recipe.size, sources))
            again = tmp_path / "again.png"
            image.write(last.images[0], again)
            assert np.array_equal(image.read(again).pixels, image.read(event.path).pixels)
            assert recipe.seed == int(event.cell.labels["seed"])


@pytest.mark.parametrize("over", [
    {"steps": (1, 99)}, {"taste": (1, 2)}, {"method": ("sample", "nobody")}, {"seed": ()},
    {"method": ("sample", "descent")}, {"content": ("x",)}, {"strength": (0.5, 3)},
])  # fmt: skip
def test_axes_that_contradict_are_told_before_the_first_cell(
    engine: Engine, photos: Path, over: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        run_grid(grid(engine, photos, **over), engine)


class PlainParams(Params):
    steps: int = field(1, ge=1, le=4, label="Steps", help="How many.")


def test_the_method_that_lacks_a_parameter_is_named(photos: Path) -> None:
    plain = Sample()
    plain.id, plain.params = "plain", PlainParams  # type: ignore[misc, assignment]
    engine = Engine(Catalogue({"sample": Sample(), "plain": plain}, {}))
    over = {"method": ("sample", "plain"), "noise": (0.1, 0.2)}
    with pytest.raises(BadParameter, match="method plain: unknown parameter 'noise'"):
        run_grid(grid(engine, photos, **over), engine)


def test_ten_million_cells_are_refused_at_once(engine: Engine, photos: Path) -> None:
    many = grid(engine, photos, noise=spread("noise", "0:1:5001"), seed=range(1000))
    with pytest.raises(UsageError, match="15,003,000 cells"):
        run_grid(many, engine)
    assert many.count > MOST


@pytest.mark.parametrize(("names", "why"), [
    ("{content}.png", "two results have the name"),
    ("{content}-{taste}.png", "unknown field 'taste'"),
    ("{content}-{seed}.doc", "cannot write"),
    ("../{content}-{seed}.png", "leads out of the folder"),
    ("{content}-{seed}" + "x" * 300 + ".png", "too long"),
])  # fmt: skip
def test_a_template_must_give_each_cell_a_name(
    engine: Engine, photos: Path, tmp_path: Path, names: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        run_grid(grid(engine, photos), engine, folder=tmp_path / "out", names=names)


def test_the_number_tells_cells_apart(engine: Engine, photos: Path) -> None:
    cells = Cells(grid(engine, photos), engine.catalogue, "{number}.png")
    assert [cell.file for cell in cells] == [f"{n}.png" for n in range(6)]


# Failures, stopping, resuming -----------------------------------------------------------------


def test_a_bad_picture_never_ends_a_grid(engine: Engine, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture" * 9)
    out = tmp_path / "out"
    events = [*run_grid(grid(engine, photos), engine, folder=out, names=NAMES)]
    assert states(events) == {"done": 6, "failed": 2}
    why = next(event.error for event in events if event.state == "failed")
    assert "broken.jpg" in str(why)
    again = [*run_grid(grid(engine, photos), engine, folder=out, names=NAMES)]
    assert states(again) == {"skipped": 6, "failed": 2}
    assert all("broken.jpg" in event.row["error"] for event in again if event.state == "failed")
    image.write(make_photo(40, 40), photos / "broken.png")
    (photos / "broken.png").replace(photos / "broken.jpg")
    mended = run_grid(grid(engine, photos), engine, folder=out, names=NAMES)
    assert states(mended) == {"skipped": 6, "done": 2}


def test_failures_are_tried_again_if_asked_for(
    engine: Engine, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Sample, "draw", lambda *_: 1 / 0)
        failed = run_grid(grid(engine, photos), engine, folder=out, names=NAMES)
        assert states(failed) == {"failed": 6}
    kept = run_grid(grid(engine, photos), engine, folder=out, names=NAMES)
    assert states(kept) == {"failed": 6}
    again = run_grid(grid(engine, photos), engine, folder=out, names=NAMES, retry_failed=True)
    assert states(again) == {"done": 6}


def test_what_changed_is_made_again(engine: Engine, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert states(run_grid(grid(engine, photos), engine, folder=out, names=NAMES)) == {"done": 6}
    image.write(make_photo(70, 50, seed=9), photos / "a.png")
    (out / "b-0.png").unlink()
    (photos / "sub" / "c.png").touch()  # the same picture
    resumed = run_grid(grid(engine, photos), engine, folder=out, names=NAMES)
    assert states(resumed) == {"done": 3, "skipped": 3}
    other = replace(grid(engine, photos), base=Recipe(method="sample", size=80, backend="fake"))
    assert states(run_grid(other, engine, folder=out, names=NAMES)) == {"done": 6}


def test_stopping_keeps_finished_cells_alone(engine: Engine, photos: Path, tmp_path: Path) -> None:
    out, cancel = tmp_path / "out", threading.Event()
    many = grid(engine, photos, seed=range(20), steps=(50,))
    run = run_grid(many, engine, folder=out, names=NAMES, cancel=cancel, executor=Local(engine, 1))
    seen = []
    for event in run:
        seen.append(event)
        pictured = event.frame is not None and event.state == "running" and event.frame.images
        if states(seen)["done"] == 3 and pictured:
            cancel.set()  # in the middle of a cell
    assert states(seen) == {"done": 3}
    files = {path.name for path in out.rglob("*.png")}
    assert {Path(row["file"]).name for row in rows(out)} == files
    rest = run_grid(many, engine, folder=out, names=NAMES)
    assert states(rest) == {"skipped": len(files), "done": 60 - len(files)}


def test_leaving_a_grid_stops_it(engine: Engine, photos: Path, tmp_path: Path) -> None:
    run = run_grid(grid(engine, photos), engine, folder=tmp_path / "out", names=NAMES)
    next(iter(run))
    run.close()
    assert not [one for one in threading.enumerate() if one.name == "cell"]
    Ledger(tmp_path / "out").close()  # it is not locked any more


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_killed_at_twenty_moments(tmp_path: Path, photos: Path) -> None:
    """The same files as without, no cell made twice, none lost."""
    here = Path(__file__).parent
    command = [sys.executable, str(here / "kills.py"), str(tmp_path)]
    env = {"PYTHONPATH": f"{here}:{here.parent}", "PATH": ""}
    subprocess.run([*command, "20"], check=True, env=env)
    files = {path.relative_to(tmp_path / "out"): path.read_bytes()
             for path in (tmp_path / "out").rglob("*.png")}  # fmt: skip
    made = Counter(row["file"] for row in rows(tmp_path / "out"))
    assert len(files) == 48 and set(made.values()) == {1}
    assert {Path(name) for name in made} == set(files)
    assert not [*(tmp_path / "out").rglob("*.part")]
    (tmp_path / "out").rename(tmp_path / "killed")
    subprocess.run([*command, "0"], check=True, env=env)
    for name, data in files.items():
        pair = (image.read(data).pixels, image.read(tmp_path / "out" / name).pixels)
        assert np.array_equal(*pair)


# The ledger -----------------------------------------------------------------------------------


def test_a_line_that_was_cut_off_is_made_again(
    engine: Engine, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    states(run_grid(grid(engine, photos), engine, folder=out, names=NAMES))
    text = (out / FILE).read_text()
    (out / FILE).write_text("[1]\nnull\n{}\n" + text[:-40])
    resumed = run_grid(grid(engine, photos), engine, folder=out, names=NAMES)
    assert states(resumed) == {"skipped": 5, "done": 1}
    assert states(run_grid(grid(engine, photos), engine, folder=out, names=NAMES)) == {"skipped": 6}


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"styleplug_ledger": 2}\n')
    with pytest.raises(UsageError, match="version 2"):
        Ledger(tmp_path)
    (tmp_path / FILE).unlink()
    Ledger(tmp_path).close()  # the lock was given back


@pytest.mark.slow
def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    with pytest.raises(UsageError, match="another styleplug"):
        Ledger(tmp_path)
    first.close()
    Ledger(tmp_path).close()


def test_a_full_disk_ends_the_grid_and_is_no_failure_of_a_cell(
    engine: Engine, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:

        def full(path: Path, data: bytes) -> None:
            raise OutputError("the disk is full")

        patch.setattr(job, "write_file", full)
        with pytest.raises(OutputError, match="full"):
            states(run_grid(grid(engine, photos), engine, folder=out, names=NAMES))
    assert states(run_grid(grid(engine, photos), engine, folder=out, names=NAMES)) == {"done": 6}


def test_a_folder_that_cannot_be_made_is_told_first(
    engine: Engine, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError):
        run_grid(grid(engine, photos), engine, folder=photos / "a.png" / "x", names=NAMES)


def test_a_read_only_folder_is_told_first(
    engine: Engine, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:  # the tests may run as root, who may write everywhere
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("styleplug.engine.ledger.FileLock.acquire", refuse)
    with pytest.raises(OutputError, match="not allowed: choose another folder"):
        run_grid(grid(engine, photos), engine, folder=tmp_path / "out", names=NAMES)


# Shared work ----------------------------------------------------------------------------------


def test_a_picture_is_described_once(
    engine: Engine, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    compute = BorrowedNet._compute

    def counted(self: BorrowedNet, arrays: Any) -> dict[str, np.ndarray]:
        calls[self.spec.function] += 1
        return compute(self, arrays)

    monkeypatch.setattr(BorrowedNet, "_compute", counted)
    wanted = grid(engine, photos, "descent", steps=(1,))
    assert states(run_grid(wanted, engine, executor=Local(engine, 1))) == {"done": 6}
    assert calls == {"describe": 5, "gram": 6}  # three contents and two styles


def test_scores_are_in_the_report_if_asked_for(engine: Engine, photos: Path) -> None:
    def scores(steps: int, **options: Any) -> Iterator[dict[str, float]]:
        wanted = grid(engine, photos, "descent", steps=(steps,))
        for event in run_grid(wanted, engine, **options):
            if event.report:
                yield event.report.scores

    assert [*scores(1)] == [{}] * 6
    for found in scores(4, scored=True):
        assert set(found) == {"style_gain", "content_kept"} and found["content_kept"] <= 1


def test_scores_of_the_content_and_of_the_style(photo: image.Picture) -> None:
    from styleplug.backends.choose import choose
    from styleplug.core.weight import WeightFile
    from styleplug.engine.scores import scores

    describe = choose("fake", "cpu").load(WeightFile("any", Path("any"), "", "fake"), "describe")
    content = photo.pixels
    style = np.ascontiguousarray(content[::-1, :, ::-1]) ** 2
    kept = scores(describe, content, content, [style], [1.0])
    assert kept == {"style_gain": pytest.approx(0), "content_kept": pytest.approx(1)}
    painted = scores(describe, style, content, [style], [1.0])
    assert painted == {"style_gain": pytest.approx(1), "content_kept": pytest.approx(0)}


# What is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "values"), [
    ("256,512", ("256", "512")), ("1, 0.5; 1, 1", ("1, 0.5", "1, 1")),
    ("0.5:2:4", (0.5, 1.0, 1.5, 2.0)), ("1:5:5", (1, 2, 3, 4, 5)), ([1, 2], (1, 2)), (3, (3,)),
    ("", ()),
])  # fmt: skip
def test_values_of_an_axis(wanted: Any, values: tuple[Any, ...]) -> None:
    assert spread("size", wanted) == values


@pytest.mark.parametrize("wanted", ["1:2:x", "1:2:0", "1:1:3", "1:2:2.5", "1:2:nan", "1:2:inf"])
def test_a_range_that_is_none_is_told(wanted: str) -> None:
    with pytest.raises(BadParameter, match="LOW:HIGH:COUNT"):
        spread("size", wanted)


def test_files_of_one_name_keep_their_endings(photos: Path) -> None:
    (photos / "a.JPG").touch()
    (photos / ".hidden.png").touch()
    (photos / "notes.txt").touch()
    assert [*files_in([photos])] == ["a.JPG", "a.png", "b", "sub/c"]
    assert [*files_in([photos], "*.JPG")] == ["a"]
    assert [*files_in([photos], leave_out=[photos / "sub"])] == ["a.JPG", "a.png", "b"]
    with pytest.raises(UsageError, match="two pictures are called 'a.png'"):
        files_in([photos, photos / "a.png"])


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no files"):
        files_in([tmp_path])
    for number in range(1000):
        (tmp_path / f"notes-{number}.txt").touch()
    with pytest.raises(UsageError, match="1000 other files"):
        files_in([tmp_path])
    with pytest.raises(UsageError, match="no folder"):
        from styleplug.imaging.folder import pictures_in

        pictures_in(tmp_path / "none")


def test_previews_come_while_a_cell_runs(engine: Engine, photos: Path) -> None:
    events = [*run_grid(grid(engine, photos), engine)]
    assert Counter(event.state for event in events)["started"] == 6
    assert any(event.state == "running" for event in events)
    done = [event for event in events if event.state == "done"]
    assert all(event.frame and event.frame.images and event.path is None for event in done)


# Shards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "1/99999", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="such as 3/8"):
        Shard.of(text)


def test_shards_make_every_cell_once(engine: Engine, photos: Path, tmp_path: Path) -> None:
    out, wanted = tmp_path / "out", grid(engine, photos, seed=range(8))
    plans = []
    for number in (1, 2, 3):
        run = run_grid(wanted, engine, folder=out, names=NAMES, shard=Shard(number, 3))
        plans.append(run.plan.cells)
        assert states(run) == {"done": run.plan.cells}
    assert sum(plans) == 24 and min(plans) > 0
    lines = [line for path in out.glob("ledger-*") for line in path.read_text().splitlines()]
    assert len(lines) == 24 + 3 and len(list(out.rglob("*.png"))) == 24
    other = run_grid(wanted, engine, folder=out, names=NAMES, shard=Shard(1, 2))
    assert other.plan.finished == other.plan.cells
    events = list(other)
    assert states(events) == {"skipped": other.plan.cells}
    assert all(event.row["file"] == event.cell.file for event in events)
    assert states(run_grid(wanted, engine, folder=out, names=NAMES)) == {"skipped": 24}


@pytest.mark.slow
def test_shards_of_other_counts_wait(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path, Shard(1, 2)), Ledger(tmp_path, Shard(2, 2))
    for other in (Shard(1, 2), Shard(1, 3), Shard()):
        with pytest.raises(UsageError, match="another styleplug"):
            Ledger(tmp_path, other)
    first.close()
    second.close()
    Ledger(tmp_path).close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills")
def test_shards_killed_and_resumed_in_one_folder(tmp_path: Path, photos: Path) -> None:
    """Two processes at a time; one is killed and started again: each file is made once."""
    here = Path(__file__).parent
    env = {"PYTHONPATH": f"{here}:{here.parent}", "PATH": ""}
    command = [sys.executable, str(here / "kills.py"), str(tmp_path)]
    run = [subprocess.Popen([*command, kills, shard], env=env)
           for kills, shard in (("5", "1/2"), ("0", "2/2"))]  # fmt: skip
    assert [one.wait() for one in run] == [0, 0]
    out = tmp_path / "out"
    made = Counter(json.loads(line)["file"] for path in out.glob("ledger-*")
                   for line in path.read_text().splitlines()[1:])  # fmt: skip
    files = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    assert made.keys() == files and len(files) == 48 and set(made.values()) == {1}
