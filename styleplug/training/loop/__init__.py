"""The loop that all tasks are trained by: descend, average, judge, save; and go on after a kill.

Adam with a warm-up, a constant rate and a linear fall over the last fifth; gradients are clipped;
what is judged and saved is an exponential moving average of the weights.  All chance follows from
the seed and the number of the step, so that a run that was killed and resumed ends, on a
processor, with the same weights bit for bit.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from threading import Event

import numpy as np
import torch
from torch import nn

from styleplug.core.errors import Cancelled, OutputError, StyleplugError
from styleplug.system.jsontext import to_json
from styleplug.training.loop.checkpoint import load_checkpoint, save_checkpoint
from styleplug.training.loop.device import Hardware, alone, hardware_of, memory
from styleplug.training.loop.folder import BEST, LAST, Folder
from styleplug.training.loop.gather import Gathered, gather
from styleplug.training.loop.progress import Progress, Report, written
from styleplug.training.loop.setup import Setup
from styleplug.training.loop.task import Loss

WARM_UP = 200  # steps
FALL = 1 / 5  # of the run
LOG_EVERY = 50  # steps; and at each checkpoint


def train(setup: Setup, cancel: Event | None = None) -> Iterator[Progress]:
    """Train, or go on training; the last Progress has a report, and so has the folder.

    Yields after every step; of several processes only the main one yields.  To stop, set `cancel`
    (or close the generator): checkpoint, last and best weights are then written.

    Raises:
        UsageError: bad folders, a run in the folder already, a device that is not there.
        Cancelled: stopped before the first step.
        OutputError: disk full …; earlier files are kept.
        OutOfMemory: the batch or the crops are too large.
        StyleplugError: a loss is no longer finite; the last checkpoint is kept.
    """
    cancel = cancel or Event()
    with alone(), hardware_of(setup.loop) as hardware:
        folder = Folder(setup, writes=hardware.main)
        with folder.opened(), closing(_run(setup, hardware, folder, cancel)) as run:
            for progress in run:
                if hardware.main:
                    yield progress


def _run(setup: Setup, hardware: Hardware, folder: Folder, cancel: Event) -> Generator[Progress]:
    """Read, prepare and train."""
    gathered = yield from gather(setup, cancel)
    yield Progress(note="preparing", warnings=gathered.warnings)
    with memory():
        run = Run(setup, gathered, hardware, folder)
    if run.step:
        yield run.tell(run.seconds(), f"going on from step {run.step}")
    try:
        yield from run.steps(cancel)
    except GeneratorExit:
        if hardware.processes == 1:  # others would have to be told
            run.save()
        raise
    except OutputError as error:
        raise folder.kept(error, run.saved) from error


class Run:
    """A training run: everything that changes.

    Attributes:
        step: steps done.
        saved: step of the newest checkpoint.
    """

    def __init__(self, setup: Setup, gathered: Gathered, hardware: Hardware, folder: Folder):
        self.setup, self.loop, self.gathered = setup, setup.loop, gathered
        self.hardware, self.folder = hardware, folder
        torch.manual_seed(self.loop.seed)
        self.lesson = setup.task.lesson(
            gathered.materials, setup.params, hardware.device, self.loop.seed
        )
        self.nets = {"net": self.lesson.net, **self.lesson.critics}
        self.optimisers = {
            name: torch.optim.Adam(_trained(net), self.loop.rate, self.lesson.betas)
            for name, net in self.nets.items()
        }
        self.average = copy.deepcopy(self.lesson.net).requires_grad_(False).eval()
        self.step = self.saved = self.best_step = 0
        self.best: dict[str, float] = {}
        self.scores: dict[str, float] = {}
        self.sums: dict[str, list[float]] = {}  # losses since the last entry of the log
        self.logged: dict[str, float] = {}  # that entry's
        before = self._restore() if setup.resume and folder.checkpoint.exists() else 0.0
        folder.begin(self.step)
        self.began = time.monotonic() - before
        self.from_here = self.share(before), before

    def _restore(self) -> float:
        """Take up the checkpoint; the seconds that it took to get there."""
        nets = {**self.nets, "average": self.average}
        state, facts = load_checkpoint(self.folder.checkpoint, nets, self.optimisers)
        self.lesson.restore(state)
        self.step = self.saved = int(facts["step"])
        self.best_step = int(facts["best_step"])
        self.best, self.scores = (_scores(facts[name]) for name in ("best", "scores"))
        return float(facts["seconds"])

    def share(self, seconds: float) -> float:
        """Share of the run that is done, by steps or by time, whichever is more."""
        by_steps = self.step / self.loop.steps if self.loop.steps else 0.0
        by_time = seconds / self.loop.seconds if self.loop.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    def seconds(self) -> float:
        """Time spent training, over all resumed parts; all processes agree on it."""
        return self.hardware.agreed(time.monotonic() - self.began)

    def steps(self, cancel: Event) -> Iterator[Progress]:
        """Train to the end, or until told to stop."""
        stopped = False
        while (share := self.share(self.seconds())) < 1:
            if stopped := bool(self.hardware.agreed(cancel.is_set())):
                break
            with memory():
                self._descend_all(share)
                note = self._keep()
            yield self.tell(self.seconds(), note)
        if not self.step:
            raise Cancelled("stopped before the first step; nothing was trained")
        with memory():
            self.save()
            self._show()
        yield self._end(stopped)

    def _descend_all(self, share: float) -> None:
        """One step: every loss that the lesson yields."""
        rate = self.loop.rate * factor(self.step, share)
        chance = (self.loop.seed, self.hardware.rank, self.step)
        rng = np.random.default_rng(chance)
        # Lessons take chance from `rng`; layers such as dropout can only take it from torch.
        torch.manual_seed(int(np.random.default_rng((*chance, 1)).integers(2**63)))
        losses = iter(self.lesson.losses(self.step, share, rng))
        while True:
            with self.hardware.autocast():
                loss = next(losses, None)
            if loss is None:
                break
            self._descend(loss, rate)
        self._follow()
        self.step += 1

    def _descend(self, loss: Loss, rate: float) -> None:
        """One step of one optimiser, at a rate that the lesson's own factor is applied to."""
        optimiser = self.optimisers[loss.trains]
        parameters = _trained(self.nets[loss.trains])
        values = torch.stack([term.detach().float() for term in loss.terms.values()])
        found = dict(zip(loss.terms, self.hardware.mean(values).tolist(), strict=True))
        for name, value in found.items():
            if not math.isfinite(value):
                raise self._diverged(f"the loss {name!r} became {value}")
            self.sums.setdefault(name, []).append(value)
        optimiser.zero_grad()
        loss.total().backward()
        self.hardware.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.lesson.clip)
        if not math.isfinite(norm):
            raise self._diverged(f"the gradient of {', '.join(found)} became {float(norm)}")
        for group in optimiser.param_groups:
            group["lr"] = rate * self.lesson.rates.get(loss.trains, 1.0)
            group["betas"] = self.lesson.betas
        optimiser.step()

    def _diverged(self, what: str) -> StyleplugError:
        """The error of a loss that is no number."""
        kept = (
            f"The checkpoint of step {self.saved} and the weights in {self.folder.path} are kept: "
            f"go on from there at a lower rate (--resume --rate {self.loop.rate / 3:.1g})"
            if self.saved
            else f"No checkpoint was written yet: begin again, in another folder than "
            f"{self.folder.path}, at a lower rate (--rate {self.loop.rate / 3:.1g})"
        )
        return StyleplugError(f"{what} at step {self.step + 1}; training stopped. {kept}")

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the average follow the net."""
        decay = min(self.lesson.decay, (1 + self.step) / (10 + self.step))
        means, values = (list(net.parameters()) for net in (self.average, self.lesson.net))
        torch._foreach_lerp_(means, values, 1 - decay)  # all at once: a card waits for no loop
        buffers = self.average.buffers(), self.lesson.net.buffers()
        for kept, now in zip(*buffers, strict=True):
            kept.copy_(now)

    def _keep(self) -> str:
        """Save, show and log where it is time to; a word on what was done."""
        saving, showing = self.step % self.loop.save_every, self.step % self.loop.samples_every
        if saving == 0:
            self.save()
        elif self.step % LOG_EVERY == 0:
            self._log({})
        if showing == 0:
            self._show()
        return "training" if saving else f"saved, {written(self.scores)}"

    def save(self) -> None:
        """Judge; write weights, log and, last of all, the checkpoint that vouches for them.

        Of a step that was saved already only the checkpoint is written again: time went on.
        """
        if self.saved != self.step:
            self._judge()
        seconds = self.seconds()
        if self.folder.writes:
            facts = {
                "step": str(self.step),
                "seconds": repr(seconds),
                "scores": to_json(self.scores),
                "best": to_json(self.best),
                "best_step": str(self.best_step),
            }
            nets = {**self.nets, "average": self.average}
            state = self.lesson.state()
            save_checkpoint(self.folder.checkpoint, nets, self.optimisers, state, facts)
        self.saved = self.step

    def _judge(self) -> None:
        """Score the average; write it, as the best where it is, and what was found."""
        with torch.no_grad():
            torch.manual_seed(self.loop.seed)
            self.scores = {k: float(v) for k, v in self.lesson.score(self.average).items()}
        self.folder.weights(LAST, self.average, self.step, self.lesson.classes)
        best = _first(self.best)
        if _first(self.scores) < best or best == math.inf:  # of no numbers the newest
            self.best, self.best_step = self.scores, self.step
            self.folder.weights(BEST, self.average, self.step, self.lesson.classes)
        self._log(self.scores)

    def _log(self, scores: dict[str, float]) -> None:
        entry = {
            "step": self.step,
            "seconds": round(self.seconds(), 1),
            "losses": {name: round(value, 6) for name, value in self.losses().items()},
        }
        self.folder.log(entry | ({"scores": scores} if scores else {}))
        self.logged, self.sums = self.losses() or self.logged, {}

    def losses(self) -> dict[str, float]:
        """By name, averaged since the last entry of the log."""
        return {name: sum(values) / len(values) for name, values in self.sums.items()}

    def _show(self) -> None:
        """Write a sheet of samples and the curve."""
        with torch.no_grad():
            torch.manual_seed(self.loop.seed)
            self.folder.show(self.step, self.lesson.sample(self.average))

    def tell(self, seconds: float, note: str) -> Progress:
        """Where the run is."""
        share = self.share(seconds)
        at, then = self.from_here
        pace = (seconds - then) / (share - at) if share > at else None
        return Progress(
            step=self.step,
            steps=self.loop.steps or None,
            share=share,
            seconds=seconds,
            remaining=None if pace is None else (1 - share) * pace,
            losses=self.losses() or self.logged,
            scores=self.scores,
            sample=self.folder.sample,
            note=note,
        )

    def _end(self, stopped: bool) -> Progress:
        """The last Progress, with the report that the folder gets as well."""
        materials = self.gathered.materials
        own_styles = materials.styles is not materials.pictures
        held = [materials.held_pictures, *([materials.held_styles] if own_styles else [])]
        seconds = self.seconds()
        report = Report(
            task=self.setup.task.id,
            command=self.setup.command(),
            step=self.step,
            seconds=round(seconds, 1),
            stopped=stopped,
            best_step=self.best_step,
            best=self.best,
            last=self.scores,
            pictures=len(materials.pictures),
            styles=len(materials.styles) if own_styles else 0,
            held_out=sum(map(len, held)),
            skipped=self.gathered.skipped,
            device=str(self.hardware.device),
        )
        self.folder.report(report)
        return replace(self.tell(seconds, "stopped" if stopped else "done"), report=report)


def factor(step: int, share: float) -> float:
    """What the learning rate is multiplied by: up, level, and down to nothing at the end.

    >>> factor(0, 0.0), factor(500, 0.5), round(factor(900, 0.9), 6)
    (0.005, 1.0, 0.5)
    """
    return min(1.0, (step + 1) / WARM_UP, max((1 - share) / FALL, 1e-3))


def _scores(text: str) -> dict[str, float]:
    """Scores as a checkpoint has them, where null is no number."""
    return {k: math.nan if value is None else value for k, value in json.loads(text).items()}


def _first(scores: Mapping[str, float]) -> float:
    """The score that decides; infinite where it is no number, so that any other is better."""
    first = next(iter(scores.values()), math.inf)
    return first if math.isfinite(first) else math.inf


def _trained(net: nn.Module) -> list[nn.Parameter]:
    """What an optimiser moves."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]
