"""What every test can rely on: nothing of the user's is touched, and "required" means required."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # imported by fixtures, once the environment is set
    from serve import Site
    from visitor import Visitor

    from styleplug.engine import Engine
    from styleplug.engine.plan import Calibration
    from styleplug.imaging import Picture
    from styleplug.methods import Catalogue
    from styleplug.training.loop.task import TaskSpec, TrainingTask

_HOME = tempfile.TemporaryDirectory(prefix="styleplug-tests-")  # removed when the process ends

# Before any library reads them: caches of their own, no analytics, and no network by accident.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    GRADIO_TEMP_DIR=os.path.join(_HOME.name, "gradio"),
    HF_HOME=os.path.join(_HOME.name, "huggingface"),
    HF_HUB_OFFLINE="1",
    XDG_CACHE_HOME=os.path.join(_HOME.name, "cache"),
)
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side: threads would wait for threads
    os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 it reads the number of threads once

# What takes longest begins first, so that no process has much left when others are done.
LONGEST = ("test_container.py", "test_first_picture.py")  # of `make hosts`
LONGEST += ("test_browser.py", "test_access.py", "test_silence.py", "test_page.py")
LONGEST += (
    "test_written_before.py",
    "test_store.py",
    "test_training_loop.py",
    "test_train_page.py",
    "test_every_method.py",
)
LAST_OF_PAGE = "test_page_left_alone_opens_no_connection"  # it waits: others run meanwhile
BROWSERS = 2  # test_browser.py is shared by so many processes, each with a browser and a page


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files go side by side; the longest in several parts, the contract method by method."""

    def turn(item: pytest.Item) -> tuple[int, bool]:
        name = "test_page.py" if item.name == LAST_OF_PAGE else item.path.name
        return LONGEST.index(name) if name in LONGEST else len(LONGEST), item.name == LAST_OF_PAGE

    items.sort(key=turn)
    for number, item in enumerate(items):
        group = item.path.name
        if group == "test_browser.py":
            shared = "looker" in item.fixturenames  # type: ignore[attr-defined]
            group += f" {0 if shared else number % BROWSERS}"
        if group == "test_every_method.py":
            group += f" {item.callspec.params['method']}"  # type: ignore[attr-defined]
        if group in ("test_silence.py", "test_page.py"):
            group = LAST_OF_PAGE
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The groups must hold: else each process makes the fixtures of every file."""
    grouped = getattr(session.config.option, "loadgroup", False)
    if grouped and any("@" not in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest-xdist does not see the groups of tests: use pytest < 9.2")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Where the browser is required, a browser test that is skipped has failed."""
    report = yield
    required = os.environ.get("STYLEPLUG_REQUIRE_BROWSER") == "1"
    if required and report.skipped and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though STYLEPLUG_REQUIRE_BROWSER=1: {report.longrepr}"
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; see `visitor`."""
    from visitor import browser

    yield from browser()


@pytest.fixture
def visit(site: Site, chromium: Any) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors of the `site` of the test's module."""
    from visitor import Visitor

    visitors: list[Visitor] = []

    def come(url: str = site.url, **kind: Any) -> Visitor:
        visitors.append(Visitor(chromium, url, **kind))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.leave()


def make_photo(width: int, height: int, seed: int = 0) -> Picture:
    """A picture with smooth shades, an edge and some grain."""
    from styleplug.imaging import Picture

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    shades = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * (x + y))], axis=2)
    shades[(x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.04] *= 0.4
    grain = rng.normal(0, 0.02, shades.shape)
    return Picture(np.clip(shades + grain, 0, 1).astype(np.float32), None)


def make_task(spec: TaskSpec, *arrays: np.ndarray, **params: Any) -> TrainingTask[Any]:
    """A task that learns from pictures (h w 3) in [0, 1], by default from four photographs."""
    import torch

    from styleplug.training.data.pictures import Pictures
    from styleplug.training.loop.task import Datasets

    torch.set_num_threads(1)
    torch.manual_seed(0)
    given = arrays or [make_photo(90, 80, seed).pixels for seed in range(4)]
    pictures = Pictures.of([(array * 255).astype(np.uint8) for array in given])
    datasets = Datasets(pictures, pictures, pictures, pictures)
    return spec.factory(datasets, spec.params(**params), torch.device("cpu"), 1)


@cache
def swatch(id: str) -> np.ndarray:
    """A style picture (512 512 3), painted once: it takes half a second."""
    from styleplug.swatches import SWATCHES

    picture = SWATCHES[id].paint()
    picture.setflags(write=False)
    return picture


@pytest.fixture
def photo() -> Picture:
    return make_photo(90, 60)


@pytest.fixture
def painting() -> Picture:
    return make_photo(80, 80, seed=1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures: a.png, b.jpg, sub/c.png."""
    from styleplug.imaging import write

    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        write(make_photo(70, 50, seed=number), folder / name)
    return folder


@pytest.fixture
def no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the picture of a training run's losses: it takes longer than a tiny run."""
    from styleplug.training import curve

    monkeypatch.setattr(curve, "draw", lambda log, out: None)


@pytest.fixture
def calibration(tmp_path: Path) -> Calibration:
    from styleplug.engine.plan import Calibration

    return Calibration(tmp_path / "calibration.json")


@pytest.fixture
def catalogue() -> Catalogue:
    """The small methods of samples.py."""
    from samples import Descent, Hungry, Sample

    from styleplug.methods import Catalogue

    return Catalogue({one.id: one for one in (Sample(), Descent(), Hungry())}, {})


@pytest.fixture
def engine(catalogue: Catalogue, calibration: Calibration) -> Engine:
    from styleplug.engine import Engine

    return Engine(catalogue, calibration=calibration)
