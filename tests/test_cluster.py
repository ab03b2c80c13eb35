"""Grids on a Ray cluster: the contract of executors, a worker that dies, a node that is removed.

Skipped without Ray, which is not among the packages for development: `pip install ray`.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_photo

from styleplug import imaging as image
from styleplug.core.errors import UsageError
from styleplug.engine import Engine
from styleplug.engine.axes import Grid
from styleplug.engine.cells import CellEvent
from styleplug.engine.executors import Executor, executor_of
from styleplug.engine.executors.local import Local
from styleplug.engine.grid import run_grid
from styleplug.engine.grid_request import files_in, grid_of
from styleplug.engine.plan import Calibration

ray = pytest.importorskip("ray", reason="the extra ray is not installed")
from styleplug.engine.executors.cluster import Cluster, Worker  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes; this process is its driver."""
    from ray.cluster_utils import Cluster as Nodes

    here = str(Path(__file__).parent.parent)
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, before)))
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, configure_logging=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    os.environ["PYTHONPATH"] = before


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(calibration=Calibration(tmp_path / "calibration.json"))


def grid(engine: Engine, folder: Path, seeds: int = 3) -> Grid:
    (folder / "photos").mkdir(exist_ok=True)
    for number in range(2):
        image.write(make_photo(70, 50, seed=number), folder / "photos" / f"{number}.png")
    (folder / "photos" / "broken.png").write_bytes(b"no picture")
    image.write(make_photo(60, 60, seed=7), folder / "marks.png")
    pictures = {
        "content": files_in([folder / "photos"]),
        "style": files_in([folder / "marks.png"]),
    }
    values = {"size": 64, "backend": "fake"}
    return grid_of(engine.catalogue, "cnn", pictures, {"seed": range(seeds)}, values)


def ends(events: Any) -> list[CellEvent]:
    return [event for event in events if event.state not in ("started", "running")]


@pytest.fixture(params=["local", "ray"])
def executor(request: pytest.FixtureRequest, engine: Engine, nodes: Any) -> Executor:
    return Local(engine, 2) if request.param == "local" else Cluster(workers=2)


def test_executor_does_every_cell_once(executor: Executor, engine: Engine, tmp_path: Path) -> None:
    """A broken picture is a row, pixels are those of a plain run, and a second start skips all."""
    out = tmp_path / "out"
    found = ends(run_grid(grid(engine, tmp_path), engine, folder=out, executor=executor))
    assert Counter(event.state for event in found) == {"done": 6, "failed": 3}
    assert {event.cell.number for event in found} == set(range(9))
    assert all("broken" in str(event.error) for event in found if event.state == "failed")
    plain = ends(run_grid(grid(engine, tmp_path), engine, folder=tmp_path / "plain"))
    for event in plain:
        if event.path:
            other = out / event.path.name
            assert (image.read(event.path).pixels == image.read(other).pixels).all()
    again = ends(run_grid(grid(engine, tmp_path), engine, folder=out, executor=executor))
    assert Counter(event.state for event in again) == {"skipped": 6, "failed": 3}


def test_executor_stops(executor: Executor, engine: Engine, tmp_path: Path) -> None:
    cancel, found = threading.Event(), []
    many = grid(engine, tmp_path, seeds=200)
    for event in run_grid(many, engine, folder=tmp_path / "o", executor=executor, cancel=cancel):
        found.append(event)
        if len(ends(found)) == 4:
            cancel.set()
    assert 4 <= len(ends(found)) < 20


def test_dead_worker_is_replaced(
    engine: Engine, nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt of one cell kills its process, as running out of memory does."""
    mark = tmp_path / "died"
    monkeypatch.setattr("styleplug.engine.executors.cluster.Worker", dying(mark))
    found = ends(
        run_grid(grid(engine, tmp_path), engine, folder=tmp_path / "o", executor=Cluster(workers=1))
    )
    assert mark.exists()
    assert Counter(event.state for event in found) == {"done": 6, "failed": 3}


def dying(mark: Path) -> type[Worker]:
    class Dying(Worker):
        def make(self, job: Any) -> Any:
            if job.number == 1 and not mark.exists():
                mark.touch()
                os._exit(1)
            return super().make(job)

    return Dying


def test_removed_node_loses_no_cell(engine: Engine, nodes: Any, tmp_path: Path) -> None:
    extra = nodes.add_node(num_cpus=1)
    found = []
    many = grid(engine, tmp_path, seeds=12)
    for event in run_grid(many, engine, folder=tmp_path / "o", executor=Cluster(workers=3)):
        found.append(event)
        if extra is not None and len(ends(found)) == 10:
            nodes.remove_node(extra)
            extra = None
    numbers = Counter(event.cell.number for event in ends(found))
    assert set(numbers.values()) == {1} and len(numbers) == 36


def test_actors_leave_a_processor_free(nodes: Any) -> None:
    total = int(ray.cluster_resources()["CPU"])
    assert Cluster(workers=99)._count(ray) == max(1, total - 1)


def test_pixels_do_not_travel(engine: Engine, nodes: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes and writes files"):
        ends(run_grid(grid(engine, tmp_path), engine, executor=Cluster(workers=1)))
    assert isinstance(executor_of("ray", engine), Cluster)
