"""The Train page: a run from uploads to a ZIP, Stop, and what nobody may do there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import gradio as gr
import httpx
import pytest
from conftest import make_photo
from gradio.utils import get_upload_folder
from serve import THIRD_PARTY, Blend, wait
from tiny_task import TINY

from styleplug.core.errors import BadImage, BadParameter, StyleplugError, UsageError
from styleplug.engine import Engine
from styleplug.imaging import encode, write
from styleplug.system.extras import EXTRAS
from styleplug.ui import contents, page, trainer, training_files
from styleplug.ui.context import PageContext
from styleplug.ui.earlier import EarlierRuns
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts
from styleplug.ui.traffic import Traffic
from styleplug.ui.train import TrainTab
from styleplug.ui.trainer import Trainer

pytestmark = THIRD_PARTY
ENGLISH = SimpleNamespace(headers={"accept-language": "en"})
CHINESE = SimpleNamespace(headers={"accept-language": "zh-CN"})
ENDLESS = {"steps": 10_000_000, "device": "cpu"}


@pytest.fixture(scope="module")
def uploads() -> list[dict[str, str]]:
    """Pictures as a component sends them, two of one name, and a file that is none."""
    at = Path(get_upload_folder()) / "train-page"
    sent = []
    for seed in range(5):
        (at / str(seed)).mkdir(parents=True)
        path = at / str(seed) / ("same.png" if seed < 2 else f"{seed}.png")
        write(make_photo(40, 30, seed), path)
        sent.append(path)
    for name in ("notes.txt", "broken.png"):
        (at / name).write_text("dear diary")
        sent.append(at / name)
    return [{"path": str(path)} for path in sent]


@pytest.fixture
def ready() -> list[Path]:
    """Folders that were reported to hold weights."""
    return []


@pytest.fixture
def one(tmp_path: Path, ready: list[Path]) -> Iterator[Trainer]:
    one = Trainer(tmp_path / "runs", ready.append)
    yield one
    one.close()


@pytest.fixture(scope="module")
def built() -> TrainTab:
    texts = Texts()
    with gr.Blocks() as blocks:
        form = Form(Blend(), texts)
        form.parameters(advanced=True)
        known = {form: lambda: {"tiny-1": "Tiny"}}
        return TrainTab({"tiny": TINY}, Trainer(Path("nowhere")), texts, blocks, known)


@pytest.fixture
def tab(built: TrainTab, one: Trainer) -> TrainTab:
    built.trainer = one
    return built


def press(tab: TrainTab, uploads: Any, request: Any = ENGLISH, **options: Any) -> Iterator[Any]:
    """Press Start, with what stands in the controls but for some options."""
    values = [options.get(name, made.value) for (_, name), made in tab._made.items()]
    return tab._start(request, "tiny", uploads, None, *values)


def last(tab: TrainTab, updates: Iterator[Any]) -> dict[str, Any]:
    """What all updates together lead to, by the element's id."""
    seen: dict[str, Any] = {}
    for update in updates:
        seen |= {made.elem_id: new for made, new in update.items()}
    return seen


@pytest.mark.slow
def test_train_run_from_uploads_to_zip(
    tab: TrainTab, one: Trainer, uploads: Any, ready: list[Path]
) -> None:
    ended = last(tab, press(tab, uploads, steps=12, samples_every=5, device="cpu"))
    assert "Done: 12 steps" in ended["train-status"] and "tiny-" in ended["train-status"]
    choices = ended["blend-settings-trained"]["choices"]
    assert choices == [("Weights of the method", ""), ("Tiny (tiny-1)", "tiny-1")]
    assert "error" in ended["train-scores"] and "polyline" in ended["train-plot"]
    assert "notes.txt" in ended["train-notes"] and "broken.png" in ended["train-notes"]
    assert ended["train-start"]["visible"] and not ended["train-stop"]["visible"]
    served = Path(get_upload_folder()).resolve()
    assert Path(ended["train-sample"]).resolve().is_relative_to(served)
    assert one.run is not None and one.run.view.progress.report.pictures == 5  # type: ignore[union-attr]
    assert ready == [one.run.setup.out]
    assert len(list(one.run.setup.out.rglob("same.png"))) == 2, "a namesake is lost"
    pack = Path(ended["train-download"]["value"])
    assert pack.is_relative_to(served)
    with ZipFile(pack) as inside:
        names = {name.partition("/")[2] for name in inside.namelist()}
        told = b"".join(inside.read(name) for name in inside.namelist())
    assert {"last.safetensors", "best.safetensors", "log.jsonl", "report.json"} <= names
    assert not names & {"setup.json", "checkpoint.safetensors"}
    assert not any(name.startswith(("pictures", ".")) for name in names)
    assert str(one.run.setup.out.parent).encode() not in told


