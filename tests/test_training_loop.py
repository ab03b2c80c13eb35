"""The loop of all training tasks: killed, stopped, sick, out of disk, and what it is fed."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_task
import torch
from conftest import make_photo
from PIL import Image
from safetensors.torch import load_file
from tiny_task import SHARED, STEPS, TINY, TinyTask, tiny

from styleplug import cli, training
from styleplug.core.errors import Cancelled, OutputError, StyleplugError, UsageError, WeightError
from styleplug.imaging import write
from styleplug.store.classes import read_classes
from styleplug.system.extras import EXTRAS
from styleplug.training import loop
from styleplug.training.data import pictures
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop import lr_schedule, train
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.progress import Progress
from styleplug.training.loop.setup import Loop, Setup

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).parents[1]
FILES = ("best.safetensors", "checkpoint.safetensors", "last.safetensors")


@pytest.fixture(autouse=True)
def _quick(no_curve: None) -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for seed in range(4):
        write(make_photo(40, 30, seed), folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("unbroken")
    for _ in train(tiny(data, out)):
        pass
    return out


def end(setup: Setup, cancel: Event | None = None) -> Progress:
    """The last thing that a run tells."""
    return list(train(setup, cancel))[-1]


def tensors(out: Path, name: str = "checkpoint.safetensors") -> dict[str, torch.Tensor]:
    return dict(load_file(out / name))


def same(one: Path, other: Path) -> bool:
    """Whether everything that two runs keep is the same, bit for bit."""
    for name in FILES:
        a, b = tensors(one, name), tensors(other, name)
        if a.keys() != b.keys() or not all(torch.equal(a[key], b[key]) for key in a):
            return False
    return True


def logged(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_first_samples_come_soon(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not wait for `samples_every`, and do not change the weights."""
    monkeypatch.setattr(loop, "FIRST_SAMPLE", 0.0)
    run = train(tiny(data, tmp_path / "soon"))
    shown = next(one for one in run if one.step)
    assert shown.step == 1 and shown.sample is not None
    run.close()


def litter(out: Path) -> list[Path]:
    return list(out.rglob("*.part"))


def test_weights_hold_class_names(unbroken: Path) -> None:
    for name in ("best.safetensors", "last.safetensors"):
        assert read_classes(unbroken / name) == ("forest", "sea")


# --- killed, stopped, resumed ------------------------------------------------------------------


def test_run_killed_and_resumed_same_weights(data: Path, unbroken: Path, tmp_path: Path) -> None:
    script = [sys.executable, str(HOUSE / "tests" / "tiny_task.py"), str(data), str(tmp_path), "13"]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    with subprocess.Popen(script, stdout=subprocess.PIPE, env=environment, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line == "13\n":
                break
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not same(tmp_path, unbroken)
    (tmp_path / f".{'0' * 16}.part").write_text("what a kill while writing leaves")
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 12, "losses": {}}\n{"step": 13, "los')
    told = list(train(Setup.resumed(TINY, tmp_path)))
    trained = [progress.step for progress in told if progress.losses]
    assert trained[0] == 11, "at most one interval is lost"
    assert same(tmp_path, unbroken)
    assert not litter(tmp_path)
    assert [entry["step"] for entry in logged(tmp_path)] == [5, 10, 15, 20]


def test_run_in_two_processes_same_weights(data: Path, tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(HOUSE / "tests" / "tiny_task.py"), str(data), str(tmp_path / "two"), "shared"]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *torchrun, *script],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = list(train(tiny(data, tmp_path / "one", SHARED)))
    assert len(done.stdout.splitlines()) == len(told), "one of the two tells"
    assert same(tmp_path / "one", tmp_path / "two")


def test_run_seed_decides(data: Path, unbroken: Path, tmp_path: Path) -> None:
    end(tiny(data, tmp_path, seed=1))
    assert not same(tmp_path, unbroken)


