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
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from styleplug.nets import squeezenet, styleplug_encoder
from styleplug.training.checkpoint import load_checkpoint, save_checkpoint
from styleplug.training.pictures import Pictures

log = logging.getLogger(__name__)

HEADS = {  # tap of the encoder: layers of the teacher it predicts, and how many components
    "stroke": {"conv1": 32},
    "grain2": {"fire2": 40, "fire3": 40},
    "grain3": {"fire4": 64},
    "motif1": {"fire5": 64},
    "motif3": {"fire7": 96},
}
LAYERS = {layer: (tap, size) for tap, parts in HEADS.items() for layer, size in parts.items()}
FRESH, POOLED = 4, 4  # pictures a batch: fresh crops; pool pictures, each with its painting
VISITS = 30  # optimisation steps of a pool picture before another takes its place
GRAM_WEIGHT = 2.0


@dataclass(frozen=True)
class Setup:
    """What decides a run; written beside its checkpoint."""

    steps: int
    decay: int
    size: int = 128
    pool: int = 64
    pool_from: int = 800
    rate: float = 2e-3
    seed: int = 1


def gram(features: Tensor) -> Tensor:
    """Gram matrices (b c c) of features (b c h w), averaged over positions."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def style_distance(features: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
    """Relative squared error of Gram matrices, summed over layers and pictures."""
    total = torch.zeros(())
    for name, value in features.items():
        wanted = gram(target[name])
        error = (gram(value) - wanted).square().sum((1, 2))
        total = total + (error / wanted.square().sum((1, 2))).sum()
    return total


class Student(nn.Module):
    """The encoder and the maps from its taps to the teacher's components."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = styleplug_encoder.build()
        for conv in self.encoder.convs.values():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        channels = self.encoder.channels
        self.maps = nn.ModuleDict(
            {layer: nn.Conv2d(channels[tap], size, 1) for layer, (tap, size) in LAYERS.items()}
        )

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Predicted components of the teacher's layers (b k h/s w/s), in float32."""
        with torch.autocast("cpu", torch.bfloat16):
            taps = self.encoder(picture)
            predicted = {layer: self.maps[layer](taps[tap]) for layer, (tap, _) in LAYERS.items()}
        return {layer: value.float() for layer, value in predicted.items()}


class Teacher(nn.Module):
    """The teacher's layers on their first principal components, scaled to unit energy."""

    def __init__(self, net: squeezenet.SqueezeNet, pictures: Tensor):
        super().__init__()
        self.net = net
        features = net(pictures)
        for layer, (_, size) in LAYERS.items():
            # Uncentred: a Gram matrix holds the mean as well, and it is the largest part.
            values, vectors = torch.linalg.eigh(gram(features[layer]).mean(0).double())
            basis = vectors.flip(1)[:, :size].T / values.sum().sqrt()
            self.register_buffer(layer, basis.float()[:, :, None, None])
            log.info("%s: %d components hold %.4f", layer, size, values[-size:].sum() / values.sum())

    @torch.no_grad()
    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Components by layer (b k h/s w/s), in float32."""
        with torch.autocast("cpu", torch.bfloat16):
            features = self.net(picture)
            parts = {layer: F.conv2d(features[layer], self.get_buffer(layer)) for layer in LAYERS}
        return {layer: value.float() for layer, value in parts.items()}


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
        """Move the chosen pictures against the gradient, by a step of given root mean square."""
        length = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        stride = torch.from_numpy(rng.uniform(0.01, 0.04, (len(chosen), 1, 1, 1))).float()
        self.pictures[chosen] = (self.pictures[chosen] - stride * gradient / length).clamp(0, 1)


def style_gradient(student: Student, pictures: Tensor, target: dict[str, Tensor]) -> Tensor:
    """Gradient that brings pictures (n 3 h w) nearer to the style of `target`, as Gatys uses it."""
    pictures = pictures.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(style_distance(student(pictures), target), pictures)
    return gradient


def losses(predicted: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[Tensor, dict]:
    """Loss, and for the log the unexplained variance and the Gram error of each layer."""
    total, report = torch.zeros(()), {}
    for layer, value in predicted.items():
        target = wanted[layer]
        variance = target.var((0, 2, 3)).mean()
        unexplained = F.mse_loss(value, target) / variance
        gram_error = style_distance({layer: value}, {layer: target}) / len(value)
        total = total + unexplained + GRAM_WEIGHT * gram_error
        report[layer] = [round(float(unexplained.detach()), 4), round(float(gram_error.detach()), 5)]
    return total, report


def degrade(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Now and then noise, another contrast or flat colour: what an optimisation may pass through."""
    kind = rng.random()
    if kind < 0.10:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + torch.from_numpy(noise) * float(rng.uniform(0.02, 0.25))
    elif kind < 0.20:
        picture = 0.5 + (picture - 0.5) * float(rng.uniform(0.3, 1.8))
    return picture.clamp(0, 1)


