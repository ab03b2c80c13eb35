"""Train `cyclegan`: photograph to painting and back, from two folders without pairs.

The losses are those of Zhu et al. 2017 (arXiv:1703.10593): adversarial, cycle and identity.  The
departures from the paper give brush marks after a short training, instead of a mere change of
colours, and they preserve the content:

- Generators see local means only (`styleplug/nets/cyclegan.py`).  So the identity loss asks for
  more than in the paper: to paint a painting again from its means.  This task has a known answer.
  First the means get the colours of a photograph, so that the palette is learned too.
- There is no right painting of a photograph.  Its style targets are the statistics of paintings
  with corresponding colours, and its content target is a coarse layer of perceptual features
  (Gatys et al. 2016).  For a painting only the colours of a photograph are a target: textures of
  photographs belong to their content, and the features of a painting partly show brush marks.
- Each direction has three discriminators of small patches: one of pixels, one of pixels at half
  the size, and heads on fine perceptual features.  Coarser ones would see the content, and would
  ask for landscapes where photographs show animals.
- The adversarial loss is relativistic, with R1.  A real painting is paired with one painted from
  its own means, and with one painted from a photograph.
- The cycle loss compares the means that a generator sees, because finer detail is painted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.array import Indices, Pixels
from styleplug.core.params import Params, field
from styleplug.nets import cyclegan
from styleplug.nets.cyclegan import (
    DIRECTIONS,
    HALVINGS,
    PAINT,
    PHOTOGRAPH,
    downsample,
    upsample_means,
)
from styleplug.training.data.bank import Bank
from styleplug.training.data.domains import Domain
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.adversarial import R1_EVERY, PatchDiscriminators, relativistic_loss
from styleplug.training.losses.perception import (
    CONTENT,
    MOMENTS,
    Features,
    Perception,
    relative_error,
    style_loss,
)
from styleplug.training.losses.quality import descriptor, kernel_distance
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch, crop

STATISTICS_CROPS = 768  # of each domain, for its statistics
PER_PICTURE = 6  # of these crops, at most
HELD = 24  # held-out pictures of each domain
SHOWN = 6
VIEW_SCALE = 2.2  # side of a view by that of the crop that is cut from it
RAMP = 0.04  # share of the run in which the adversarial weight rises
REVERSE = {PAINT: PHOTOGRAPH, PHOTOGRAPH: PAINT}
Pair = dict[str, Tensor]  # by direction


class CycleGanParams(Params):
    """Parameters of the task."""

    start: Literal["scratch", "impressionism", "ukiyoe"] = field(
        "scratch",
        label="Start from",
        help="A random network, or one of the pairs that come with styleplug.",
        words={"scratch": SCRATCH, "impressionism": "Monet", "ukiyoe": "Ukiyo-e"},
    )
    ways: Literal["both", "paint", "photograph"] = field(
        "both",
        label="Directions",
        help="Train both directions, or only one; the other then stays as it is.",
        words={
            "both": "Both",
            "paint": "To paintings",
            "photograph": "To photographs",
        },
        advanced=True,
    )
    size: int = crop(96)
    batch: int = batch(
        4,
        "Photographs, and as many paintings, in a step.",
        least=1,
    )
    marks: float = field(
        1.0,
        label="Marks",
        help="Scale of paintings against photographs: higher values give broader brush marks.",
        ge=1,
        le=4,
    )
    adversarial: float = field(
        2.0,
        label="Adversarial weight",
        help="Weight of the adversarial loss: higher values give bolder brush marks.",
        ge=0,
        le=20,
    )
    cycle: float = field(
        5.0,
        label="Cycle weight",
        help="Weight of the error after both directions: higher values preserve more of the "
        "content.",
        ge=0,
        le=100,
    )
    identity: float = field(
        1.0,
        label="Identity weight",
        help="Weight of painting a painting again, from its means in the colours of a photograph.",
        ge=0,
        le=100,
    )
    style: float = field(
        8.0,
        label="Style weight",
        help="Weight of Gram matrices like those of pictures of the other kind with similar "
        "colours.",
        ge=0,
        le=20,
        advanced=True,
    )
    content: float = field(
        1.0,
        label="Content weight",
        help="Weight of perceptual features like those of the input.",
        ge=0,
        le=20,
        advanced=True,
    )
    r1: float = field(
        0.005,
        label="R1",
        help="Weight of the gradient penalty of the discriminators: raise it if training is "
        "unstable.",
        ge=0,
        le=100,
        advanced=True,
    )


class CycleGanTask(TrainingTask[cyclegan.CycleGan]):
    """Both directions, or one of them; photographs are `--data`, paintings are `--styles`.

    Dictionaries are keyed by direction.  Under "paint" are photographs, the paintings made from
    them, and the discriminators of paintings.
    """

    betas = (0.5, 0.99)
    max_grad_norm = 10.0
    ema_decay = 0.995
    rate_factors = {"net": 1.0, "critic": 1.2}  # noqa: RUF012

    def __init__(self, datasets: Datasets, params: CycleGanParams, device: torch.device, seed: int):
        self.params, self.device = params, device
        self.net = cyclegan.build().to(device).to(memory_format=torch.channels_last)
        if params.start != "scratch":
            load_embedded(self.net, f"cyclegan_{params.start}")
        self.directions = DIRECTIONS if params.ways == "both" else (params.ways,)
        for d in {*DIRECTIONS} - {*self.directions}:
            self.net.get_submodule(d).requires_grad_(False)
        self.perception = Perception(datasets.teacher, datasets.styles, seed).to(device)
        self.critics = {
            direction: PatchDiscriminators(self.perception, params.size).to(device)
            for direction in self.directions
        }
        self.discriminators = {"critic": nn.ModuleDict(self.critics)}
        pictures = dict(zip(DIRECTIONS, (datasets.pictures, datasets.styles), strict=True))
        held = dict(
            zip(DIRECTIONS, (datasets.held_out_pictures, datasets.held_out_styles), strict=True)
        )
        view = VIEW_SCALE * params.size
        sides = {PAINT: round(view), PHOTOGRAPH: round(params.marks * view)}
        self.banks = {d: Bank(kind, sides[d], device) for d, kind in pictures.items()}
        self.held = {
            d: self._spread_crops(Bank(held[d], sides[d], device), HELD, 2 * params.size, seed)
            for d in DIRECTIONS
        }
        self.held_out_descriptors = {
            d: descriptor(self.perception, self.held[d]) for d in DIRECTIONS
        }
        # Photographs give no texture targets: their textures belong to their content.
        perceptions = {PAINT: None, PHOTOGRAPH: self.perception}
        with torch.no_grad():
            self.domains = {
                d: Domain(
                    perceptions[d],
                    self._spread_crops(self.banks[d], STATISTICS_CROPS, params.size, seed),
                )
                for d in DIRECTIONS
            }

    def _crops(
        self,
        bank: Bank,
        rng: np.random.Generator,
        count: int,
        side: int,
        indices: Indices | None = None,
    ) -> Tensor:
        """Crops (count 3 side side) of pictures, nearly at the scale of the pictures."""
        views = bank.draw(rng, count, indices)
        top, left = rng.integers(views.shape[-1] - side + 1, size=2)
        return views[..., top : top + side, left : left + side]

    def _spread_crops(self, bank: Bank, most: int, side: int, seed: int) -> Tensor:
        """Crops of as many different pictures as possible, at most `PER_PICTURE` of each.

        Only a few are drawn at a time: all crops of one draw come from the same place.
        """
        numbers = np.arange(min(most, PER_PICTURE * len(bank))) % len(bank)
        rng = np.random.default_rng(seed)
        parts = np.split(numbers, range(SHOWN, len(numbers), SHOWN))
        return torch.cat([self._crops(bank, rng, len(some), side, some) for some in parts])

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """First the loss of the discriminators, then that of both generators."""
        params, count = self.params, self.params.batch
        real = {d: self._crops(self.banks[d], rng, count, params.size) for d in DIRECTIONS}
        with torch.no_grad():
            given = {
                d: torch.cat((real[d], self._recoloured(real[REVERSE[d]], d)))
                for d in self.directions
            }
            seen = {
                d: upsample_means(downsample(some, HALVINGS[d]), HALVINGS[d])
                for d, some in given.items()
            }
            sharp, before = self._features(real), self._features(seen)
        made = {d: self._repaint(self.net, d, given[d]) for d in self.directions}
        after = self._features(made)
        self.discriminators["critic"].requires_grad_(True)
        real_logits = {
            d: self.critics[d](real[REVERSE[d]], sharp[REVERSE[d]]) for d in self.directions
        }
        yield Loss(self._discriminator_terms(real, real_logits, made, after, step), trains="critic")
        self.discriminators["critic"].requires_grad_(False)  # these gradients are not needed
        adversarial = [
            relativistic_loss(expected.detach(), logits)
            for d in self.directions
            for half in zip(made[d].chunk(2), _split_features(after[d]), strict=True)
            for expected, logits in zip(real_logits[d], self.critics[d](*half), strict=True)
        ]
        some = (count + 1) // 2  # half of the batch is enough for this loss
        back = {d: self._repaint(self.net, REVERSE[d], made[d][:some]) for d in self.directions}
        ramp = min(1.0, progress / RAMP)
        style, content = self._style_and_content_losses(real, sharp, before, after)
        terms = {
            "adversarial": ramp * params.adversarial * torch.stack(adversarial).sum() / 6,
            "cycle": params.cycle * self._each(lambda d: _cycle_error(d, back[d], real[d][:some])),
            "identity": params.identity
            * self._each(lambda d: F.l1_loss(made[d][count:], real[REVERSE[d]])),
            "style": params.style * style,
            "content": params.content * content,
        }
        yield Loss(terms)
        self.discriminators["critic"].requires_grad_(True)

    def _style_and_content_losses(
        self,
        real: Pair,
        sharp: dict[str, Features],
        before: dict[str, Features],
        after: dict[str, Features],
    ) -> tuple[Tensor, Tensor]:
        """Distances () to the style targets and to the content targets."""
        styles, contents = [], []
        for d in self.directions:
            targets = self.domains[REVERSE[d]].style_targets(real[d], self.domains[d])
            own_style = self.perception.style(sharp[REVERSE[d]])
            for source, output, target in zip(
                _split_features(before[d]),
                _split_features(after[d]),
                (targets, own_style),
                strict=True,
            ):
                style, moments = style_loss(output, source, target)
                styles.append((style + MOMENTS * moments).mean() / 2)
            content = torch.cat((sharp[d][CONTENT], sharp[REVERSE[d]][CONTENT]))
            errors = relative_error(after[d][CONTENT], content)
            # Without texture targets, the textures of the input must not stay either.
            contents.append(
                (errors if self.domains[REVERSE[d]].style else errors.chunk(2)[1]).mean()
            )
        return torch.stack(styles).sum(), torch.stack(contents).sum()

    def _recoloured(self, pictures: Tensor, direction: str) -> Tensor:
        """Pictures that a direction should make (b 3 h w), in the colours of its inputs."""
        return self.domains[direction].recolour(pictures, self.domains[REVERSE[direction]])

    def _repaint(self, net: cyclegan.CycleGan, direction: str, pictures: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            return net.get_submodule(direction)(pictures, torch.randn_like(pictures[:, :1])).float()

    def _each(self, term: Callable[[str], Tensor]) -> Tensor:
        """Sum () of a term over the trained directions."""
        return torch.stack([term(direction) for direction in self.directions]).sum()

    def _features(self, pictures: Pair) -> dict[str, Features]:
        """Features of the pictures of both directions, computed together."""
        output = self.perception(torch.cat(list(pictures.values())))
        parts = _split_features(output, len(pictures))
        return dict(zip(pictures, parts, strict=True))

    def _discriminator_terms(
        self,
        real: Pair,
        real_logits: dict[str, list[Tensor]],
        made: Pair,
        after: dict[str, Features],
        step: int,
    ) -> dict[str, Tensor]:
        """Loss of the discriminators; in some steps also R1."""
        losses, penalties = [], []
        for direction, discriminator in self.critics.items():
            seen = {tap: part.detach() for tap, part in after[direction].items()}
            for half in zip(made[direction].detach().chunk(2), _split_features(seen), strict=True):
                losses += [
                    relativistic_loss(*logits)
                    for logits in zip(discriminator(*half), real_logits[direction], strict=True)
                ]
            if self.params.r1 and step % R1_EVERY == 0:
                penalties.append(discriminator.gradient_penalty(real[REVERSE[direction]]))
        terms = {"critic": torch.stack(losses).sum() / 6}
        return terms | (
            {"r1": self.params.r1 * R1_EVERY * torch.stack(penalties).sum()} if penalties else {}
        )

    def score(self, net: cyclegan.CycleGan) -> dict[str, float]:
        """Remaining share of the distance to the other domain, and the cycle error."""
        scores, cycles = {}, []
        for direction in DIRECTIONS:
            made = self._repaint(net, direction, self.held[direction]).clamp(0, 1)
            goal = self.held_out_descriptors[REVERSE[direction]]
            whole = kernel_distance(self.held_out_descriptors[direction], goal).clamp_min(0.01)
            left = kernel_distance(descriptor(self.perception, made), goal) / whole
            scores[direction] = float(left)
            back = self._repaint(net, REVERSE[direction], made)
            cycles.append(float(F.l1_loss(back.clamp(0, 1), self.held[direction])))
        cycle = sum(cycles) / 2
        return {"loss": sum(scores.values()) + 4 * cycle, **scores, "cycle": cycle}

    def sample(self, net: cyclegan.CycleGan) -> Pixels:
        """For each direction the inputs, the results, and the results turned back."""
        rows = []
        for direction in DIRECTIONS:
            given = self.held[direction][:SHOWN]
            made = self._repaint(net, direction, given).clamp(0, 1)
            rows += [given, made, self._repaint(net, REVERSE[direction], made)]
        return sheet(*rows)


def _split_features(features: Features, count: int = 2) -> list[Features]:
    """The features of `count` groups of pictures (count·b …), group by group."""
    parts = {tap: part.chunk(count) for tap, part in features.items()}
    return [{tap: part[number] for tap, part in parts.items()} for number in range(count)]


def _cycle_error(direction: str, output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error () of the means that a direction sees."""
    halvings = HALVINGS[direction]
    return F.l1_loss(downsample(output, halvings), downsample(target, halvings))


TASK = TaskSpec(
    id="cyclegan",
    title="CycleGAN",
    summary="Learns to turn photographs into paintings and back; the two folders need no "
    "matching pairs.",
    params=CycleGanParams,
    factory=CycleGanTask,
    takes_styles=True,
)
