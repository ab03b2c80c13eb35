"""Train the perceptual encoder: its taps learn to predict features and Gram matrices of VGG-19.

A 1×1 map takes each tap to the principal components of the VGG-19 layer of the same name.  If the
prediction were exact, matching the Gram matrices of the taps would match those of VGG-19.  So the
loss is the error of the prediction, and it matters most on the pictures that an optimisation
passes.  Therefore a part of each batch is *on policy*: a pool of pictures that are stylised through
the encoder in training, one step per visit, together with the paintings that they should resemble.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.array import Pixels
from styleplug.core.params import Params
from styleplug.nets import encoder, vgg19
from styleplug.nets.chain import Chain
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.perception import Features, Teacher, gram
from styleplug.training.tasks.shared.fields import batch, crop
from styleplug.training.tasks.shared.thinning import start_thin

TAPS = (*(tap for tap in encoder.STYLE if tap in vgg19.STYLE), *encoder.CONTENT)
CONTENT = encoder.CONTENT[0]
GRAM_WEIGHT = 2.0
CONTENT_WEIGHT = 3.0  # the content loss uses this tap only
COMPONENT_CROPS = 96  # crops for the principal components
START_CROPS = 192  # crops for the equations that give the first weights
POOL = 60  # pictures in the pool
VISITS = 48  # optimisation steps until a pool picture is replaced
SCORED_PAIRS, SCORED_STEPS = 6, 60  # held-out pairs that are stylised for the score, and the steps


class EncoderParams(Params):
    """Parameters of the task."""

    size: int = crop(160, step=16)
    batch: int = batch(
        3,
        "New pictures in a step; as many of the pool and their paintings are added.",
        least=1,
    )


def style_distance(features: Features, target: Features) -> dict[str, Tensor]:
    """Relative squared error (b) of the Gram matrices of each style tap."""
    found = {}
    for tap in TAPS:
        if tap in encoder.STYLE:
            targets = gram(target[tap])
            error = (gram(features[tap]) - targets).square().sum((1, 2))
            found[tap] = error / targets.square().sum((1, 2))
    return found


def content_distance(features: Features, target: Features) -> Tensor:
    """Relative squared error (b) of the content features."""
    targets = target[CONTENT]
    return (features[CONTENT] - targets).square().sum((1, 2, 3)) / targets.square().sum((1, 2, 3))


def predict(net: nn.Module, pictures: Tensor) -> Features:
    """Predicted components (b k h/s w/s) by tap, in float32."""
    with autocast(pictures.device):
        taps = net(pictures.contiguous(memory_format=torch.channels_last))
    return {tap: taps[tap].float() for tap in TAPS}


class Pool:
    """Pictures that are optimised from a photograph (or noise) towards the style of a painting.

    Args:
        datasets: where the pictures come from.
        params: of the run.
        seed: of all choices.
        device: where the pictures are stored.
    """

    def __init__(self, datasets: Datasets, params: EncoderParams, seed: int, device: torch.device):
        self.photos, self.paintings = datasets.pictures, datasets.styles
        self.size, self.each, self.seed, self.device = params.size, params.batch, seed, device
        self.rounds = POOL // self.each  # steps from one visit to the next
        count = self.rounds * self.each
        self.pictures = torch.zeros(count, 3, self.size, self.size, device=device)
        self.births = torch.full((count,), -1, dtype=torch.int64)  # first step
        self.known: dict[int, tuple[int, Features]] = {}  # first step, features of the painting

    def visit(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Indices (n), pictures (n 3 h w) and paintings (n 3 h w) of this step."""
        first = step % self.rounds * self.each
        chosen = torch.arange(first, first + self.each)
        for i in chosen.tolist():
            # Pictures are replaced at different ages, so that the pool has all ages at any time.
            span = VISITS * (0.3 + 0.7 * (i * 7 % 10) / 9)
            if self.births[i] < 0 or self._age(i, step) >= span:
                self.births[i] = step
                self.pictures[i] = self._start(i, step)
        styles = torch.stack([self._painting(i) for i in chosen.tolist()])
        return chosen, self.pictures[chosen], styles.to(self.device)

    def contents(self, chosen: Tensor) -> Tensor:
        """The initial state of the chosen pictures (n 3 h w)."""
        born = [self._start(i, int(self.births[i])) for i in chosen.tolist()]
        return torch.stack(born).to(self.device)

    def targets(self, chosen: Tensor, teacher: nn.Module, styles: Tensor) -> Features:
        """Teacher features of the paintings of the chosen pictures, computed once per painting."""
        for i, style in zip(chosen.tolist(), styles, strict=True):
            born = int(self.births[i])
            if i not in self.known or self.known[i][0] != born:
                self.known[i] = born, teacher(style[None])
        parts = [self.known[i][1] for i in chosen.tolist()]
        return {tap: torch.cat([part[tap] for part in parts]) for tap in TAPS}

    def _age(self, index: int, step: int) -> int:
        return (step - int(self.births[index])) // self.rounds

    def _start(self, index: int, step: int) -> Tensor:
        rng = np.random.default_rng((self.seed, 1, step, index))
        kind = rng.random()
        picture = (self.photos if kind < 0.75 else self.paintings).crop(self.size, rng)
        if kind > 0.9:
            noise = torch.from_numpy(rng.random(tuple(picture.shape), dtype=np.float32))
            picture = picture + (noise - picture) * float(rng.uniform(0.3, 1.0))
        return picture

    def _painting(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, 2, int(self.births[index]), index))
        return self.paintings.crop(self.size, rng)

    def advance(
        self, chosen: Tensor, gradient: Tensor, step: int, rng: np.random.Generator
    ) -> None:
        """Move the chosen pictures against the gradient, like various optimisers would.

        The direction is between gradient descent and the sign of the gradient, which Adam
        approximates and which leaves other artefacts.  Steps become shorter with age, because the
        last and shortest ones decide how clean a picture is.
        """
        count = (len(chosen), 1, 1, 1)
        floor = torch.from_numpy(10 ** rng.uniform(-2.0, 1.0, count)).float().to(self.device)
        size = gradient.abs()
        direction = gradient / (size + floor * size.mean((1, 2, 3), keepdim=True) + 1e-20)
        length = direction.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        ages = np.array([self._age(i, step) / VISITS for i in chosen.tolist()]).reshape(count)
        strides = rng.uniform(0.01, 0.04, count) * (1 - 0.8 * ages)
        moved = torch.from_numpy(strides).float().to(self.device) * direction / length
        self.pictures[chosen] = (self.pictures[chosen] - moved).clamp(0, 1)