@pytest.mark.slow
def test_train_run_continues_without_window_until_stop(
    tab: TrainTab, one: Trainer, uploads: Any
) -> None:
    leaving = press(tab, uploads, **ENDLESS)
    assert next(leaving) and one.run is not None
    assert wait(lambda: one.run.view.progress.step > 3)
    leaving.close()  # type: ignore[attr-defined]
    before = one.run.view.progress.step
    assert wait(lambda: one.run.view.progress.step > before), "the window was closed, and it ended"

    with pytest.raises(gr.Error, match="已有训练正在进行"):
        list(press(tab, uploads, CHINESE))
    coming = tab._look(CHINESE)  # another window
    assert next(coming)[tab.task]["choices"] == [("Tiny", "tiny")]  # in no catalogue
    assert not next(coming)[tab.start]["visible"]
    assert "Stopping" in tab._stop(ENGLISH)
    ended = last(tab, coming)
    assert "已停止" in ended["train-status"] and ended["train-download"]["interactive"]
    assert (one.run.setup.out / "last.safetensors").exists()
    assert not one.run.going
    again = last(tab, press(tab, uploads, steps=1, device="cpu"))
    assert "Done: 1 steps" in again["train-status"]


def test_train_stop_while_reading_leaves_no_folder(
    tab: TrainTab, one: Trainer, uploads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting = press(tab, uploads, **ENDLESS)
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    next(starting)
    monkeypatch.undo()
    assert one.run is not None
    one.run.stop()
    one.run._train()
    assert "Stopped before" in last(tab, starting)["train-status"]
    assert list((tmp_path / "runs").iterdir()) == []


def test_train_loss_nan_shown_weights_kept(
    tab: TrainTab, uploads: Any, ready: list[Path], tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}
    with pytest.raises(gr.Error, match="nan") as failed:
        for update in press(tab, uploads, sick="loss", steps=20, save_every=5, device="cpu"):
            seen |= {made.elem_id: new for made, new in update.items()}
    assert "nan" in seen["train-status"] and "sp-error" in seen["train-status"]
    assert seen["train-download"]["interactive"], "the weights of step 5 are kept"
    assert ready == []
    assert str(tmp_path) not in str(failed.value) + seen["train-status"]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (None, "Training pictures are missing"),
        ([], "Training pictures are missing"),
        ({"path": "/etc/passwd"}, "missing"),
        ([{"path": "/etc/passwd"}], "upload"),
        (["/etc/passwd"], "upload"),
        ([{"path": "x"}] * 5001, "5,001 files are too many; at most 5,000"),
    ],
    ids=["none", "empty", "mapping", "path", "word", "flood"],
)
def test_train_uploads_hostile_refused(tab: TrainTab, tmp_path: Path, sent: Any, says: str) -> None:
    with pytest.raises(gr.Error, match=says):
        list(press(tab, sent, steps=1))
    assert not (tmp_path / "runs").exists()


def test_train_uploads_too_large_refused(
    tab: TrainTab, uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_files, "BYTES", 1000)
    with pytest.raises(gr.Error, match="GB"):
        list(press(tab, uploads, steps=1))


def test_train_upload_deleted_named(tab: TrainTab, uploads: Any) -> None:
    gone = {"path": str(Path(get_upload_folder()) / "abc" / "gone.png")}
    with pytest.raises(gr.Error, match="no longer kept"):
        list(press(tab, [*uploads, gone], steps=1))


def test_train_uploads_without_picture_refused(tab: TrainTab, uploads: Any, tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="no picture found") as failed:
        list(press(tab, uploads[-2:], steps=1, device="cpu"))
    assert str(tmp_path) not in str(failed.value)
    assert list((tmp_path / "runs").iterdir()) == [], "a run that came to nothing leaves a folder"


def test_train_bad_values_refused(one: Trainer, uploads: Any, tmp_path: Path) -> None:
    for options in ({"steps": -1}, {"size": 4}, {"minutes": "nan"}, {"out": "/tmp/x"}):
        with pytest.raises(BadParameter, match=next(iter(options))):
            one.start(TINY, uploads, None, options)
    assert list((tmp_path / "runs").iterdir()) == []