def test_run_stopped_and_resumed_same_weights(data: Path, unbroken: Path, tmp_path: Path) -> None:
    cancel = Event()
    for last in train(tiny(data, tmp_path), cancel):
        if last.step == 3:
            cancel.set()
    assert last.step == 3 and last.report is not None and last.report.stopped
    assert all((tmp_path / name).exists() for name in FILES)
    last = end(Setup.resumed(TINY, tmp_path))
    assert last.report is not None and not last.report.stopped
    a, b = tensors(tmp_path), tensors(unbroken)
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_run_closed_and_resumed_loses_no_step(data: Path, tmp_path: Path) -> None:
    run = train(tiny(data, tmp_path))
    for progress in run:
        if progress.step == 7:
            break
    run.close()  # type: ignore[attr-defined]
    going_on = next(p for p in train(Setup.resumed(TINY, tmp_path)) if p.step)
    assert going_on.step == 7 and "at step 7" in going_on.note


@pytest.mark.parametrize("after", [0, 3])
def test_stop_before_first_step_leaves_no_weights(data: Path, tmp_path: Path, after: int) -> None:
    cancel = Event()
    run = train(tiny(data, tmp_path), cancel)
    for _ in range(min(after, 2)):
        next(run)
    cancel.set()
    with pytest.raises(Cancelled, match="nothing was trained"):
        list(run)
    assert not list(tmp_path.glob("*.safetensors"))


def test_checkpoint_damaged_refused(data: Path, unbroken: Path, tmp_path: Path) -> None:
    end(tiny(data, tmp_path, steps=5))
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(WeightError, match="damaged"):
        end(Setup.resumed(TINY, tmp_path, options={"steps": 6}))


@pytest.mark.parametrize("limit", [30, 31, 32, 33])  # over while saving, or just after
def test_minutes_limit_counts_over_resume(
    limit: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks))  # a second each time it is asked
    monkeypatch.setattr(loop, "time", clock)
    report = end(tiny(data, tmp_path, steps=0, minutes=limit / 60, save_every=1)).report
    assert report is not None and report.seconds >= limit and report.step > 1
    clock.monotonic = lambda: next(ticks) / 100
    assert end(Setup.resumed(TINY, tmp_path)).step == report.step, "its time is over"
    more = end(Setup.resumed(TINY, tmp_path, options={"steps": report.step + 2}))
    assert more.step == report.step + 2 and more.seconds >= limit


# --- what is trained and kept ------------------------------------------------------------------


def test_bfloat16_only_where_supported() -> None:
    """On others a convolution in it takes about ten times as long."""
    quick = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with autocast(torch.device("cpu")):
        found = torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
    assert found.dtype == (torch.bfloat16 if quick else torch.float32)


