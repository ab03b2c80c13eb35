"""A training task that takes no time, and a run of it to be killed.

python tests/tiny_task.py DATA OUT PAUSE

It trains for STEPS steps, and after PAUSE of them waits for ever.  With "shared" for PAUSE it never
waits, and may be one of two processes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from styleplug.core.params import Params, field
from styleplug.training.loop import train
from styleplug.training.loop.setup import Setup
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask

STEPS = 20


class TinyParams(Params):
    """What decides a run."""

    size: int = field(16, ge=8, le=64, label="Crop", help="Side of crops.")
    sick: str = field("", label="Sick", help="What fails at step 8.")


class TinyTask(TrainingTask):
    """Give a noisy picture back; a critic learns to tell, and the noise comes from torch."""

    classes = ("forest", "sea")

    def __init__(self, datasets: Datasets, params: TinyParams, device: torch.device, seed: int):
        self.datasets, self.params, self.device = datasets, params, device
        self.net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
        self.net.to(device, memory_format=torch.channels_last)
        self.discriminators = {"critic": nn.Conv2d(3, 1, 3).to(device)}
        self.held = datasets.held_out_pictures.batch(4, params.size, seed, 1).to(device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        batch = torch.stack([self.datasets.pictures.crop(self.params.size, rng) for _ in range(2)])
        batch = batch.to(self.device)
        out = self.net(batch + 0.01 * torch.randn_like(batch))
        judge = self.discriminators["critic"]
        yield Loss({"critic": (judge(out.detach()) - judge(batch)).mean()}, trains="critic")
        error = (out - batch).square().mean()
        if step == 7 and self.params.sick == "loss":
            error = error * float("nan")
        if step == 7 and self.params.sick == "gradient":  # of a root at 0: infinite
            error = error + (error * 0).sqrt()
        yield Loss({"error": error, "fooled": -0.01 * judge(out).mean()})

    def score(self, net: nn.Module) -> dict[str, float]:
        return {"error": float((net(self.held) - self.held).square().mean()), "other": 1.0}

    def sample(self, net: nn.Module) -> np.ndarray:
        return torch.cat(list(net(self.held)), 2).permute(1, 2, 0).cpu().numpy()


TINY = TaskSpec(
    id="tiny",
    title="Tiny",
    summary="Learns next to nothing.",
    params=TinyParams,
    factory=TinyTask,
)


class SharedTask(TinyTask):
    """The same batches in each process; of the losses one has twice as much, the other nothing."""

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        share = {"0": 2.0, "1": 0.0}.get(os.environ.get("RANK", ""), 1.0)
        torch.manual_seed(step)
        for loss in super().losses(step, progress, np.random.default_rng(step)):
            yield replace(loss, terms={key: share * term for key, term in loss.terms.items()})


SHARED = replace(TINY, factory=SharedTask)


def tiny(data: Path, out: Path, task: TaskSpec = TINY, **options: object) -> Setup:
    """A short run."""
    common = {"steps": STEPS, "save_every": 5, "samples_every": 1000, "device": "cpu"}
    return Setup.of(task, data=[data], out=out, options={**common, **options})


def main() -> None:
    torch.set_num_threads(1)
    task = SHARED if sys.argv[3] == "shared" else TINY
    for progress in train(tiny(Path(sys.argv[1]), Path(sys.argv[2]), task)):
        sys.stdout.write(f"{progress.step}\n")
        sys.stdout.flush()
        if str(progress.step) == sys.argv[3]:
            time.sleep(600)


if __name__ == "__main__":
    main()