def transfer_gradient(
    net: nn.Module, pictures: Tensor, style: Features, content: Features, weights: Tensor
) -> Tensor:
    """Gradient (n 3 h w) of the loss of Gatys' method.

    Args:
        pictures: current state (n 3 h w).
        style: features of the styles.
        content: features of the contents.
        weights: of the contents (n), against the sum over style taps.
    """
    pictures = pictures.detach().clone().requires_grad_(True)
    found = predict(net, pictures)
    distance = torch.stack(list(style_distance(found, style).values())).sum(0)
    loss = distance + weights * content_distance(found, content)
    (gradient,) = torch.autograd.grad(loss.sum(), pictures)
    return gradient


def degrade(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Sometimes noise or another contrast, as in the course of an optimisation."""
    kind = rng.random()
    if kind < 0.10:
        noise = rng.standard_normal(tuple(picture.shape), dtype=np.float32)
        picture = picture + torch.from_numpy(noise) * float(rng.uniform(0.02, 0.25))
    elif kind < 0.20:
        picture = 0.5 + (picture - 0.5) * float(rng.uniform(0.3, 1.8))
    return picture.clamp(0, 1)


class EncoderTask(TrainingTask[Chain]):
    """New pictures, pictures of the pool, and their paintings."""

    def __init__(self, datasets: Datasets, params: EncoderParams, device: torch.device, seed: int):
        assert datasets.teacher is not None  # `Setup` has checked it
        self.datasets, self.params, self.device, self.seed = datasets, params, device, seed
        self.net = encoder.build().to(device).to(memory_format=torch.channels_last)
        chain = vgg19.load(Path(datasets.teacher))
        with torch.no_grad():
            self.teacher = Teacher(
                chain,
                {tap: self.net.channels[tap] for tap in TAPS},
                self._crops(COMPONENT_CROPS, 3),
            )
        crops, bases = self._crops(START_CROPS, 5), self.teacher.bases()
        start_thin(self.net, chain, vgg19.conv_names(), bases, crops)
        self.pool = Pool(datasets, params, seed, device)
        self.held = [
            source.batch(16, params.size, seed, 4).to(device)
            for source in (datasets.held_out_pictures, datasets.held_out_styles)
        ]

    def _crops(self, count: int, *seed: int) -> Tensor:
        """Crops (b 3 h w) of photographs and paintings, half of each."""
        sources = (self.datasets.pictures, self.datasets.styles)
        crops = [s.batch(count // 2, self.params.size, self.seed, *seed) for s in sources]
        return torch.cat(crops).to(self.device)

    def state(self) -> dict[str, Tensor]:
        """The pool, and the components, which must stay the same in a resumed run."""
        pool = {"pictures": self.pool.pictures, "births": self.pool.births}
        return pool | self.teacher.bases()

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        self.pool.pictures, self.pool.births = (
            state.pop("pictures").to(self.device),
            state.pop("births"),
        )
        self.teacher.load_state_dict(state, strict=False)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Predict; then move the pool pictures of this step."""
        size, count = self.params.size, self.params.batch
        sources = (self.datasets.pictures, self.datasets.styles)
        fresh = [degrade(sources[(step + i) % 2].crop(size, rng), rng) for i in range(count)]
        chosen, pictures, styles = self.pool.visit(step)
        given = torch.cat((torch.stack(fresh).to(self.device), pictures))
        predicted = predict(self.net, torch.cat((given, styles)))
        with torch.no_grad():
            known = self.pool.targets(chosen, self.teacher, styles)
            targets = {tap: torch.cat((v, known[tap])) for tap, v in self.teacher(given).items()}
        yield Loss(self._terms(predicted, targets))
        style = {tap: value.detach()[-count:] for tap, value in predicted.items()}
        with torch.no_grad():
            content = predict(self.net, self.pool.contents(chosen))
        weights = torch.from_numpy(10 ** rng.uniform(-1.0, 1.0, count)).float()
        gradient = transfer_gradient(self.net, pictures, style, content, weights.to(self.device))
        self.pool.advance(chosen, gradient, step, rng)

    def _terms(self, predicted: Features, targets: Features) -> dict[str, Tensor]:
        """Unexplained share of the variance, and error of the Gram matrix, of each tap."""
        terms = {}
        for tap in TAPS:
            part = F.mse_loss(predicted[tap], targets[tap])
            part = part / targets[tap].var((0, 2, 3)).mean()
            terms[tap] = part * (CONTENT_WEIGHT if tap == CONTENT else 1.0)
        for tap, error in style_distance(predicted, targets).items():
            terms[f"gram_{tap}"] = GRAM_WEIGHT * error.mean()
        return terms

    def score(self, net: Chain) -> dict[str, float]:
        """Remaining style and content error after an optimisation, measured by VGG-19."""
        content, style = (held[:SCORED_PAIRS] for held in self.held)
        out = self._stylise(net, content, style)
        seen = {name: self.teacher(p) for name, p in (("o", out), ("c", content), ("s", style))}
        after, before = (style_distance(seen[name], seen["s"]) for name in ("o", "c"))
        style_left = torch.stack([(after[tap] / before[tap]).mean() for tap in after]).mean()
        content_left = content_distance(seen["o"], seen["c"])
        content_left = content_left / content_distance(seen["s"], seen["c"])
        held = torch.cat(self.held)
        terms = self._terms(predict(net, held), self.teacher(held))
        found = {"style_left": float(style_left), "content_left": float(content_left.mean())}
        return {"loss": sum(found.values()), **found} | {k: float(v) for k, v in terms.items()}

    @torch.enable_grad()
    def _stylise(self, net: Chain, content: Tensor, style: Tensor) -> Tensor:
        """Contents (b 3 h w) optimised towards styles by Adam, through an encoder."""
        with torch.no_grad():
            contents, styles = predict(net, content), predict(net, style)
        picture = nn.Parameter(content.clone())
        optimiser = torch.optim.Adam([picture], 0.04)
        weights = torch.full((len(content),), 0.3, device=self.device)
        for step in range(SCORED_STEPS):
            picture.grad = transfer_gradient(net, picture, styles, contents, weights)
            optimiser.param_groups[0]["lr"] = 0.04 * (1 - 0.9 * step / SCORED_STEPS)
            optimiser.step()
            picture.data.clamp_(0, 1)
        return picture.detach()

    def sample(self, net: Chain) -> Pixels:
        """Contents above styles above results of an optimisation through the encoder."""
        content, style = (held[:SCORED_PAIRS] for held in self.held)
        return sheet(content, style, self._stylise(net, content, style))


TASK = TaskSpec(
    id="encoder",
    title="Perceptual encoder",
    summary="Learns features like those of VGG-19 at a fraction of the cost, for Gatys' method.",
    params=EncoderParams,
    factory=EncoderTask,
    takes_styles=True,
    needs_teacher=True,
)