def test_saved_weights_are_ema(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[dict[str, torch.Tensor]] = []
    follow = TinyTask.losses

    def recorded(self: TinyTask, *arguments: Any) -> Any:
        passed.append({k: v.clone() for k, v in self.net.state_dict().items()})
        return follow(self, *arguments)

    monkeypatch.setattr(TinyTask, "losses", recorded)
    monkeypatch.setattr(TinyTask, "ema_decay", 0.2)
    end(tiny(data, tmp_path, steps=6))
    kept = tensors(tmp_path)
    passed.append({k.removeprefix("net.net."): v for k, v in kept.items() if "net.net." in k})
    mean = passed[0]["0.weight"].clone()
    for step, after in enumerate(passed[1:]):
        mean = mean + (after["0.weight"] - mean) * (1 - min(0.2, (1 + step) / (10 + step)))
    last = tensors(tmp_path, "last.safetensors")
    torch.testing.assert_close(last["0.weight"].float(), mean, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(kept["net.average.0.weight"], mean)
    assert not torch.equal(kept["net.average.0.weight"], kept["net.net.0.weight"])
    # Running statistics are no weights: they are taken as they are.
    assert torch.equal(kept["net.average.1.running_mean"], kept["net.net.1.running_mean"])
    assert last["0.weight"].dtype == torch.float16
    assert last.keys() == passed[0].keys()
    assert last["1.num_batches_tracked"].dtype == torch.int64


def test_losses_train_their_own_nets_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = TinyTask.losses

    def critic_alone(self: TinyTask, *arguments: Any) -> Any:
        yield next(both(self, *arguments))

    monkeypatch.setattr(TinyTask, "losses", critic_alone)
    end(tiny(data, tmp_path / "a", steps=1, save_every=1))
    end(tiny(data, tmp_path / "b", steps=2, save_every=1))
    one, two = tensors(tmp_path / "a"), tensors(tmp_path / "b")
    assert torch.equal(one["net.net.0.weight"], two["net.net.0.weight"])
    assert not torch.equal(one["net.critic.weight"], two["net.critic.weight"])


def test_step_may_change_rates_and_betas(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = TinyTask.losses

    def changed(self: TinyTask, step: int, *arguments: Any) -> Any:
        self.rate_factors = {"critic": 0.0} if step else {}
        self.betas = (0.0, 0.99)
        yield from both(self, step, *arguments)

    end(tiny(data, tmp_path / "usual", steps=2, save_every=1))
    monkeypatch.setattr(TinyTask, "losses", changed)
    for steps in (1, 2):
        end(tiny(data, tmp_path / str(steps), steps=steps, save_every=1))
    usual, one, two = (tensors(tmp_path / name) for name in ("usual", "1", "2"))
    assert torch.equal(one["net.critic.weight"], two["net.critic.weight"])
    assert not torch.equal(one["net.net.0.weight"], two["net.net.0.weight"])
    assert not torch.equal(usual["net.net.0.weight"], two["net.net.0.weight"])


def test_run_lowers_loss(data: Path, tmp_path: Path) -> None:
    end(tiny(data, tmp_path, steps=60, rate=0.05))
    entries = logged(tmp_path)
    assert entries[-1]["losses"]["error"] < 0.8 * entries[0]["losses"]["error"]


def test_best_weights_have_least_first_score(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([float("nan"), 0.5, 0.2, 0.7])
    monkeypatch.setattr(TinyTask, "score", lambda *_: {"a": next(scores), "b": 0.0})
    report = end(tiny(data, tmp_path)).report
    assert report is not None
    assert (report.best_step, report.best["a"], report.last["a"]) == (15, 0.2, 0.7)
    best, last = (tensors(tmp_path, name) for name in ("best.safetensors", "last.safetensors"))
    assert not torch.equal(best["0.weight"], last["0.weight"])


def test_scores_nan_written_as_null_newest_best(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyTask, "score", lambda *_: {"a": float("nan"), "b": float("inf")})
    report = end(tiny(data, tmp_path, steps=10)).report
    assert report is not None and report.best_step == 10
    resumed = Setup.resumed(TINY, tmp_path, options={"steps": 15})
    assert end(resumed).step == 15

    def refuse(name: str) -> None:
        raise AssertionError(f"a bare {name}")

    for text in (
        (tmp_path / "report.json").read_text(),
        *(tmp_path / "log.jsonl").read_text().splitlines(),
    ):
        entry = json.loads(text, parse_constant=refuse)
        assert (entry.get("scores") or entry["best"]) == {"a": None, "b": None}


def test_run_folder_holds_curve_samples_report_log(data: Path, unbroken: Path) -> None:
    for name in ("curve.png", f"samples/{STEPS:09d}.png"):
        with Image.open(unbroken / name) as picture:
            picture.load()
    report = json.loads((unbroken / "report.json").read_text())
    assert report["step"] == STEPS and report["pictures"] == report["held_out"] == 4
    assert report["command"].startswith(f"styleplug train tiny --data {data.name} --out unbroken")
    assert "--steps 20" in report["command"] and "/" not in report["command"]
    entries = logged(unbroken)
    assert [entry["step"] for entry in entries] == [5, 10, 15, 20]
    assert entries[0]["losses"].keys() == {"critic", "error", "fooled"}
    assert entries[0]["scores"].keys() == {"error", "other"}
    assert not litter(unbroken)


def test_progress_reports_share_and_remaining(data: Path, tmp_path: Path) -> None:
    told = list(train(tiny(data, tmp_path)))
    assert "reading pictures: 4 of 4" in [progress.note for progress in told]
    training = [progress for progress in told if progress.losses]
    assert [p.step for p in training] == [*range(1, STEPS + 1), STEPS]
    assert [p.share for p in training[:2]] == [1 / STEPS, 2 / STEPS]
    assert training[5].remaining is not None and training[5].remaining > 0
    assert training[-1].remaining == 0
    assert training[3].scores == {} and training[4].scores.keys() == {"error", "other"}
    assert told[-1].sample == tmp_path / "samples" / f"{STEPS:09d}.png"


def test_lr_schedule_rises_stays_falls() -> None:
    assert lr_schedule(0, 0.0) == 1 / 200
    assert lr_schedule(199, 0.1) == lr_schedule(5000, 0.79) == 1
    assert lr_schedule(5000, 0.9) == pytest.approx(0.5)
    assert 0 < lr_schedule(5000, 1.0) < 0.01


# --- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(("sick", "named"), [("loss", "'error' became nan"), ("gradient", "grad")])
def test_loss_nan_stops_run(data: Path, tmp_path: Path, sick: str, named: str) -> None:
    with pytest.raises(StyleplugError, match="at step 8") as caught:
        end(tiny(data, tmp_path, sick=sick))
    said = str(caught.value)
    assert named in said and "step 5" in said and str(tmp_path) in said and "--resume" in said
    assert all(value.isfinite().all() for value in tensors(tmp_path).values())
    lower = Setup.resumed(TINY, tmp_path, options={"rate": 1e-4})
    assert next(p for p in train(lower) if p.step).step == 5


def test_loss_nan_before_checkpoint_says_begin_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StyleplugError, match="No checkpoint was written yet"):
        end(tiny(data, tmp_path, sick="loss", save_every=100))


def test_full_disk_keeps_earlier_files(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kept: dict[str, bytes] = {}
    with pytest.raises(OutputError, match="disk is full") as caught:
        for progress in train(tiny(data, tmp_path)):
            if progress.step == 10 and not kept:
                kept = {name: (tmp_path / name).read_bytes() for name in FILES}
                monkeypatch.setattr(os, "fsync", full)
    assert "step 10" in str(caught.value) and "--resume" in str(caught.value)
    assert kept == {name: (tmp_path / name).read_bytes() for name in FILES}
    assert not litter(tmp_path)
    monkeypatch.undo()
    assert end(Setup.resumed(TINY, tmp_path)).step == STEPS


def test_weights_beyond_float16_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = TinyTask.__init__

    def huge(self: TinyTask, *arguments: Any) -> None:
        make(self, *arguments)
        torch.nn.init.constant_(self.net[0].bias, 1e6)

    monkeypatch.setattr(TinyTask, "__init__", huge)
    with pytest.raises(StyleplugError, match="too large"):
        end(tiny(data, tmp_path))
    assert not list(tmp_path.glob("*.safetensors"))


def test_out_of_memory_names_smaller_batch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(TinyTask, "losses", greedy)
    with pytest.raises(StyleplugError, match="smaller batch"):
        end(tiny(data, tmp_path))


def test_run_one_per_process_and_folder(data: Path, tmp_path: Path) -> None:
    run = train(tiny(data, tmp_path))
    next(run)
    with pytest.raises(UsageError, match="another training run"):
        next(train(tiny(data, tmp_path / "other")))
    run.close()  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="another run is writing"):
        from filelock import FileLock

        with FileLock(tmp_path / ".lock"):
            next(train(tiny(data, tmp_path)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_device_missing_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no device 'cuda'"):
        end(tiny(data, tmp_path, device="cuda"))


# --- what a run is begun or resumed with -------------------------------------------------------


def test_run_over_another_refused(data: Path, unbroken: Path) -> None:
    before = {name: (unbroken / name).read_bytes() for name in FILES}
    with pytest.raises(UsageError, match="already holds a run"):
        end(tiny(data, unbroken))
    assert before == {name: (unbroken / name).read_bytes() for name in FILES}


def test_resume_takes_setup_of_folder(unbroken: Path, data: Path) -> None:
    setup = Setup.resumed(TINY, unbroken)
    assert (setup.data, setup.loop.steps, setup.loop.save_every) == ((data,), STEPS, 5)
    longer = Setup.resumed(TINY, unbroken, options={"minutes": "2", "seed": "0"}).loop
    assert (longer.minutes, longer.steps) == (2, 0), "a new limit replaces the old ones"


@pytest.mark.parametrize("given", [{"seed": 3}, {"size": 24}, {"data": [HOUSE]}], ids=str)
def test_resume_with_other_setup_refused(unbroken: Path, given: dict[str, Any]) -> None:
    (name, value), folders = next(iter(given.items())), {}
    folders = {"data": value} if name == "data" else {"options": given}
    with pytest.raises(UsageError, match=f"another {name}"):
        Setup.resumed(TINY, unbroken, **folders)


def test_resume_nothing_or_other_task_refused(unbroken: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run to resume"):
        Setup.resumed(TINY, tmp_path)
    (tmp_path / "setup.json").write_text('{"task": "large"')
    with pytest.raises(UsageError, match="cannot be read"):
        Setup.resumed(TINY, tmp_path)
    kept = json.loads((unbroken / "setup.json").read_text())
    (tmp_path / "setup.json").write_text(json.dumps({**kept, "task": "large"}))
    with pytest.raises(UsageError, match="a run of large"):
        Setup.resumed(TINY, tmp_path)


def test_limits_default_and_given() -> None:
    assert Loop().seconds == 3600
    assert Loop(steps=5).seconds is None
    assert Loop(steps=5, minutes=2).seconds == 120


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": []}, "--data"),
        ({"styles": [HOUSE]}, "takes no --styles"),
        ({"teacher": HOUSE / "nothing"}, "no file"),
        ({"options": {"stepz": 3}}, "unknown parameter 'stepz'"),
        ({"options": {"steps": -3}}, "steps = -3"),
    ],
    ids=str,
)
def test_setup_bad_arguments_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Setup.of(TINY, **{"data": [HOUSE], "out": tmp_path, **given})


# --- pictures ----------------------------------------------------------------------------------


def test_pictures_bad_named_skipped_and_counted(data: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    (folder / "deep.jpg").mkdir()
    (folder / "deep.jpg" / "good.png").write_bytes((data / "0.png").read_bytes())
    (folder / "linked.png").symlink_to(data / "1.png")
    (folder / "bad.png").write_text("not a picture")
    (folder / "cut.png").write_bytes((data / "0.png").read_bytes()[:500])
    (folder / "gone.png").symlink_to(folder / "nowhere")
    (folder / "round.png").symlink_to(folder / "round.png")
    Image.new("RGB", (15, 400)).save(folder / "tiny.png")
    Image.new("1", (30000, 5000)).save(folder / "bomb.png")
    last, warned = None, []
    for last in train(tiny(folder, out, steps=1)):
        warned += last.warnings
    assert last is not None and last.report is not None
    skipped = last.report.skipped
    names = ["bad.png", "bomb.png", "cut.png", "gone.png", "round.png", "tiny.png"]
    assert [name for name in names if any(name in line for line in skipped)] == names
    assert len(skipped) == 6 and "6 files skipped" in warned
    assert set(skipped) <= set(warned)
    assert (last.report.pictures, last.report.held_out) == (2, 2)


def test_pictures_single_used_for_both(data: Path, tmp_path: Path) -> None:
    write(make_photo(40, 30), tmp_path / "one.png")
    told = list(train(tiny(tmp_path, tmp_path / "out", steps=1)))
    assert any("too few pictures (1)" in warning for p in told for warning in p.warnings)
    report = told[-1].report
    assert report is not None and (report.pictures, report.held_out) == (1, 1)


@pytest.mark.parametrize("folder", ["empty", "missing", "broken"])
def test_pictures_none_found_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.png").write_text("x")
    said = {"empty": "expected files of the formats PNG", "missing": "no folder", "broken": "x.png"}
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=said[folder]):
        end(tiny(tmp_path / folder, out))
    assert not (out / "setup.json").exists(), "the same command works once there are pictures"


def test_pictures_many_stored_smaller(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures._memory_limits(1000, 2**30) == (512, 1)
    assert pictures._memory_limits(4000, 2**30) == (299, 1)
    longest, every = pictures._memory_limits(16000, 2**30)
    assert longest == 256 and 16000 / every * 3 * longest**2 <= 2**30
    monkeypatch.setattr(pictures, "_memory_limits", lambda count, budget: (500, 1))
    assert not Pictures([data]).notes, "these are smaller than that anyway"
    monkeypatch.setattr(pictures, "_memory_limits", lambda count, budget: (24, 2))
    few = Pictures([data])
    assert [array.shape for array in few.arrays] == [(18, 24, 3)] * 2
    assert "stored at 24 px, and only one in 2" in few.notes[0]


def test_split_is_fixed() -> None:
    rest, held = Pictures.of([np.full((1, 1, 3), i, np.uint8) for i in range(50)]).split(0.05)
    assert [int(array[0, 0, 0]) for array in held.arrays] == [0, 20, 40]
    assert len(rest) == 47


@pytest.mark.parametrize("sizes", [(1, 1, 8), (30, 1), (5, 5, 2), (200, 3, 1)], ids=str)
def test_split_by_class_holds_out_some_of_each(sizes: tuple[int, ...]) -> None:
    """But of one with a single picture, which would be lost."""
    labels = [name for name, size in zip("abc", sizes, strict=False) for _ in range(size)]
    rest, held = Pictures.of(list(np.zeros((len(labels), 1, 1, 3))), labels).split(
        0.05, by_class=True
    )
    assert set(rest.labels) == set(labels)
    assert set(held.labels) == {name for name in set(labels) if labels.count(name) > 1}
    assert len(rest) + len(held) == len(labels) and len(held) >= 2


@pytest.mark.parametrize("count", [1, 2, 9, 10, 12, 30])
def test_split_small_set_holds_out_two(count: int) -> None:
    """One alone does not tell how pictures differ."""
    rest, held = Pictures.of(list(np.zeros((count, 1, 1, 3)))).split(0.05)
    assert (len(rest), len(held)) == ((count, count) if count < 10 else (count - 2, 2))
    alone = Pictures.of(list(np.zeros((count, 1, 1, 3))), [str(i) for i in range(count)])
    assert all(len(part) == count for part in alone.split(0.05, by_class=True))


def test_task_too_few_pictures_refused(data: Path, tmp_path: Path) -> None:
    write(make_photo(40, 30), tmp_path / "one.png")
    setup = tiny(tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match=r"tiny needs at least 2 pictures .* got 1"):
        end(replace(setup, task=replace(TINY, least=2)))
    assert not (tmp_path / "out" / "setup.json").exists()


# --- tasks and the command ---------------------------------------------------------------------


def test_tasks_found_and_fit_loop() -> None:
    from styleplug.nets import ARCHITECTURES

    ids = training.task_ids()
    assert "cnn" in ids and "loop" not in ids
    for id in ids:
        task = training.load_task(id)
        assert task.id == id
        assert not Loop.model_fields.keys() & task.params.model_fields.keys()
        assert id in ARCHITECTURES
    with pytest.raises(UsageError, match="known are: .*cnn"):
        training.load_task("nonsense")


def test_task_missing_packages_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "train", ("torch", "no_such_package"))
    with pytest.raises(UsageError, match=r"needs no_such_package .*styleplug\[train\]"):
        training.load_task("cnn")


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def styleplug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, where the tiny task is the only one."""
    monkeypatch.setattr(training, "task_ids", lambda: ("tiny",))
    monkeypatch.setattr(training, "load_task", lambda id: TINY)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["styleplug", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        return int(leaving.value.code or 0), *capsys.readouterr()

    return command


def test_command_trains_and_resumes(styleplug: Command, data: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bad.png").write_text("x")
    out = tmp_path / "out"
    run = ["tiny", "--data", data, "--data", tmp_path / "more", "--out", out, "--device", "cpu"]
    status, said, told = styleplug(*run, "--steps", 3, "--save-every", 2, "--size", 24, "--json")
    assert status == 0, told
    report = json.loads(said)
    assert report["step"] == 3 and report["out"] == str(out) and len(report["skipped"]) == 1
    assert "1 files skipped" in told and "step 2: critic" in told and "held out: error" in told
    status, said, told = styleplug("tiny", "--out", out, "--resume", "--steps", 4)
    assert (status, said) == (0, f"{out}\n")
    assert "4 steps in" in told and "best at step" in told
    status, _, told = styleplug(*run)
    assert status == 2 and "--resume" in told
    status, _, told = styleplug("tiny", "--out", out, "--resume", "--seed", 9)
    assert status == 2 and "another seed" in told


def test_command_help_lists_options(styleplug: Command) -> None:
    text = " ".join(re.sub(r"[│╭╰─╮╯]", " ", styleplug("tiny", "--help")[1]).split())
    for said in [
        "Learns next to nothing.",
        "--data FOLDER",
        "--out FOLDER",
        "--minutes NUMBER",
        "--samples-every NUMBER",
        "--size NUMBER Side of crops. (8 to 64, default 16)",
    ]:
        assert said in text
    assert "--styles" not in text
    assert "tiny" in styleplug("--help")[1]


def test_commands_of_training_page_run(
    styleplug: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = replace(TINY, takes_styles=True)
    monkeypatch.setattr(training, "load_task", lambda id: task)
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "paintings"):
        (tmp_path / folder).symlink_to(data, target_is_directory=True)
    text = (HOUSE / "docs" / "training.md").read_text(encoding="utf-8")
    block = text.split("## Train on your own pictures")[1].split("```bash\n")[1].split("```")[0]
    lines = block.replace("\\\n", "").splitlines()
    trains = [line for line in lines if line.startswith("styleplug train ")]
    for number, line in enumerate(trains, 1):
        _, _, *arguments = shlex.split(line)
        status, _, told = styleplug(*arguments, "--steps", number, "--device", "cpu")
        assert status == 0, f"{line}\n{told}"
    assert number == 2 and end(Setup.resumed(task, tmp_path / "runs" / "mine")).step == 2


def test_command_ctrl_c_stops_after_step(
    styleplug: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = tiny_task.TinyTask.losses

    def interrupted(self: TinyTask, step: int, *rest: Any) -> Any:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return losses(self, step, *rest)

    monkeypatch.setattr(TinyTask, "losses", interrupted)
    status, _, told = styleplug("tiny", "--data", data, "--out", tmp_path, "--device", "cpu")
    assert status == 1 and "stopped at step 3" in told and "--resume" in told
    assert (tmp_path / "best.safetensors").exists()