def test_train_unknown_task_refused(tab: TrainTab) -> None:
    for name in ("os", None, ["tiny"]):
        with pytest.raises(UsageError, match="known are: tiny"):
            tab._task(name)


def test_train_folder_unwritable_refused(tab: TrainTab, uploads: Any, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(gr.Error, match="cannot write"):
        list(press(tab, uploads, steps=1))


def test_train_curve_long_has_few_points() -> None:
    curve = trainer.Curve()
    for step in range(1, 10_001):
        curve.add(step, {"loss": step, "other": 1.0})
    steps, values = zip(*curve.history["loss"], strict=True)
    assert len(steps) <= trainer.POINTS and steps[0] == 32 and steps[-1] > 9_900
    assert values[0] == 16.5, "a point is the mean of its steps"
    assert set(curve.history["other"]) == {(step, 1.0) for step in steps}


def test_train_links_uploads_only(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="upload"):
        training_files.files_of([{"path": str(tmp_path)}], "pictures")


# ZIPs and classes --------------------------------------------------------------------------


def zipped(folder: Path, *names: str, link: str = "", data: bytes = b"") -> Path:
    """A ZIP below the folder for uploads, with these files."""
    path = Path(get_upload_folder()) / folder.name / "pack.zip"
    path.parent.mkdir(exist_ok=True)
    with ZipFile(path, "w", ZIP_DEFLATED) as pack:
        for number, name in enumerate(names):
            pack.writestr(name, data or encode(make_photo(40, 30, number).pixels))
        if link:
            entry = ZipInfo(link)
            entry.external_attr = 0o120777 << 16
            pack.writestr(entry, "/etc/passwd")
    return path


@pytest.mark.slow
def test_train_classes_from_folders_of_a_zip(one: Trainer, tmp_path: Path) -> None:
    """Each folder is a class, whatever stands above it; hidden files are left out."""
    names = ("all/red roses/a.png", "all/red roses/b.png", "all/lilies/a.png", "__MACOSX/._a.png")
    task = replace(TINY, learns_classes=True)
    sent = [{"path": str(zipped(tmp_path, *names))}]
    run = one.start(task, sent, None, {"steps": 1, "device": "cpu"})
    run.wait(60)
    assert run.view.error is None
    kept = run.setup.out / "pictures"
    assert sorted(path.name for path in kept.iterdir()) == ["lilies", "red roses"]
    assert len(list(kept.rglob("*.png"))) == 3


def test_train_one_class_refused(one: Trainer, uploads: Any, tmp_path: Path) -> None:
    task = replace(TINY, learns_classes=True)
    for sent in (uploads[2:4], [{"path": str(zipped(tmp_path, "roses/a.png", "roses/b.png"))}]):
        with pytest.raises(UsageError, match="a folder for each class"):
            one.start(task, sent, None, {"steps": 1})
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("names", "link", "says"),
    [
        (("../../evil.png",), "", "outside its folders"),
        (("/etc/evil.png",), "", "outside its folders"),
        (("a\\..\\evil.png",), "", "outside its folders"),
        (("a/b.png",), "a/link.png", "contains a link"),
        (tuple(f"a/{n}.png" for n in range(12)), "", "12 files are too many"),
    ],
)
def test_train_hostile_zip_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], link: str, says: str
) -> None:
    monkeypatch.setattr(training_files, "MOST", 10)
    with pytest.raises(UsageError, match=says):
        training_files.lay([zipped(tmp_path, *names, link=link)], tmp_path / "laid")
    assert not [path for path in tmp_path.rglob("*.png") if path.is_file()]


