"""Train the perceptual encoder: its taps learn to predict a teacher's features and Gram matrices.

A 1×1 map takes each tap onto the principal components of the teacher's layers of the same scale.
Were it exact, matching the Gram matrices of the maps would match the teacher's; so what counts is
the error of these predictions, and it counts most on the pictures that an optimisation visits.
Therefore a part of each batch is *on policy*: a pool of pictures which the encoder under training
is just stylising, a step a visit, together with the paintings they are to resemble.

    python -m styleplug.training.encoder --photos DIR --paintings DIR --teacher FILE --out DIR

A run resumes from its last checkpoint by the same command; every random choice depends on the
seed and the step alone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from styleplug.nets import squeezenet, styleplug_encoder
from styleplug.training.checkpoint import (
    Nets,
    Optimisers,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from styleplug.training.pictures import Pictures
from styleplug.training.precision import halved

log = logging.getLogger(__name__)
Features = dict[str, Tensor]

TEACHES = {  # tap of the encoder: the teacher's layer whose principal components it predicts
    "stroke": "conv1",
    "grain1": "fire2",
    "grain2": "fire3",
    "grain3": "fire4",
    "motif1": "fire5",
    "layout": "fire5",
    "motif3": "fire7",
}
FRESH, POOLED = 4, 4  # pictures a batch: fresh crops; pool pictures, each with its painting
VISITS = 30  # optimisation steps of a pool picture before another takes its place
GRAM_WEIGHT = 2.0
LAYOUT_WEIGHT = 3.0  # the content loss rests on this one tap
LOG_EVERY, HELD_OUT_EVERY = 100, 500  # steps


@dataclass(frozen=True)
class Setup:
    """What decides a run; written beside its checkpoint."""

    steps: int
    decay: int
    size: int = 128
    pool: int = 64  # pictures, a multiple of POOLED
    pool_from: int = 800
    rate: float = 2e-3
    seed: int = 1
    save_every: int = 250


def gram(features: Tensor) -> Tensor:
    """Gram matrices (b c c) of features (b c h w), averaged over positions."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def style_distance(features: Features, target: Features) -> dict[str, Tensor]:
    """Relative squared error of the Gram matrices of each style tap, averaged over pictures."""
    found = {}
    for tap in (tap for tap in TEACHES if tap in styleplug_encoder.STYLE):
        wanted = gram(target[tap])
        error = (gram(features[tap]) - wanted).square().sum((1, 2))
        found[tap] = (error / wanted.square().sum((1, 2))).mean()
    return found


class Student(nn.Module):
    """The encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = styleplug_encoder.build()
        for conv in self.encoder.features.values():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)

    def forward(self, picture: Tensor) -> Features:
        """Predicted components (b k h/s w/s) by tap, in float32."""
        with halved("cpu"):
            taps = self.encoder(picture)
        return {tap: taps[tap].float() for tap in TEACHES}


class Teacher(nn.Module):
    """The teacher's layers on their first principal components, scaled to unit energy."""

    def __init__(self, net: squeezenet.SqueezeNet, pictures: Tensor):
        super().__init__()
        self.net = net
        features = net(pictures)
        channels = styleplug_encoder.build().channels
        for tap, layer in TEACHES.items():
            size = channels[tap]
            # Uncentred: a Gram matrix holds the mean as well, and it is the largest part.
            values, vectors = torch.linalg.eigh(gram(features[layer]).mean(0).double())
            basis = vectors.flip(1)[:, :size].T / values.sum().sqrt()
            self.register_buffer(tap, basis.float()[:, :, None, None].contiguous())
            log.info("%s: %d components hold %.3f", tap, size, values[-size:].sum() / values.sum())

    def bases(self) -> dict[str, Tensor]:
        """The components' directions; they must not change when a run resumes."""
        return {tap: self.get_buffer(tap) for tap in TEACHES}

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Features:
        """Components (b k h/s w/s) by tap of the encoder, in float32."""
        with halved("cpu"):
            features = self.net(picture)
            parts = {
                tap: F.conv2d(features[layer], self.get_buffer(tap))
                for tap, layer in TEACHES.items()
            }
        return {tap: value.float() for tap, value in parts.items()}


