"""Train `cyclegan`: photograph to painting and back, from two folders that hold no pairs.

Zhu et al. 2017, arXiv:1703.10593: adversarial, cycle and identity losses.  Departures, all of
them so that a short training gives brush marks instead of a tint, and leaves things what they are:

- Generators see means only (`styleplug/nets/cyclegan.py`), so the identity loss says more than in
  the paper: that a painting is to be painted again from its means alone.  That is a lesson with an
  answer.  Its colours are first made those of a photograph, so that the palette is learned as well.
- Of a photograph there is no right painting, but the statistics are asked for of those paintings
  whose colours have the same place among paintings, and the features of the photograph at a coarse
  layer (Gatys et al. 2016).  Of a painting only the colours of a photograph are asked for:
  textures of photographs are those of what they show, and their mean makes skies of cobbles, while
  the features of a painting are in part those of its dabs.
- Three critics a side judge small patches: one of pixels, one of pixels at half the size, and
  heads on the finer perceptual features.  Coarser ones would see what is shown, and ask for
  landscapes where photographs show animals.
- The adversarial loss is relativistic, with R1: a painting is paired with what was painted of its
  own means, and with what was painted of a photograph.
- The cycle is closed in the means that were seen, since finer things are painted, not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.methods.cyclegan import PAINTERS
from styleplug.nets import cyclegan
from styleplug.nets.cyclegan import DIRECTIONS, HALVINGS, PAINT, PHOTOGRAPH, enlarged, sketch
from styleplug.training.data.bank import Bank
from styleplug.training.data.kinds import Kind
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import halved
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.losses.adversary import R1_EVERY, PatchCritics, outdo
from styleplug.training.losses.perception import (
    CONTENT,
    MOMENTS,
    Features,
    Perception,
    relative,
    style_loss,
)
from styleplug.training.losses.quality import descriptor, kernel_distance
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch, crop

COUNTED, EACH = 768, 6  # crops of each kind whose statistics are taken; of a picture at most
HELD = 24  # pictures of each kind that are judged
SHOWN = 6
VIEW = 2.2  # of a crop's side: that of the part of a picture that it is cut from
BEGUN = 0.04  # of the run, by when critics count in full; first is learned what a picture is
BACK = {PAINT: PHOTOGRAPH, PHOTOGRAPH: PAINT}
Pair = dict[str, Tensor]  # by direction


class CycleGanTraining(Params):
    """What decides a run."""

    start: Literal["scratch", "impressionism", "ukiyoe"] = field(
        "scratch",
        label="Start from",
        help="Nothing, or one of the pairs that come with styleplug, which already paint a little.",
        words={"scratch": SCRATCH, **PAINTERS},
    )
    ways: Literal["both", "paint", "photograph"] = field(
        "both",
        label="Directions",
        help="What is learned: both directions, or one of them, while the other stays as it is.",
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
        help="How much larger paintings are seen than photographs: raise it for broader marks.",
        ge=1,
        le=4,
    )
    adversarial: float = field(
        2.0,
        label="Adversarial weight",
        help="How much the critics count: raise it for bolder brush marks.",
        ge=0,
        le=20,
    )
    cycle: float = field(
        5.0,
        label="Cycle weight",
        help="Weight of giving the picture back by the way there and back: raise it where things "
        "are lost.",
        ge=0,
        le=100,
    )
    identity: float = field(
        1.0,
        label="Identity weight",
        help="Weight of painting a painting again, of its means in the colours of a photograph.",
        ge=0,
        le=100,
    )
    style: float = field(
        8.0,
        label="Style weight",
        help="Weight of Gram matrices like those of pictures of the other kind of like colours.",
        ge=0,
        le=20,
        advanced=True,
    )
    content: float = field(
        1.0,
        label="Content weight",
        help="Weight of perceptual features like those of the picture before.",
        ge=0,
        le=20,
        advanced=True,
    )
    r1: float = field(
        0.005,
        label="R1",
        help="Weight of the critics' squared gradient: raise it where training does not settle.",
        ge=0,
        le=100,
        advanced=True,
    )


class CycleGanLesson(Lesson):
    """Both directions at once, or one of them; photographs are `--data`, paintings are `--styles`.

    What belongs to a direction is kept by its name: under "paint" stand photographs, what was
    painted of them, and the critics of paintings.
    """

    betas = (0.5, 0.99)
    clip = 10.0
    decay = 0.995
    rates = {"net": 1.0, "critic": 1.2}  # noqa: RUF012

    def __init__(
        self, materials: Materials, params: CycleGanTraining, device: torch.device, seed: int
    ):
        self.params, self.device = params, device
        self.net = cyclegan.build().to(device, memory_format=torch.channels_last)
        if params.start != "scratch":
            load_embedded(self.net, f"cyclegan_{params.start}")
        self.taught = DIRECTIONS if params.ways == "both" else (params.ways,)
        for d in {*DIRECTIONS} - {*self.taught}:
            self.net.get_submodule(d).requires_grad_(False)
        self.perception = Perception(materials.teacher, materials.styles, seed).to(device)
        judges = {
            direction: PatchCritics(self.perception, params.size).to(device)
            for direction in self.taught
        }
        self.critics = {"critic": nn.ModuleDict(judges)}
        known = dict(zip(DIRECTIONS, (materials.pictures, materials.styles), strict=True))
        held = dict(zip(DIRECTIONS, (materials.held_pictures, materials.held_styles), strict=True))
        view = VIEW * params.size
        sides = {PAINT: round(view), PHOTOGRAPH: round(params.marks * view)}
        self.banks = {d: Bank(kind, sides[d], device) for d, kind in known.items()}
        self.held = {
            d: self._some(Bank(held[d], sides[d], device), HELD, 2 * params.size, seed)
            for d in DIRECTIONS
        }
        self.described = {d: descriptor(self.perception, self.held[d]) for d in DIRECTIONS}
        # Of photographs, no textures are asked: theirs are those of what they show.
        typical = {PAINT: None, PHOTOGRAPH: self.perception}
        with torch.no_grad():
            self.kinds = {
                d: Kind(typical[d], self._some(self.banks[d], COUNTED, params.size, seed))
                for d in DIRECTIONS
            }

    def _crops(
        self,
        bank: Bank,
        rng: np.random.Generator,
        count: int,
        side: int,
        of: np.ndarray | None = None,
    ) -> Tensor:
        """Parts (count 3 side side) of pictures, at about the size that they have."""
        views = bank.draw(rng, count, of)
        top, left = rng.integers(views.shape[-1] - side + 1, size=2)
        return views[..., top : top + side, left : left + side]

    def _some(self, bank: Bank, most: int, side: int, seed: int) -> Tensor:
        """Such parts, each of another picture as long as there are any; `EACH` of one at most.

        A few at a time, since those of one draw are all cut from the same place.
        """
        numbers = np.arange(min(most, EACH * len(bank))) % len(bank)
        rng = np.random.default_rng(seed)
        parts = np.split(numbers, range(SHOWN, len(numbers), SHOWN))
        return torch.cat([self._crops(bank, rng, len(some), side, some) for some in parts])

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """The critics of both kinds, then both generators."""
        params, count = self.params, self.params.batch
        real = {d: self._crops(self.banks[d], rng, count, params.size) for d in DIRECTIONS}
        with torch.no_grad():
            given = {
                d: torch.cat((real[d], self._disguised(real[BACK[d]], d))) for d in self.taught
            }
            seen = {
                d: enlarged(sketch(some, HALVINGS[d]), HALVINGS[d]) for d, some in given.items()
            }
            sharp, before = self._features(real), self._features(seen)
        made = {d: self._repaint(self.net, d, given[d]) for d in self.taught}
        after = self._features(made)
        judges = self.critics["critic"].requires_grad_(True)
        truth = {d: judges[d](real[BACK[d]], sharp[BACK[d]]) for d in self.taught}
        yield Loss(self._telling(real, truth, made, after, step), trains="critic")
        judges.requires_grad_(False)  # what it would gather is not asked for
        fooled = [
            outdo(told.detach(), logits)
            for d in self.taught
            for half in zip(made[d].chunk(2), _parts(after[d]), strict=True)
            for told, logits in zip(truth[d], judges[d](*half), strict=True)
        ]
        some = (count + 1) // 2  # enough for a loss that says so much
        back = {d: self._repaint(self.net, BACK[d], made[d][:some]) for d in self.taught}
        begun = min(1.0, progress / BEGUN)
        style, content = self._likeness(real, sharp, before, after)
        terms = {
            "adversarial": begun * params.adversarial * torch.stack(fooled).sum() / 6,
            "cycle": params.cycle * self._each(lambda d: _means(d, back[d], real[d][:some])),
            "identity": params.identity
            * self._each(lambda d: _apart(made[d][count:], real[BACK[d]])),
            "style": params.style * style,
            "content": params.content * content,
        }
        yield Loss(terms)
        judges.requires_grad_(True)

    def _likeness(
        self,
        real: Pair,
        sharp: dict[str, Features],
        before: dict[str, Features],
        after: dict[str, Features],
    ) -> tuple[Tensor, Tensor]:
        """Distances () in style to what is asked for, and in content to what was given."""
        styles, contents = [], []
        for d in self.taught:
            asked = self.kinds[BACK[d]].counterparts(real[d], self.kinds[d])
            own = self.perception.style(sharp[BACK[d]])
            for was, found, wanted in zip(
                _parts(before[d]), _parts(after[d]), (asked, own), strict=True
            ):
                style, moments = style_loss(found, was, wanted)
                styles.append((style + MOMENTS * moments).mean() / 2)
            content = torch.cat((sharp[d][CONTENT], sharp[BACK[d]][CONTENT]))
            apart = relative(after[d][CONTENT], content)
            # Where no textures are asked for, those of what is given are not to stay, either.
            contents.append((apart if self.kinds[BACK[d]].style else apart.chunk(2)[1]).mean())
        return torch.stack(styles).sum(), torch.stack(contents).sum()

    def _disguised(self, pictures: Tensor, direction: str) -> Tensor:
        """What a direction is to make (b 3 h w), in the colours of what it is given as a rule."""
        return self.kinds[direction].recolour(pictures, self.kinds[BACK[direction]])

    def _repaint(self, net: nn.Module, direction: str, pictures: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            return net.get_submodule(direction)(pictures, torch.randn_like(pictures[:, :1])).float()

    def _each(self, term: Callable[[str], Tensor]) -> Tensor:
        """Sum () of what a term gives for each direction that is taught."""
        return torch.stack([term(direction) for direction in self.taught]).sum()

    def _features(self, pictures: Pair) -> dict[str, Features]:
        """Of both directions, looked at together."""
        found = self.perception(torch.cat(list(pictures.values())))
        parts = _parts(found, len(pictures))
        return dict(zip(pictures, parts, strict=True))

    def _telling(
        self,
        real: Pair,
        truth: dict[str, list[Tensor]],
        made: Pair,
        after: dict[str, Features],
        step: int,
    ) -> dict[str, Tensor]:
        """Loss of the critics, and now and then R1."""
        told, steep = [], []
        for direction, judge in self.critics["critic"].items():
            seen = {tap: part.detach() for tap, part in after[direction].items()}
            for half in zip(made[direction].detach().chunk(2), _parts(seen), strict=True):
                told += [
                    outdo(*logits) for logits in zip(judge(*half), truth[direction], strict=True)
                ]
            if self.params.r1 and step % R1_EVERY == 0:
                steep.append(judge.steepness(real[BACK[direction]]))
        terms = {"critic": torch.stack(told).sum() / 6}
        return terms | (
            {"r1": self.params.r1 * R1_EVERY * torch.stack(steep).sum()} if steep else {}
        )

    def score(self, net: nn.Module) -> dict[str, float]:
        """How far made pictures still are from their goal (1: nothing gained), and the cycle."""
        scores, cycles = {}, []
        for direction in DIRECTIONS:
            made = self._repaint(net, direction, self.held[direction]).clamp(0, 1)
            goal = self.described[BACK[direction]]
            whole = kernel_distance(self.described[direction], goal).clamp_min(0.01)
            left = kernel_distance(descriptor(self.perception, made), goal) / whole
            scores[direction] = float(left)
            back = self._repaint(net, BACK[direction], made)
            cycles.append(float(_apart(back.clamp(0, 1), self.held[direction])))
        cycle = sum(cycles) / 2
        return {"loss": sum(scores.values()) + 4 * cycle, **scores, "cycle": cycle}

    def sample(self, net: nn.Module) -> np.ndarray:
        """For each direction what there was, what is made of it, and what comes back."""
        rows = []
        for direction in DIRECTIONS:
            given = self.held[direction][:SHOWN]
            made = self._repaint(net, direction, given).clamp(0, 1)
            rows += [given, made, self._repaint(net, BACK[direction], made)]
        return sheet(*rows)


def _parts(features: Features, count: int = 2) -> list[Features]:
    """The features of some pictures (n b …), of so many parts one after the other."""
    parts = {tap: part.chunk(count) for tap, part in features.items()}
    return [{tap: part[number] for tap, part in parts.items()} for number in range(count)]


def _means(direction: str, found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error () of the means that a direction sees."""
    halvings = HALVINGS[direction]
    return _apart(sketch(found, halvings), sketch(wanted, halvings))


def _apart(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error ()."""
    return (found - wanted).abs().mean()


TASK = Task(
    id="cyclegan",
    title="Photographs and paintings, both ways",
    summary="Learns from photographs and paintings, no two of which show the same, to turn one "
    "into the other and back.",
    params=CycleGanTraining,
    lesson=CycleGanLesson,
    takes_styles=True,
)