def train(
    photos: Pictures, paintings: Pictures, judge: squeezenet.SqueezeNet, out: Path, setup: Setup
) -> Student:
    """Train or resume; checkpoints and `log.jsonl` go to `out`."""
    torch.manual_seed(setup.seed)
    student = Student()
    optimiser = torch.optim.Adam(student.parameters(), lr=setup.rate)
    photos, held_photos = photos.split(0.02)
    paintings, held_paintings = paintings.split(0.02)
    pool = Pool(setup, photos, paintings)
    rng = np.random.default_rng((setup.seed, 3))
    held = torch.stack([held_photos.crop(setup.size, rng) for _ in range(24)])
    held = torch.cat((held, torch.stack([held_paintings.crop(setup.size, rng) for _ in range(24)])))
    sample = [source.crop(setup.size, rng) for source in (photos, paintings) for _ in range(48)]
    teacher = Teacher(judge, torch.stack(sample))
    held_wanted = teacher(held)
    checkpoint = out / "checkpoint.safetensors"
    start = load_checkpoint(checkpoint, student, optimiser, pool.__dict__) if checkpoint.exists() else 0
    began = time.monotonic()
    for step in range(start, setup.steps):
        rng = np.random.default_rng((setup.seed, 0, step))
        sources = [photos, paintings] * (FRESH // 2)
        batch = torch.stack([degrade(source.crop(setup.size, rng), rng) for source in sources])
        if step >= setup.pool_from:
            chosen, pictures, styles = pool.visit(step)
            batch = torch.cat((batch, pictures, styles))
        else:
            extra = [(photos, paintings)[i % 3 > 0].crop(setup.size, rng) for i in range(4)]
            batch = torch.cat((batch, torch.stack(extra)))
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 200)
            group["lr"] = setup.rate * warm * min(1.0, (setup.steps - step) / setup.decay)
        predicted = student(batch)
        loss, report = losses(predicted, teacher(batch))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 10.0)
        optimiser.step()
        if step >= setup.pool_from:
            target = {k: v.detach()[-POOLED:] for k, v in predicted.items()}
            gradient = style_gradient(student, pictures, target)
            pool.advance(chosen, gradient, rng)
        if step % 100 == 0:
            entry = {"step": step, "seconds": round(time.monotonic() - began, 1), "loss": round(float(loss.detach()), 4), "layers": report}
            if not np.isfinite(entry["loss"]):
                raise FloatingPointError(f"loss became {entry['loss']} at step {step}; the last checkpoint is kept")
            if step % 500 == 0:
                with torch.no_grad():
                    entry["held_out"] = losses(student(held), held_wanted)[1]
            with (out / "log.jsonl").open("a") as file:
                file.write(json.dumps(entry) + "\n")
        if (step + 1) % 250 == 0 or step + 1 == setup.steps:
            save_checkpoint(checkpoint, step + 1, student, optimiser, pool.__dict__)
    return student


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
    train(
        Pictures(photos), Pictures(paintings), squeezenet.load(teacher), out, Setup(steps, decay)
    )


if __name__ == "__main__":
    typer.run(main)
