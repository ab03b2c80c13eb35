"""A training task that takes no time, and a run of it to be killed.

python tests/tiny_task.py DATA OUT STEPS [--resume]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from styleplug.core.params import Params, field
from styleplug.training.task import Lesson, Loss, Materials, Task


class TinyTraining(Params):
    """What decides a run."""

    size: int = field(16, ge=8, le=64, label="Crop", help="Side of crops.", zh=("裁剪", "边长。"))
    wild: bool = field(False, label="Wild", help="Be wild.", zh=("狂", "狂。"))


class TinyLesson(Lesson):
    """Give a picture back blurred; a critic learns to tell, and noise comes from torch."""

    def __init__(self, materials: Materials, params: TinyTraining, device: torch.device, seed: int):
        self.materials, self.params, self.device = materials, params, device
        self.net = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)).to(device)
        self.critics = {"critic": nn.Conv2d(3, 1, 3).to(device)}
        self.held = materials.held_pictures.batch(4, params.size, seed, 1).to(device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        batch = torch.stack([self.materials.pictures.crop(self.params.size, rng) for _ in range(2)])
        batch = batch.to(self.device)
        out = self.net(batch + 0.01 * torch.randn_like(batch))
        judge = self.critics["critic"]
        yield Loss({"critic": (judge(out.detach()) - judge(batch)).mean()}, trains="critic")
        yield Loss({"error": (out - batch).square().mean(), "fooled": -0.01 * judge(out).mean()})

    def score(self, net: nn.Module) -> dict[str, float]:
        return {"error": float((net(self.held) - self.held).square().mean()), "other": 1.0}

    def sample(self, net: nn.Module) -> np.ndarray:
        return torch.cat(list(net(self.held)), 2).permute(1, 2, 0).cpu().numpy()


TINY = Task(
    id="tiny",
    title="Tiny",
    summary="Learns next to nothing.",
    zh=("小", "几乎什么也不学。"),
    params=TinyTraining,
    lesson=TinyLesson,
)


def main() -> None:
    from styleplug.training.loop import train
    from styleplug.training.setup import Setup

    torch.set_num_threads(1)
    data, out, steps = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if "--resume" in sys.argv:
        setup = Setup.resumed(TINY, out)
    else:
        options = {"steps": steps, "save_every": 5, "samples_every": 7, "device": "cpu"}
        setup = Setup.of(TINY, data=[data], out=out, options=options)
    for progress in train(setup):
        sys.stdout.write(f"{progress.step} {progress.note}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