class Pool:
    """Pictures on their way from a photograph (or noise) to the look of a painting."""

    def __init__(self, setup: Setup, photos: Pictures, paintings: Pictures):
        self.setup, self.photos, self.paintings = setup, photos, paintings
        shape = (setup.pool, 3, setup.size, setup.size)
        self.pictures = torch.zeros(shape)
        self.births = torch.full((setup.pool,), -1, dtype=torch.int64)  # step of birth

    def visit(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Indices, pictures and paintings (n 3 h w) whose turn it is."""
        first = step * POOLED % self.setup.pool
        chosen = torch.arange(first, first + POOLED)
        round_trip = self.setup.pool // POOLED
        for i in chosen.tolist():
            age = (step - int(self.births[i])) // round_trip
            # Lives end at different ages, so that all ages stand in the pool at any time.
            if self.births[i] < 0 or age >= VISITS * (0.3 + 0.7 * ((i * 7) % 10) / 9):
                self.births[i] = step
                self.pictures[i] = self._start(i, step)
        styles = torch.stack([self._painting(i) for i in chosen.tolist()])
        return chosen, self.pictures[chosen], styles

    def contents(self, chosen: Tensor) -> Tensor:
        """What the chosen pictures were at birth (n 3 h w)."""
        return torch.stack([self._start(i, int(self.births[i])) for i in chosen.tolist()])

    def _start(self, index: int, step: int) -> Tensor:
        rng = np.random.default_rng((self.setup.seed, 1, step, index))
        kind, size = rng.random(), self.setup.size
        picture = (self.photos if kind < 0.7 else self.paintings).crop(size, rng)
        if kind > 0.85:
            noise = torch.from_numpy(rng.random((3, size, size), dtype=np.float32))
            picture = picture + (noise - picture) * float(rng.uniform(0.3, 1.0))
        return picture

    def _painting(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.setup.seed, 2, int(self.births[index]), index))
        return self.paintings.crop(self.setup.size, rng)

    def advance(self, chosen: Tensor, gradient: Tensor, rng: np.random.Generator) -> None:
        """Move the chosen pictures against the gradient, as one optimiser or another would.

        Between plain descent and the sign of the gradient, towards which Adam tends and which
        leaves other traces in a picture; by a step of a given root mean square.
        """
        count = (len(chosen), 1, 1, 1)
        floor = torch.from_numpy(10 ** rng.uniform(-2.0, 1.0, count)).float()
        size = gradient.abs()
        direction = gradient / (size + floor * size.mean((1, 2, 3), keepdim=True) + 1e-20)
        length = direction.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        stride = torch.from_numpy(rng.uniform(0.01, 0.04, count)).float()
        self.pictures[chosen] = (self.pictures[chosen] - stride * direction / length).clamp(0, 1)


def gatys_gradient(
    student: Student, pictures: Tensor, style: Features, layout: Tensor, weights: Tensor
) -> Tensor:
    """Gradient that brings pictures (n 3 h w) nearer to styles and contents, as Gatys uses it.

    Args:
        student: the encoder as it is now.
        pictures: on their way.
        style: features of the styles.
        layout: features of the contents at the tap `layout` (n c h/8 w/8).
        weights: of the contents (n), against the sum over style taps.
    """
    pictures = pictures.clone().requires_grad_(True)
    found = student(pictures)
    distance = torch.stack(list(style_distance(found, style).values())).sum()
    error = (found["layout"] - layout).square().sum((1, 2, 3)) / layout.square().sum((1, 2, 3))
    (gradient,) = torch.autograd.grad(distance + (weights * error).mean(), pictures)
    return gradient


def losses(predicted: Features, wanted: Features) -> tuple[Tensor, dict[str, list[float]]]:
    """Loss; and of each tap the share of variance left unexplained and the Gram error."""
    unexplained = {
        tap: F.mse_loss(value, wanted[tap]) / wanted[tap].var((0, 2, 3)).mean()
        for tap, value in predicted.items()
    }
    grams = style_distance(predicted, wanted)
    parts = [LAYOUT_WEIGHT if tap == "layout" else 1.0 for tap in unexplained]
    terms = [weight * term for weight, term in zip(parts, unexplained.values(), strict=True)]
    total = torch.stack([*terms, *(GRAM_WEIGHT * error for error in grams.values())]).sum()
    report = {
        tap: [round(float(part[tap].detach()), 5) for part in (unexplained, grams) if tap in part]
        for tap in predicted
    }
    return total, report


def degrade(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Now and then noise or another contrast, as an optimisation may pass through."""
    kind = rng.random()
    if kind < 0.10:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + torch.from_numpy(noise) * float(rng.uniform(0.02, 0.25))
    elif kind < 0.20:
        picture = 0.5 + (picture - 0.5) * float(rng.uniform(0.3, 1.8))
    return picture.clamp(0, 1)


class Run:
    """A training run: everything that changes, and what it is fed."""

    def __init__(
        self, photos: Pictures, paintings: Pictures, net: squeezenet.SqueezeNet, setup: Setup
    ):
        torch.manual_seed(setup.seed)
        self.setup = setup
        self.student = Student()
        self.optimiser = torch.optim.Adam(self.student.parameters(), lr=setup.rate)
        self.photos, held_photos = photos.split(0.02)
        self.paintings, held_paintings = paintings.split(0.02)
        self.pool = Pool(setup, self.photos, self.paintings)
        rng = np.random.default_rng((setup.seed, 3))
        self.held = self._crops((held_photos, held_paintings), 24, rng)
        self.teacher = Teacher(net, self._crops((self.photos, self.paintings), 48, rng))

    def _crops(self, sources: Iterable[Pictures], each: int, rng: np.random.Generator) -> Tensor:
        size = self.setup.size
        return torch.stack([source.crop(size, rng) for source in sources for _ in range(each)])

    def trained(self) -> tuple[Nets, Optimisers]:
        """The student and its optimiser, by name."""
        return {"student": self.student}, {"student": self.optimiser}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold besides the student and its optimiser."""
        return {"pictures": self.pool.pictures, "births": self.pool.births, **self.teacher.bases()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Undo `state`."""
        self.pool.pictures, self.pool.births = state["pictures"], state["births"]
        self.teacher.load_state_dict(state, strict=False)

    def step(self, step: int) -> tuple[float, dict[str, list[float]]]:
        """One step of the student, and one of the pool pictures whose turn it is."""
        rng = np.random.default_rng((self.setup.seed, 0, step))
        sources = [self.photos, self.paintings] * (FRESH // 2)
        fresh = [degrade(source.crop(self.setup.size, rng), rng) for source in sources]
        chosen, pictures, styles = self.pool.visit(step)
        batch = torch.cat((torch.stack(fresh), pictures, styles))
        self._set_rate(step)
        predicted = self.student(batch)
        loss, report = losses(predicted, self.teacher(batch))
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 10.0)
        self.optimiser.step()
        if step >= self.setup.pool_from:
            style = {tap: value.detach()[-POOLED:] for tap, value in predicted.items()}
            with torch.no_grad():
                layout = self.student(self.pool.contents(chosen))["layout"]
            weights = torch.from_numpy(10 ** rng.uniform(-1.0, 1.0, POOLED)).float()
            gradient = gatys_gradient(self.student, pictures, style, layout, weights)
            self.pool.advance(chosen, gradient, rng)
        return float(loss.detach()), report

    def _set_rate(self, step: int) -> None:
        """Warm up, stay, and fall to zero over the last `decay` steps."""
        factor = min(1.0, (step + 1) / 200, (self.setup.steps - step) / self.setup.decay)
        for group in self.optimiser.param_groups:
            group["lr"] = self.setup.rate * factor

    @torch.no_grad()
    def held_out(self) -> dict[str, list[float]]:
        """`losses` on pictures that are never trained on."""
        return losses(self.student(self.held), self.teacher(self.held))[1]


def train(run: Run, out: Path) -> None:
    """Train or resume; checkpoints and `log.jsonl` go to `out`.

    Raises:
        FloatingPointError: the loss is no longer finite; the last checkpoint is kept.
    """
    checkpoint, start = out / "checkpoint.safetensors", 0
    if checkpoint.exists():
        state, facts = load_checkpoint(checkpoint, *run.trained())
        start = int(facts["step"])
        run.restore(state)
    began = time.monotonic()
    for step in range(start, run.setup.steps):
        loss, report = run.step(step)
        if not np.isfinite(loss):
            raise FloatingPointError(f"loss became {loss} at step {step}")
        if step % LOG_EVERY == 0:
            seconds = round(time.monotonic() - began, 1)
            entry = {"step": step, "seconds": seconds, "loss": round(loss, 4), "taps": report}
            if step % HELD_OUT_EVERY == 0:
                entry["held_out"] = run.held_out()
            with (out / "log.jsonl").open("a") as file:
                file.write(json.dumps(entry) + "\n")
        if (step + 1) % run.setup.save_every == 0 or step + 1 == run.setup.steps:
            save_checkpoint(checkpoint, *run.trained(), run.state(), {"step": str(step + 1)})
    save_weights(out / "styleplug_encoder.safetensors", run.student.encoder, {})


def main(
    photos: Annotated[list[Path], typer.Option(help="folder of photographs (repeatable)")],
    paintings: Annotated[list[Path], typer.Option(help="folder of paintings (repeatable)")],
    teacher: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    out: Annotated[Path, typer.Option(help="folder for checkpoint, log and result")],
    steps: int = 16000,
    decay: int = 4000,
    threads: int = 2,
) -> None:
    """Train the encoder; run again to resume."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    net = squeezenet.load(teacher)
    train(Run(Pictures(photos), Pictures(paintings), net, Setup(steps, decay)), out)


if __name__ == "__main__":
    typer.run(main)
