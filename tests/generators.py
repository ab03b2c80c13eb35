"""What the tests of generators share: functions of nets, data for training, and one step of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from conftest import make_photo

import styleplug
from styleplug.training import load_task
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.task import Datasets


class Function:
    """A function of a net, as a backend would give it."""

    def __init__(self, module, classes=()):
        self.module = module
        self.spec = SimpleNamespace(noises=module.noises, classes=classes)

    def __call__(self, **arrays):
        found = self.module(*(torch.from_numpy(arrays[name]) for name in self.module.inputs))
        return {n: v.numpy() for n, v in zip(self.module.outputs, found, strict=True)}


def few_pictures():
    """The same nine pictures of two classes, for all that a task asks for."""
    torch.set_num_threads(1)
    arrays = [(make_photo(90, 80, seed).pixels * 255).astype(np.uint8) for seed in range(9)]
    pictures = Pictures.of(arrays, ["sea"] * 6 + ["forest"] * 3)
    return Datasets(pictures, pictures, pictures, pictures)


def taught(arch, datasets, **values):
    """The training task of an architecture."""
    torch.manual_seed(0)
    spec = load_task(arch)
    params = spec.params.of({"batch": 4, **values})
    return spec.factory(datasets, params, torch.device("cpu"), 1)


def step(task, number=1, seed=0):
    """One step of each optimiser; the losses by what they train."""
    torch.manual_seed(seed)
    found = {}
    nets = {"net": task.net, **task.discriminators}
    for loss in task.losses(number, 0.0, np.random.default_rng(seed)):
        net = nets[loss.trains]
        optimiser = torch.optim.Adam(net.parameters(), 1e-4, task.betas)
        for other in nets.values():
            other.zero_grad()
        loss.total().backward()
        moved = {n: any(p.grad is not None for p in v.parameters()) for n, v in nets.items()}
        assert moved == {n: n == loss.trains for n in nets}
        optimiser.step()
        found[loss.trains] = {name: float(term.detach()) for name, term in loss.terms.items()}
    return found


def made(arch, **parameters):
    """Pictures of the embedded weights (n h w 3)."""
    given = {"seed": 7, "count": 4, "size": 64, "backend": "onnx", **parameters}
    *_, last = styleplug.run(arch, **given)
    return np.stack(last.images)


def check_count_keeps_pictures(run, name):
    """A larger count keeps the first pictures; pictures differ, and so do those of seeds."""
    few, more, other = run(name), run(name, count=3), run(name, seed=1)
    np.testing.assert_allclose(more[:2], few, atol=1e-5)
    assert few.min() >= 0 and few.max() <= 1
    assert all(np.abs(a - b).mean() > 0.02 for a, b in ((few[0], few[1]), (few, other)))


def check_position_interpolates(run, name):
    """Position 0 gives the pictures of one seed, 1 those of the other, 0.5 others between."""
    near, middle, far = (run(name, seed=3, walk_to=5, position=p) for p in (0, 0.5, 1))
    np.testing.assert_allclose(near, run(name, seed=3), atol=1e-5)
    np.testing.assert_allclose(far, run(name, seed=5), atol=1e-4)
    apart = np.abs(near - far).mean()
    assert 0.1 * apart < np.abs(middle - near).mean() < 1.2 * apart
