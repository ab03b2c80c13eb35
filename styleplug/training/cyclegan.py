"""Train `cyclegan`: photograph to painting and back, from two folders that hold no pairs.

Zhu et al. 2017, arXiv:1703.10593: adversarial, cycle and identity losses.  Departures, all of
them so that a short training gives brush marks instead of a tint, and leaves things what they are:

- Three critics a side judge small patches: one of pixels, one of pixels at half the size, and
  heads on the finer perceptual features.  Coarser ones would see what is shown, and ask for
  landscapes where photographs show animals.
- The adversarial loss is the non-saturating logistic one, with R1.
- The cycle is closed through a little noise, since generators hide the photograph in a pattern
  too faint to see (Chu et al. 2017, arXiv:1712.02950).
- The mean Gram matrices of a batch are drawn to those of all paintings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.methods.cyclegan import PAINTERS
from styleplug.nets import cyclegan
from styleplug.nets.cyclegan import DIRECTIONS, PAINT, PHOTOGRAPH
from styleplug.store import weights_folder
from styleplug.training.adversary import R1_EVERY, Critic, FeatureCritic, fool, r1, tell
from styleplug.training.bank import Bank
from styleplug.training.fields import SCRATCH, batch, crop
from styleplug.training.perception import (
    CONTENT,
    FLOOR,
    Features,
    Perception,
    gram,
    relative,
)
from styleplug.training.pictures import sheet
from styleplug.training.precision import halved
from styleplug.training.quality import descriptor, kernel_distance
from styleplug.training.task import Lesson, Loss, Materials, Task

PATCH = 32  # pixels, about, that a logit of the critic of pixels sees
FINE = 4  # stride of the coarsest features that are judged
COUNTED = 512  # pictures of each kind whose statistics are taken
HELD = 64  # pictures of each kind that are judged
SHOWN = 6
VIEW = 1.6  # of a crop's side: that of the part of a picture that it is cut from
HEADS = 3  # layers that the heads on features judge
BEGUN = 0.04  # of the run, by when critics count in full; first is learned what a picture is
HIDING = 0.02  # deviation of the noise that a made picture is given before it goes back
BACK = {PAINT: PHOTOGRAPH, PHOTOGRAPH: PAINT}
CHUNK = 32  # pictures looked at together
Pair = dict[str, Tensor]  # by direction
Grams = dict[str, Tensor]  # by tap


class CycleGanTraining(Params):
    """What decides a run."""

    start: Literal["scratch", "impressionism", "ukiyoe"] = field(
        "scratch",
        label="Start from",
        help="Nothing, or one of the pairs that come with styleplug, which already paint a little.",
        zh=("起点", "从零开始，或从自带的某一对网络（已略会作画）开始。"),
        words={"scratch": SCRATCH, **PAINTERS},
    )
    size: int = crop(128)
    batch: int = batch(
        8,
        "Photographs, and as many paintings, in a step.",
        "每一步的照片数，绘画数与之相同。",
        least=1,
    )
    adversarial: float = field(
        1.0,
        label="Adversarial weight",
        help="How much the critics count: raise it for bolder brush marks.",
        zh=("对抗权重", "判别器的比重：调高则笔触更大胆。"),
        ge=0,
        le=20,
    )
    cycle: float = field(
        5.0,
        label="Cycle weight",
        help="Weight of giving the picture back by the way there and back: raise it where things "
        "are lost.",
        zh=("循环权重", "往返后还原图片的比重：内容走样时调高。"),
        ge=0,
        le=100,
    )
    identity: float = field(
        2.0,
        label="Identity weight",
        help="Weight of leaving a painting as it is where it is to be painted: keeps colours.",
        zh=("恒等权重", "绘画再经绘画方向应保持不变的比重：有助于保持色彩。"),
        ge=0,
        le=100,
    )
    texture: float = field(
        0.5,
        label="Texture weight",
        help="Weight of Gram matrices like those of all paintings, on average.",
        zh=("纹理权重", "使平均 Gram 矩阵接近全部绘画的比重。"),
        ge=0,
        le=20,
        advanced=True,
    )
    content: float = field(
        0.3,
        label="Content weight",
        help="Weight of perceptual features like those of the picture before.",
        zh=("内容权重", "使感知特征接近原图的比重。"),
        ge=0,
        le=20,
        advanced=True,
    )
    r1: float = field(
        0.3,
        label="R1",
        help="Weight of the critics' squared gradient: raise it where training does not settle.",
        zh=("R1", "判别器梯度平方的比重：训练不稳定时调高。"),
        ge=0,
        le=100,
        advanced=True,
    )


class Critics(nn.Module):
    """What tells made pictures of one kind from real ones, by patches only."""

    def __init__(self, perception: Perception, size: int):
        super().__init__()
        self.fine, self.coarse = (Critic(PATCH, patches=True) for _ in range(2))
        self.heads = FeatureCritic(perception)
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, size, size, device=device))
        fine = [tap for tap in self.heads.heads if taps[tap].shape[-1] >= size // FINE]
        for tap in {*self.heads.heads} - {*fine[:HEADS]}:
            del self.heads.heads[tap]

    def forward(self, pictures: Tensor, features: Features) -> list[Tensor]:
        """Logits (b n) of each critic, of pictures (b 3 h w) and their features."""
        return [
            self.fine(pictures).float(),
            self.coarse(F.avg_pool2d(pictures, 2)).float(),
            self.heads(features).float(),
        ]

    def steepness(self, pictures: Tensor) -> Tensor:
        """R1 of both critics of pixels ()."""
        found = []
        for critic, seen in ((self.fine, pictures), (self.coarse, F.avg_pool2d(pictures, 2))):
            found.append(r1(critic, seen))
        return torch.stack(found).sum()


class CycleGanLesson(Lesson):
    """Both directions at once; photographs are `--data`, paintings are `--styles`.

    What belongs to a direction is kept by its name: under "paint" stand photographs, what was
    painted of them, and the critics of paintings.
    """

    betas = (0.5, 0.99)
    clip = 10.0
    rates = {"net": 0.4, "critic": 0.4}  # noqa: RUF012

    def __init__(
        self, materials: Materials, params: CycleGanTraining, device: torch.device, seed: int
    ):
        self.params, self.device = params, device
        self.net = cyclegan.build().to(device, memory_format=torch.channels_last)
        if params.start != "scratch":
            state = load_file(weights_folder() / f"cyclegan_{params.start}.safetensors")
            self.net.load_state_dict({key: value.float() for key, value in state.items()})
        self.perception = Perception(materials.teacher, materials.styles, seed).to(device)
        judges = {
            direction: Critics(self.perception, params.size).to(device) for direction in DIRECTIONS
        }
        self.critics = {"critic": nn.ModuleDict(judges)}
        kinds = dict(zip(DIRECTIONS, (materials.pictures, materials.styles), strict=True))
        held = dict(zip(DIRECTIONS, (materials.held_pictures, materials.held_styles), strict=True))
        side = round(VIEW * params.size)
        self.banks = {d: Bank(kind, side, device) for d, kind in kinds.items()}
        self.held = {d: self._some(Bank(held[d], side, device), HELD, seed) for d in DIRECTIONS}
        self.described = {d: descriptor(self.perception, self.held[d]) for d in DIRECTIONS}
        self.grams = {
            d: self._mean_grams(self._some(self.banks[d], COUNTED, seed)) for d in DIRECTIONS
        }

    def _crops(
        self, bank: Bank, rng: np.random.Generator, count: int, of: np.ndarray | None = None
    ) -> Tensor:
        """Parts (count 3 size size) of pictures, at about the size that they have."""
        views = bank.draw(rng, count, of)
        top, left = rng.integers(views.shape[-1] - self.params.size + 1, size=2)
        return views[..., top : top + self.params.size, left : left + self.params.size]

    def _some(self, bank: Bank, most: int, seed: int) -> Tensor:
        """Such parts, each of another picture as long as there are any."""
        count = min(most, max(SHOWN, len(bank)))
        numbers = np.arange(count) % len(bank)
        return self._crops(bank, np.random.default_rng(seed), count, numbers)

    @torch.no_grad()
    def _mean_grams(self, pictures: Tensor) -> Grams:
        parts = [self._grams(self.perception(some)) for some in pictures.split(CHUNK)]
        return {tap: torch.stack([part[tap] for part in parts]).mean(0) for tap in parts[0]}

    def _grams(self, features: Features) -> Grams:
        """Gram matrices (c c) by tap, averaged over pictures and positions."""
        return {tap: gram(features[tap]).mean(0) for tap in self.perception.style_taps}

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """The critics of both kinds, then both generators."""
        real = {d: self._crops(self.banks[d], rng, self.params.batch) for d in DIRECTIONS}
        made, same = self._first_way(real)
        before, after = self._features(real), self._features(made)
        judges = self.critics["critic"].requires_grad_(True)
        yield Loss(self._telling(real, before, made, after, step), trains="critic")
        judges.requires_grad_(False)  # what it would gather is not asked for
        fooled = [
            fool(logits)
            for direction in DIRECTIONS
            for logits in judges[direction](made[direction], after[direction])
        ]
        some = (self.params.batch + 1) // 2  # enough for a loss that says so much
        back = {d: self._repaint(self.net, BACK[d], _noisy(made[d][:some])) for d in DIRECTIONS}
        params = self.params
        begun = min(1.0, progress / BEGUN)
        terms = {
            "adversarial": begun * params.adversarial * torch.stack(fooled).sum() / 3,
            "cycle": params.cycle * _both(lambda d: _apart(back[d], real[d][:some])),
            "identity": params.identity
            * _both(lambda d: _apart(same[d], real[BACK[d]][: len(same[d])])),
            "texture": params.texture * _both(lambda d: self._texture(after[d], d)),
            "content": params.content
            * _both(lambda d: relative(after[d][CONTENT], before[d][CONTENT]).mean()),
        }
        yield Loss(terms)
        judges.requires_grad_(True)

    def _first_way(self, real: Pair) -> tuple[Pair, Pair]:
        """What is made of both kinds, and of some that already are what is to be made."""
        made, same = {}, {}
        for direction in DIRECTIONS:
            count = len(real[direction])
            given = torch.cat((real[direction], real[BACK[direction]][: (count + 3) // 4]))
            out = self._repaint(self.net, direction, given)
            made[direction], same[direction] = out[:count], out[count:]
        return made, same

    def _repaint(self, net: nn.Module, direction: str, pictures: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            return net.get_submodule(direction)(pictures, torch.randn_like(pictures[:, :1])).float()

    def _features(self, pictures: Pair) -> dict[str, Features]:
        """Of both directions, looked at together."""
        found = self.perception(torch.cat([pictures[d] for d in DIRECTIONS]))
        halves = {tap: part.chunk(2) for tap, part in found.items()}
        return {
            d: {tap: parts[i] for tap, parts in halves.items()} for i, d in enumerate(DIRECTIONS)
        }

    def _telling(
        self,
        real: Pair,
        before: dict[str, Features],
        made: Pair,
        after: dict[str, Features],
        step: int,
    ) -> dict[str, Tensor]:
        """Loss of the critics, and now and then R1."""
        told, steep = [], []
        for direction, judge in self.critics["critic"].items():
            goal = BACK[direction]  # under which stand the real ones of what is made
            seen = {
                tap: torch.cat((part, after[direction][tap].detach()))
                for tap, part in before[goal].items()
            }
            judged = judge(torch.cat((real[goal], made[direction].detach())), seen)
            told += [tell(*logits.chunk(2)) for logits in judged]
            if self.params.r1 and step % R1_EVERY == 0:
                steep.append(judge.steepness(real[goal]))
        terms = {"critic": torch.stack(told).sum() / 3}
        return terms | (
            {"r1": self.params.r1 * R1_EVERY * torch.stack(steep).sum()} if steep else {}
        )

    def _texture(self, features: Features, direction: str) -> Tensor:
        """Distance () of mean Gram matrices to the goal's; 1 where nothing is gained."""
        wanted, source = self.grams[BACK[direction]], self.grams[direction]
        found = []
        for tap, now in self._grams(features).items():
            goal = wanted[tap][None]
            found.append(relative(now[None], goal) / (relative(source[tap][None], goal) + FLOOR))
        return torch.cat(found).mean()

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


def _noisy(pictures: Tensor) -> Tensor:
    return pictures + HIDING * torch.randn_like(pictures)


def _both(term: Callable[[str], Tensor]) -> Tensor:
    """Sum () of what a term gives for the two directions."""
    return torch.stack([term(direction) for direction in DIRECTIONS]).sum()


def _apart(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error ()."""
    return (found - wanted).abs().mean()


TASK = Task(
    id="cyclegan",
    title="Photographs and paintings, both ways",
    summary="Learns from photographs and paintings, no two of which show the same, to turn one "
    "into the other and back.",
    zh=("照片与绘画互转", "从互不对应的照片与绘画中学习两者间的双向转换。"),
    params=CycleGanTraining,
    lesson=CycleGanLesson,
    takes_styles=True,
)
