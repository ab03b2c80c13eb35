"""What the system lets a process use, and who respects it."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import torch

from styleplug.backends import onnx_backend, torch_backend
from styleplug.backends.choose import choose
from styleplug.backends.torch_backend import _TorchNet
from styleplug.core.backend import NetSpec
from styleplug.core.errors import OutOfMemory
from styleplug.core.weight import WeightFile
from styleplug.engine import memory
from styleplug.imaging import Picture, write
from styleplug.methods import catalogue
from styleplug.store import Store
from styleplug.system import machine
from styleplug.training.data import pictures
from styleplug.training.loop.device import hardware_of
from styleplug.training.loop.setup import Loop

MEMORY = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


@pytest.fixture(params=[1, 2])
def groups(request, tmp_path):
    """The version of control groups, folders of two of them, and the list of a process."""
    version = request.param
    own = tmp_path / "own"
    own.write_text("0::/a/b\n" if version == 2 else "3:cpu,cpuacct:/a/b\n4:memory:/a/b\n")
    tops = {name: tmp_path if version == 2 else tmp_path / name for name in ("cpu", "memory")}
    for top in tops.values():
        (top / "a" / "b").mkdir(parents=True, exist_ok=True)
    return version, tops, own


def allow(groups, group: str, processors: float) -> None:
    """Set a quota of time; 0 for none."""
    version, tops, _ = groups
    quota = int(100_000 * processors)
    if version == 2:
        (tops["cpu"] / group / "cpu.max").write_text(f"{quota or 'max'} 100000\n")
    else:
        (tops["cpu"] / group / "cpu.cfs_quota_us").write_text(f"{quota or -1}\n")
        (tops["cpu"] / group / "cpu.cfs_period_us").write_text("100000\n")


def test_processors_tightest_quota_counts(groups, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(32), raising=False)
    own = groups[2]
    assert machine.processors(tmp_path, own) == 32
    allow(groups, "a", 2.5)
    allow(groups, "a/b", 0)
    assert machine.processors(tmp_path, own) == 3
    allow(groups, "a/b", 0.5)
    assert machine.processors(tmp_path, own) == 1
    assert machine.processors(tmp_path, tmp_path / "absent") == 32


@pytest.mark.parametrize(
    ("said", "allowed"), [("2", 2), ("3,1", 3), ("64", 6), ("0", 1), ("many", 6), ("", 6)]
)
def test_processors_affinity_and_environment_count(said, allowed, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert machine.processors(tmp_path, tmp_path / "absent") == allowed


def test_memory_tightest_limit_counts(groups, tmp_path):
    version, tops, own = groups
    limit, usage, cache = MEMORY[version]
    outer = tops["memory"] / "a"
    for folder, most in ((outer / "b", "max"), (outer, 100 * 2**20)):
        (folder / limit).write_text(f"{most}\n")
        (folder / usage).write_text(f"{70 * 2**20}\n")
        (folder / "memory.stat").write_text(f"anon 1\n{cache} {10 * 2**20}\n")
    assert machine.cgroup_room_mb(tmp_path, own) == 40
    assert machine.cgroup_limit_mb(tmp_path, own) == 100
    (outer / limit).write_text("max\n")
    for nothing in (own, tmp_path / "absent"):
        assert machine.cgroup_room_mb(tmp_path, nothing) == np.inf
        assert machine.cgroup_limit_mb(tmp_path, nothing) == np.inf


@pytest.mark.parametrize(("has", "gets"), [(32, 2), (1, 1)])  # 1: a host program's choice
def test_threads_given_to_every_library(has, gets, monkeypatch):
    taken = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: has)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    for module in (torch_backend, onnx_backend):
        monkeypatch.setattr(module, "processors", lambda: 2)
    torch_backend.TorchBackend("cpu")
    with hardware_of(Loop(device="cpu")):
        pass
    assert taken == [gets, gets]
    assert onnx_backend._options().intra_op_num_threads == 2


def test_training_pictures_within_cgroup_limit(tmp_path, monkeypatch):
    budgets = []
    monkeypatch.setattr(machine, "cgroup_limit_mb", lambda: 100.0)
    monkeypatch.setattr(pictures, "_memory_limits", lambda _, most: budgets.append(most) or (64, 1))
    write(Picture(np.zeros((20, 20, 3), np.float32)), tmp_path / "a.png")
    pictures.Pictures([tmp_path])
    assert budgets == [20 * 2**20]


# What backends do


def torch_net(act):
    """A net that does what a test says."""

    class Acting(torch.nn.Module):
        def forward(self, x):
            act()
            return x

    weights = WeightFile("any", Path("x"), "", "test")
    return _TorchNet(
        Acting(), NetSpec("any", "f", {"x": (1, 3, "h", "w")}, ("y",), "cpu", weights), "cpu"
    )


def test_cudnn_deterministic_until_last_net_done():
    """cuDNN's flags are those of the process: who is done first must not reset them for others."""
    cudnn, x = torch.backends.cudnn, np.zeros((1, 3, 2, 2), np.float32)
    first_began, second_began, first_done = Event(), Event(), Event()
    seen = []

    def first():
        first_began.set()
        assert second_began.wait(10)

    def second():
        second_began.set()
        assert first_done.wait(10)
        seen.append(cudnn.deterministic)

    def run_second():
        assert first_began.wait(10)
        torch_net(second)(x=x)

    before = cudnn.deterministic
    other = Thread(target=run_second)
    other.start()
    torch_net(first)(x=x)
    first_done.set()
    other.join(10)
    assert seen == [True] and cudnn.deterministic is before


def test_out_of_memory_of_weights_is_not_sized(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(OutOfMemory, match="graphics card") as raised:
        torch_net(lambda: None)
    assert not raised.value.sized


def test_onnx_release_returns_memory():
    """What a large picture took stays with the process until `release`, and no longer."""
    backend = choose("onnx", "cpu")
    net = backend.load(Store().file(catalogue().get("cnn").weights["painter"]), "measure")
    backend.release()
    memory.release()
    before = machine.used_mb()
    net(picture=np.zeros((1, 3, 768, 768), np.float32))
    held = machine.used_mb() - before
    backend.release()
    memory.release()
    assert held > 20 and machine.used_mb() - before < held / 4