def test_train_zip_bomb_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is unpacked, and by the length of its list of files."""
    monkeypatch.setattr(training_files, "BYTES", 3 * 10**6)
    bomb = zipped(tmp_path, "a/b.png", data=bytes(4 * 10**6))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(UsageError, match="GB"):
        training_files.lay([bomb], tmp_path / "laid")
    assert sum(path.stat().st_size for path in (tmp_path / "laid").rglob("*.png")) <= 3 * 10**6
    monkeypatch.setattr(training_files, "LISTING", 10)
    with pytest.raises(UsageError, match="too many files"):
        training_files.lay([bomb], tmp_path / "again")
    bomb.write_bytes(b"PK no zip")
    with pytest.raises(UsageError, match="not a ZIP"):
        training_files.lay([bomb], tmp_path / "third")


# Earlier runs ------------------------------------------------------------------------------


@pytest.mark.slow
def test_train_earlier_runs_listed_resumed_deleted(
    tab: TrainTab, one: Trainer, uploads: Any, tmp_path: Path
) -> None:
    """Also by a page that started later."""
    last(tab, press(tab, uploads, steps=60, samples_every=50, device="cpu"))
    gone: list[str] = []
    tab.trainer = tab.earlier._trainer = later = Trainer(tmp_path / "runs", gone=gone.append)
    (found,) = later.earlier()
    assert (found.task, found.step) == ("tiny", 60) and found.sample is not None
    listed = last(tab, iter([tab.earlier.listed("en")]))
    assert listed["train-earlier"]["visible"]
    assert listed["train-earlier-choice"]["value"] == found.name
    assert Path(listed["train-earlier-zip"]["value"]).is_file()
    resumed = tab._resume(ENGLISH, found.name, 100)
    assert any("Step" in str(new.get(tab.status)) for new in resumed)
    resumed.close()
    assert later.run is not None and later.run.setup.resume
    with pytest.raises(UsageError, match="active"):
        later.delete(found)
    later.close()
    assert later.find(found.name).step > 60
    later.delete(found)
    assert not later.earlier() and gone == [found.name]
    with pytest.raises(UsageError, match="no longer there"):
        later.find("../elsewhere")


def test_train_deletion_not_confirmed_changes_nothing(one: Trainer) -> None:
    with gr.Blocks() as page:
        EarlierRuns(one, Texts()).wire(lambda to: {}, {})
    delete = next(event for event in page.fns.values() if event.name == "delete")
    assert delete.fn is not None
    assert delete.fn(ENGLISH, None) == gr.skip()  # gradio takes {} for too few values


# Whether it is there ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "share", "auth", "space"),
    [
        ("0.0.0.0", False, None, False),
        ("192.168.1.7", False, None, False),
        (None, True, None, False),
        (None, False, None, True),
    ],
    ids=["everywhere", "network", "share", "space"],
)
def test_train_tab_hidden_from_strangers(
    host: str | None, share: bool, auth: Any, space: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if space:
        monkeypatch.setenv("SPACE_ID", "a/b")
    assert page._training(None, host, share, auth) is None
    monkeypatch.setenv(page.TRAIN, "runs")
    with pytest.raises(UsageError, match="password"):
        page._training(None, host, share, auth)
    assert page._training(None, host, share, ("ann", "secret")) == Path("runs")


def test_train_tab_address_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page._training("runs", None, False, None) == Path("runs")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    with pytest.raises(UsageError, match="password"):
        page._training("runs", None, False, None)


def context_of(engine: Engine, texts: Texts, train: Path | None) -> PageContext:
    return PageContext(engine, texts, *page.allowed(), Traffic(engine.line), train=train)


def _config(engine: Engine, train: Path | None) -> str:
    """What stands on a page that keeps its runs in a folder."""
    blocks = page.compose(context_of(engine, Texts(), train))
    return json.dumps(blocks.get_config_file(), default=str)


@pytest.mark.slow
def test_train_tab_only_if_asked(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(id: str) -> Any:
        if id == "tiny":
            return TINY
        raise StyleplugError("the task sick cannot be used: <b>why</b>")

    monkeypatch.setattr(contents, "task_ids", lambda: ("sick", "tiny"))
    monkeypatch.setattr(contents, "load_task", broken)
    assert "train-start" not in _config(engine, None)
    url = page.launch("127.0.0.1", block=False, engine=engine, train=tmp_path)
    there = httpx.get(f"{url}config").text
    gr.close_all(verbose=False)
    assert "train-start" in there and "train-tiny-size" in there and "train-loop-minutes" in there
    assert "&lt;b&gt;why" in there


@pytest.mark.slow
def test_train_tab_knows_earlier_results(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[Path] = []
    monkeypatch.setattr(contents, "task_ids", tuple)
    monkeypatch.setattr(engine, "add_trained", known.append)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert "train-start" not in _config(engine, tmp_path)
    assert known == [tmp_path / "a", tmp_path / "b"]
    monkeypatch.undo()
    contents._learn(engine, tmp_path / "a")  # holds no result: nothing happens


def test_train_tab_missing_packages_named(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "train", ("matplotlib", "no_such_package"))
    shown = Texts()
    blocks = page.compose(context_of(engine, shown, tmp_path))
    there = json.dumps(blocks.get_config_file(), default=str)
    texts = shown.table().translations["en"].values()
    assert sum("training needs no_such_package" in text for text in texts) == 1
    assert any("pip install" in text for text in texts) and "train-start" not in there
