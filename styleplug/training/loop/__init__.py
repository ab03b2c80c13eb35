"""The training loop of all tasks: optimise, average, score, save, and resume after a kill.

The optimiser is Adam.  The learning rate warms up, stays constant, and decays linearly to zero in
the last fifth of the run.  Gradients are clipped.  The weights that are scored and saved are an
exponential moving average.  All randomness depends on the seed and the step only.  So, on a CPU, a
run that was killed and resumed ends with exactly the same weights.
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
from styleplug.training.loop.datasets import LoadedDatasets, load_datasets
from styleplug.training.loop.device import Hardware, alone, hardware_of, memory
from styleplug.training.loop.folder import BEST, LAST, Folder
from styleplug.training.loop.progress import Progress, Report, format_values
from styleplug.training.loop.setup import Setup
from styleplug.training.loop.task import Loss

WARM_UP_STEPS = 200  # steps
DECAY_SHARE = 1 / 5  # of the run
LOG_EVERY = 50  # steps; also at each checkpoint
FIRST_SAMPLE = 5.0  # seconds of training until the first samples, if they are not due before


def train(setup: Setup, cancel: Event | None = None) -> Iterator[Progress]:
    """Start or resume a training run.  The last `Progress` has a report, as has the folder.

    Yields after every step.  With several processes only the main one yields.  To stop the run, set
    `cancel` or close the generator: the checkpoint and the last and best weights are then written.

    Raises:
        UsageError: bad folders, the folder already holds a run, or the device is missing.
        Cancelled: stopped before the first step.
        OutputError: a file could not be written (full disk …); earlier files are kept.
        OutOfMemory: the batch or the crops are too large.
        StyleplugError: a loss is not finite; the last checkpoint is kept.
    """
    cancel = cancel or Event()
    with alone(), hardware_of(setup.loop) as hardware:
        folder = Folder(setup, writes=hardware.main)
        with folder.opened(), closing(_run(setup, hardware, folder, cancel)) as run:
            for progress in run:
                if hardware.main:
                    yield progress


def _run(setup: Setup, hardware: Hardware, folder: Folder, cancel: Event) -> Generator[Progress]:
    """Load the datasets, then train."""
    loaded = yield from load_datasets(setup, cancel)
    yield Progress(note="preparing", warnings=loaded.warnings)
    with memory():
        run = Run(setup, loaded, hardware, folder)
    if run.step:
        yield run.progress(run.seconds(), f"resumed at step {run.step}")
    try:
        yield from run.steps(cancel)
    except GeneratorExit:
        if hardware.processes == 1:  # all processes would have to save
            run.save()
        raise
    except OutputError as error:
        raise folder.with_kept_files(error, run.saved) from error


class Run:
    """The changing state of a training run.

    Attributes:
        step: finished steps.
        saved: step of the newest checkpoint.
    """

    def __init__(self, setup: Setup, loaded: LoadedDatasets, hardware: Hardware, folder: Folder):
        self.setup, self.loop, self.loaded = setup, setup.loop, loaded
        self.hardware, self.folder = hardware, folder
        torch.manual_seed(self.loop.seed)
        self.task = setup.task.factory(
            loaded.datasets, setup.params, hardware.device, self.loop.seed
        )
        self.nets = {"net": self.task.net, **self.task.discriminators}
        self.optimisers = {
            name: torch.optim.Adam(_trainable(net), self.loop.rate, self.task.betas)
            for name, net in self.nets.items()
        }
        self.ema = copy.deepcopy(self.task.net).requires_grad_(False).eval()
        self.step = self.saved = self.best_step = 0
        self.best: dict[str, float] = {}
        self.scores: dict[str, float] = {}
        self.shown = False  # whether there are samples of this part of the run
        self.sums: dict[str, list[float]] = {}  # losses since the last log entry
        self.logged: dict[str, float] = {}  # the losses of that entry
        seconds_before = self._restore() if setup.resume and folder.checkpoint.exists() else 0.0
        folder.begin(self.step)
        self.started = time.monotonic() - seconds_before
        self.resumed_at = self.share(seconds_before), seconds_before

    def _restore(self) -> float:
        """Load the checkpoint; return the seconds of training before it."""
        nets = {**self.nets, "average": self.ema}
        state, facts = load_checkpoint(self.folder.checkpoint, nets, self.optimisers)
        self.task.restore(state)
        self.step = self.saved = int(facts["step"])
        self.best_step = int(facts["best_step"])
        self.best, self.scores = (_scores(facts[name]) for name in ("best", "scores"))
        return float(facts["seconds"])

    def share(self, seconds: float) -> float:
        """Finished share of the run, by steps or by time, whichever is larger."""
        by_steps = self.step / self.loop.steps if self.loop.steps else 0.0
        by_time = seconds / self.loop.seconds if self.loop.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    def seconds(self) -> float:
        """Training time over all resumed parts, the same in all processes."""
        return self.hardware.agreed(time.monotonic() - self.started)

    def steps(self, cancel: Event) -> Iterator[Progress]:
        """Train until the end, or until `cancel` is set."""
        stopped = False
        while (share := self.share(self.seconds())) < 1:
            if stopped := bool(self.hardware.agreed(cancel.is_set())):
                break
            with memory():
                self._train_step(share)
                note = self._save_if_due()
            yield self.progress(self.seconds(), note)
        if not self.step:
            raise Cancelled("stopped before the first step; nothing was trained")
        with memory():
            self.save()
            self._write_sample()
        yield self._last_progress(stopped)

    def _train_step(self, share: float) -> None:
        """Optimise every loss of one step."""
        rate = self.loop.rate * lr_schedule(self.step, share)
        seed = (self.loop.seed, self.hardware.rank, self.step)
        rng = np.random.default_rng(seed)
        # Tasks draw from `rng`; layers such as dropout can only draw from torch.
        torch.manual_seed(int(np.random.default_rng((*seed, 1)).integers(2**63)))
        losses = iter(self.task.losses(self.step, share, rng))
        while True:
            with self.hardware.autocast():
                loss = next(losses, None)
            if loss is None:
                break
            self._optimise(loss, rate)
        self._update_ema()
        self.step += 1

    def _optimise(self, loss: Loss, rate: float) -> None:
        """One step of one optimiser, at the rate times the factor of the task."""
        optimiser = self.optimisers[loss.trains]
        parameters = _trainable(self.nets[loss.trains])
        values = torch.stack([term.detach().float() for term in loss.terms.values()])
        named = dict(zip(loss.terms, self.hardware.mean(values).tolist(), strict=True))
        for name, value in named.items():
            if not math.isfinite(value):
                raise self._diverged(f"the loss {name!r} became {value}")
            self.sums.setdefault(name, []).append(value)
        optimiser.zero_grad()
        torch.autograd.backward(loss.total())
        self.hardware.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.task.max_grad_norm)
        if not math.isfinite(norm):
            raise self._diverged(f"the gradient of {', '.join(named)} became {float(norm)}")
        for group in optimiser.param_groups:
            group["lr"] = rate * self.task.rate_factors.get(loss.trains, 1.0)
            group["betas"] = self.task.betas
        optimiser.step()

    def _diverged(self, what: str) -> StyleplugError:
        """The error of a loss or gradient that is not finite."""
        advice = (
            f"The checkpoint of step {self.saved} and the weights in {self.folder.path} are kept: "
            f"resume from there at a lower rate (--resume --rate {self.loop.rate / 3:.1g})"
            if self.saved
            else f"No checkpoint was written yet: start again, in another folder than "
            f"{self.folder.path}, at a lower rate (--rate {self.loop.rate / 3:.1g})"
        )
        return StyleplugError(f"{what} at step {self.step + 1}; training stopped. {advice}")

    @torch.no_grad()
    def _update_ema(self) -> None:
        """Update the moving average with the weights of this step."""
        decay = min(self.task.ema_decay, (1 + self.step) / (10 + self.step))
        means, values = (list(net.parameters()) for net in (self.ema, self.task.net))
        torch._foreach_lerp_(means, values, 1 - decay)  # in one call: no loop on the GPU
        buffers = self.ema.buffers(), self.task.net.buffers()
        for averaged, current in zip(*buffers, strict=True):
            averaged.copy_(current)

    def _save_if_due(self) -> str:
        """Save, write samples and log where it is time; return a note."""
        to_save, to_sample = self.step % self.loop.save_every, self.step % self.loop.samples_every
        if to_save == 0:
            self.save()
        elif self.step % LOG_EVERY == 0:
            self._log({})
        soon = not self.shown and self.seconds() >= FIRST_SAMPLE
        if to_sample == 0 or soon:
            self._write_sample()
        return "training" if to_save else f"saved, {format_values(self.scores)}"

    def save(self) -> None:
        """Score; write weights and log, and the checkpoint last: it proves that they are complete.

        If this step is already saved, only the checkpoint is written again, with the new time.
        """
        if self.saved != self.step:
            self._evaluate()
        seconds = self.seconds()
        if self.folder.writes:
            facts = {
                "step": str(self.step),
                "seconds": repr(seconds),
                "scores": to_json(self.scores),
                "best": to_json(self.best),
                "best_step": str(self.best_step),
            }
            nets = {**self.nets, "average": self.ema}
            state = self.task.state()
            save_checkpoint(self.folder.checkpoint, nets, self.optimisers, state, facts)
        self.saved = self.step

    def _evaluate(self) -> None:
        """Score the averaged weights, write them, and note whether they are the best."""
        with torch.no_grad():
            torch.manual_seed(self.loop.seed)
            self.scores = {k: float(v) for k, v in self.task.score(self.ema).items()}
        self.folder.weights(LAST, self.ema, self.step, self.task.classes)
        best = _deciding_score(self.best)
        if (
            _deciding_score(self.scores) < best or best == math.inf
        ):  # without finite scores, the newest
            self.best, self.best_step = self.scores, self.step
            self.folder.weights(BEST, self.ema, self.step, self.task.classes)
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
        """Mean losses by name since the last entry of the log."""
        return {name: sum(values) / len(values) for name, values in self.sums.items()}

    def _write_sample(self) -> None:
        """Write a sheet of samples and the curve."""
        self.shown = True
        with torch.no_grad():
            torch.manual_seed(self.loop.seed)
            self.folder.show(self.step, self.task.sample(self.ema))

    def progress(self, seconds: float, note: str) -> Progress:
        """The state of the run."""
        share = self.share(seconds)
        share_before, seconds_before = self.resumed_at
        trained = share - share_before
        total = (seconds - seconds_before) / trained if trained > 0 else None
        return Progress(
            step=self.step,
            steps=self.loop.steps or None,
            share=share,
            seconds=seconds,
            remaining=None if total is None else (1 - share) * total,
            losses=self.losses() or self.logged,
            scores=self.scores,
            sample=self.folder.sample,
            note=note,
        )

    def _last_progress(self, stopped: bool) -> Progress:
        """The last `Progress`, with the report that is also in the folder."""
        datasets = self.loaded.datasets
        own_styles = datasets.styles is not datasets.pictures
        held = [datasets.held_out_pictures, *([datasets.held_out_styles] if own_styles else [])]
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
            pictures=len(datasets.pictures),
            styles=len(datasets.styles) if own_styles else 0,
            held_out=sum(map(len, held)),
            skipped=self.loaded.skipped,
            device=str(self.hardware.device),
        )
        self.folder.report(report)
        return replace(self.progress(seconds, "stopped" if stopped else "done"), report=report)


def lr_schedule(step: int, share: float) -> float:
    """The factor of the learning rate: warm-up, constant, linear decay to zero.

    >>> lr_schedule(0, 0.0), lr_schedule(500, 0.5), round(lr_schedule(900, 0.9), 6)
    (0.005, 1.0, 0.5)
    """
    return min(1.0, (step + 1) / WARM_UP_STEPS, max((1 - share) / DECAY_SHARE, 1e-3))


def _scores(text: str) -> dict[str, float]:
    """Scores from a checkpoint, where null stands for NaN."""
    return {k: math.nan if value is None else value for k, value in json.loads(text).items()}


def _deciding_score(scores: Mapping[str, float]) -> float:
    """The score that decides; infinite if it is not finite, so that any other is better."""
    first = next(iter(scores.values()), math.inf)
    return first if math.isfinite(first) else math.inf


def _trainable(net: nn.Module) -> list[nn.Parameter]:
    """The parameters that an optimiser changes."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]
