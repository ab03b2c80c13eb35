"""Train `cnn`: a content encoder, a style coder and a decoder that paints in any style.

Every pair counts the same: style and content losses are divided by what they would be if the
content, or the style, were returned unchanged.  So a loss of 1 means "nothing gained", and the
weights mean the same for a pale watercolour and for a woodcut.  The style weight grows during
the first third, since a net that is asked for strong style from the start paints every picture
in one and the same average look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.nets import cnn, styleplug_encoder
from styleplug.training.data.pictures import Pictures, sheet
from styleplug.training.loop.precision import halved
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.losses.perception import (
    CONTENT,
    FLOOR,
    MOMENTS,
    Features,
    Perception,
    Style,
    chosen,
    gram,
    joined,
    relative,
    style_loss,
    variation,
)
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch, crop

STYLES, EACH = 4000, 40  # crops whose statistics are computed at once; of each style at most
RENEWED = 6000  # steps after which others take their place
COUNTED = 256  # crops that the coder's features are normalised by
CHUNK = 8


class CnnTraining(Params):
    """What decides a run."""

    start: Literal["embedded", "scratch"] = field(
        "embedded",
        label="Start from",
        help="The painter that comes with styleplug, which soon takes to new styles, or nothing.",
        words={"embedded": "Our painter", "scratch": SCRATCH},
    )
    size: int = crop(144)
    fine_size: int = field(
        192,
        label="Late crop",
        help="Side of the crops in the last third of the run.",
        ge=64,
        le=512,
        step=8,
        advanced=True,
    )
    batch: int = batch(4, "Pairs of content and style in a step.", least=1)
    style_weight: float = field(
        3.5,
        label="Style weight",
        help="How much style counts against content.",
        ge=0.1,
        le=20,
    )
    variation: float = field(
        0.1,
        label="Smoothing",
        help="Weight of the total variation.",
        ge=0,
        le=10,
        advanced=True,
    )
    identity: float = field(
        4.0,
        label="Identity",
        help="Weight of giving a picture back unchanged where it is its own style.",
        ge=0,
        le=50,
        advanced=True,
    )


class StyleBank:
    """Statistics of many style crops: what the coder is given, and what the loss asks for."""

    def __init__(self, perception: Perception, coder: cnn.Coder, styles: Pictures, size: int):
        self.perception, self.coder, self.styles, self.size = perception, coder, styles, size
        self.features = torch.empty(0)
        self.wanted: Style = {}

    @torch.no_grad()
    def fill(self, seed: int, epoch: int, device: torch.device) -> None:
        """Look at other crops."""
        known: list[Tensor] = []
        wanted: list[Style] = []
        for start in range(0, min(STYLES, EACH * len(self.styles)), CHUNK):
            crops = self.styles.batch(CHUNK, self.size, seed, 1, epoch, start).to(device)
            known.append(self.coder.features(*describe(self.perception.encoder, crops)))
            wanted.append(self.perception.style(self.perception(crops)))
        self.features, self.wanted = torch.cat(known), joined(wanted)

    def take(self, numbers: list[int]) -> tuple[Tensor, Style]:
        """Coder features (n k) and statistics by tap of some of them."""
        return self.features[numbers], chosen(self.wanted, numbers)


def describe(encoder: nn.Module, pictures: Tensor) -> tuple[Tensor, ...]:
    """Gram matrices (b c c) of every style tap, then means (b c), of pictures (b 3 h w)."""
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    with halved(pictures.device):
        taps = encoder(pictures)
    features = [taps[tap].float() for tap in styleplug_encoder.STYLE]
    return (*map(gram, features), *(part.mean((2, 3)) for part in features))


class CnnLesson(Lesson):
    """Pairs of a photograph and a painting, and now and then a picture with itself."""

    def __init__(self, materials: Materials, params: CnnTraining, device: torch.device, seed: int):
        self.materials, self.params, self.device, self.seed = materials, params, device, seed
        self.net = cnn.Painter().to(device, memory_format=torch.channels_last)
        self.perception = Perception(materials.teacher, materials.styles, seed).to(device)
        coder = self.net.coder
        self.bank = StyleBank(self.perception, coder, materials.styles, params.size)
        if params.start == "embedded":
            load_embedded(self.net, "cnn")
        else:
            self._normalise(materials.styles.batch(COUNTED, params.size, seed, 2).to(device))
        self.epoch = -1
        self.held = [
            materials.held_pictures.batch(8, params.fine_size, seed, 3).to(device),
            materials.held_styles.batch(8, params.fine_size, seed, 4).to(device),
        ]

    @torch.no_grad()
    def _normalise(self, crops: Tensor) -> None:
        """Let the coder see features of unit variance."""
        parts = [describe(self.perception.encoder, some) for some in crops.split(CHUNK)]
        coder = self.net.coder
        known = torch.cat([coder.features(*part) for part in parts])
        coder.centre.copy_(known.mean(0))
        coder.spread.copy_(known.std(0) + 1e-3)

    def _renew(self, step: int, size: int) -> None:
        epoch = (step // RENEWED) * 2 + (size == self.params.fine_size)
        if epoch != self.epoch:
            self.epoch, self.bank.size = epoch, size
            self.bank.fill(self.seed, epoch, self.device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Paint each photograph in a style, and the last one in its own."""
        late = progress > 2 / 3
        size = self.params.fine_size if late else self.params.size
        self._renew(step, size)
        count = self.params.batch
        sources = [self.materials.pictures] * count
        if rng.random() < 0.3:
            sources[0] = self.materials.styles
        content = torch.stack([source.crop(size, rng) for source in sources]).to(self.device)
        known, wanted = self.bank.take(rng.integers(len(self.bank.features), size=count).tolist())
        with torch.no_grad():
            own = self.net.coder.features(*describe(self.perception.encoder, content[-1:]))
            before = self.perception(content)
        pictures = torch.cat((content, content[-1:]))
        out = self._paint(self.net, pictures, torch.cat((known, own)))
        painted, same = out[:-1], out[-1:]
        after = self.perception(painted)
        style, moments = style_loss(after, before, wanted)
        kept = self._content_loss(after, before)
        begun = 0.3 if self.params.start == "scratch" else 1.0
        weight = self.params.style_weight * min(1.0, begun + 2.1 * progress)
        yield Loss(
            {
                "content": kept.mean(),
                "style": weight * style.mean(),
                "moments": MOMENTS * weight * moments.mean(),
                "variation": self.params.variation * variation(painted),
                "identity": self.params.identity * (same - content[-1:]).abs().mean(),
            }
        )

    def _content_loss(self, after: Features, before: Features) -> Tensor:
        """Relative distance (b), against that of another photograph of the batch."""
        apart = relative(after[CONTENT], before[CONTENT])
        others = relative(before[CONTENT].roll(1, 0), before[CONTENT]) if len(apart) > 1 else 1.0
        return apart / (others + FLOOR)

    def _paint(self, net: nn.Module, pictures: Tensor, known: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            painted = net.paint(pictures, *net.measure(pictures), net.coder.encode(known))
        return painted.float()

    def score(self, net: nn.Module) -> dict[str, float]:
        """Style and content losses of held-out pairs."""
        content, style = self.held
        described = describe(self.perception.encoder, style)
        out = self._paint(net, content, net.coder.features(*described))
        before, after = self.perception(content), self.perception(out)
        wanted = self.perception.style(self.perception(style))
        gains, moments = style_loss(after, before, wanted)
        kept = self._content_loss(after, before)
        found = {"style": gains, "moments": moments, "content": kept}
        parts = {name: float(part.mean()) for name, part in found.items()}
        style_part = parts["style"] + MOMENTS * parts["moments"]
        return {"loss": parts["content"] + self.params.style_weight * style_part, **parts}

    def sample(self, net: nn.Module) -> np.ndarray:
        """Contents above styles above results."""
        content, style = self.held
        described = describe(self.perception.encoder, style)
        out = self._paint(net, content, net.coder.features(*described))
        return sheet(content, style, out)


TASK = Task(
    id="cnn",
    title="Any style in one pass",
    summary="Learns from photographs and paintings to paint any picture in any style.",
    params=CnnTraining,
    lesson=CnnLesson,
    takes_styles=True,
)
