"""Train `cnn`: a content encoder, a style coder and a decoder that paints in any style.

Content and style losses are divided by their value for an unchanged content, or for the style
itself.  So a loss of 1 means that nothing was gained, and weights mean the same for a pale
watercolour and for a woodcut.  The style weight grows in the first third of the run: with a strong
style from the start, the network would paint every picture in one average style.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import cnn, styleplug_encoder
from styleplug.training.data.pictures import Pictures, sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.perception import (
    CONTENT,
    FLOOR,
    MOMENTS,
    Features,
    Perception,
    Style,
    concatenated,
    gram,
    relative_error,
    select,
    style_loss,
    variation,
)
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch, crop

BANK_CROPS, PER_STYLE = 4000, 40  # crops in the style bank; of each style at most
REFRESH_STEPS = 6000  # steps until the crops are replaced
NORMALISATION_CROPS = 256  # crops for the normalisation of coder features
CHUNK = 8


class CnnParams(Params):
    """Parameters of the task."""

    start: Literal["embedded", "scratch"] = field(
        "embedded",
        label="Start from",
        help="The network that comes with styleplug, which quickly learns new styles, or a random "
        "one.",
        words={"embedded": "The embedded network", "scratch": SCRATCH},
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
        help="Weight of style against content.",
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
        help="Weight of leaving a picture unchanged if it is its own style.",
        ge=0,
        le=50,
        advanced=True,
    )


class StyleBank:
    """Statistics of many style crops: inputs of the coder, and targets of the loss."""

    def __init__(self, perception: Perception, coder: cnn.Coder, styles: Pictures, size: int):
        self.perception, self.coder, self.styles, self.size = perception, coder, styles, size
        self.features = torch.empty(0)
        self.targets: Style = {}

    @torch.no_grad()
    def fill(self, seed: int, epoch: int, device: torch.device) -> None:
        """Compute the statistics of new crops."""
        code_features: list[Tensor] = []
        targets: list[Style] = []
        for start in range(0, min(BANK_CROPS, PER_STYLE * len(self.styles)), CHUNK):
            crops = self.styles.batch(CHUNK, self.size, seed, 1, epoch, start).to(device)
            code_features.append(self.coder.features(*describe(self.perception.encoder, crops)))
            targets.append(self.perception.style(self.perception(crops)))
        self.features, self.targets = torch.cat(code_features), concatenated(targets)

    def take(self, numbers: list[int]) -> tuple[Tensor, Style]:
        """Coder features (n k), and statistics by tap, of some crops."""
        return self.features[numbers], select(self.targets, numbers)


def describe(encoder: nn.Module, pictures: Tensor) -> tuple[Tensor, ...]:
    """Gram matrices (b c c) of every style tap, then means (b c), of pictures (b 3 h w)."""
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    with autocast(pictures.device):
        taps = encoder(pictures)
    features = [taps[tap].float() for tap in styleplug_encoder.STYLE]
    return (*map(gram, features), *(part.mean((2, 3)) for part in features))


class CnnTask(TrainingTask[cnn.Painter]):
    """Pairs of a photograph and a painting, and a picture with itself."""

    def __init__(self, datasets: Datasets, params: CnnParams, device: torch.device, seed: int):
        self.datasets, self.params, self.device, self.seed = datasets, params, device, seed
        self.net = cnn.Painter().to(device).to(memory_format=torch.channels_last)
        self.perception = Perception(datasets.teacher, datasets.styles, seed).to(device)
        coder = self.net.coder
        self.bank = StyleBank(self.perception, coder, datasets.styles, params.size)
        if params.start == "embedded":
            load_embedded(self.net, "cnn")
        else:
            self._normalise(
                datasets.styles.batch(NORMALISATION_CROPS, params.size, seed, 2).to(device)
            )
        self.epoch = -1
        self.held = [
            datasets.held_out_pictures.batch(8, params.fine_size, seed, 3).to(device),
            datasets.held_out_styles.batch(8, params.fine_size, seed, 4).to(device),
        ]

    @torch.no_grad()
    def _normalise(self, crops: Tensor) -> None:
        """Give the features of the coder unit variance."""
        parts = [describe(self.perception.encoder, some) for some in torch.split(crops, CHUNK)]
        coder = self.net.coder
        code_features = torch.cat([coder.features(*part) for part in parts])
        coder.centre.copy_(code_features.mean(0))
        coder.spread.copy_(code_features.std(0) + 1e-3)

    def _refresh_bank(self, step: int, size: int) -> None:
        epoch = (step // REFRESH_STEPS) * 2 + (size == self.params.fine_size)
        if epoch != self.epoch:
            self.epoch, self.bank.size = epoch, size
            self.bank.fill(self.seed, epoch, self.device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Paint each photograph in a style, and the last one in its own."""
        late = progress > 2 / 3
        size = self.params.fine_size if late else self.params.size
        self._refresh_bank(step, size)
        count = self.params.batch
        sources = [self.datasets.pictures] * count
        if rng.random() < 0.3:
            sources[0] = self.datasets.styles
        content = torch.stack([source.crop(size, rng) for source in sources]).to(self.device)
        code_features, targets = self.bank.take(
            rng.integers(len(self.bank.features), size=count).tolist()
        )
        with torch.no_grad():
            own = self.net.coder.features(*describe(self.perception.encoder, content[-1:]))
            before = self.perception(content)
        pictures = torch.cat((content, content[-1:]))
        out = self._paint(self.net, pictures, torch.cat((code_features, own)))
        painted, unchanged = out[:-1], out[-1:]
        after = self.perception(painted)
        style, moments = style_loss(after, before, targets)
        content_loss = self._content_loss(after, before)
        start = 0.3 if self.params.start == "scratch" else 1.0
        weight = self.params.style_weight * min(1.0, start + 2.1 * progress)
        yield Loss(
            {
                "content": content_loss.mean(),
                "style": weight * style.mean(),
                "moments": MOMENTS * weight * moments.mean(),
                "variation": self.params.variation * variation(painted),
                "identity": self.params.identity * (unchanged - content[-1:]).abs().mean(),
            }
        )

    def _content_loss(self, after: Features, before: Features) -> Tensor:
        """Relative distance (b), divided by that of another photograph of the batch."""
        error = relative_error(after[CONTENT], before[CONTENT])
        if len(error) == 1:
            return error / (1.0 + FLOOR)
        others = relative_error(before[CONTENT].roll(1, 0), before[CONTENT])
        return error / (others + FLOOR)

    def _paint(self, net: cnn.Painter, pictures: Tensor, code_features: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            painted = net.paint(pictures, *net.measure(pictures), net.coder.encode(code_features))
        return painted.float()

    def score(self, net: cnn.Painter) -> dict[str, float]:
        """Style and content losses of held-out pairs."""
        content, style = self.held
        described = describe(self.perception.encoder, style)
        out = self._paint(net, content, net.coder.features(*described))
        before, after = self.perception(content), self.perception(out)
        targets = self.perception.style(self.perception(style))
        style_losses, moments = style_loss(after, before, targets)
        content_loss = self._content_loss(after, before)
        found = {"style": style_losses, "moments": moments, "content": content_loss}
        parts = {name: float(part.mean()) for name, part in found.items()}
        style_part = parts["style"] + MOMENTS * parts["moments"]
        return {"loss": parts["content"] + self.params.style_weight * style_part, **parts}

    def sample(self, net: cnn.Painter) -> Pixels:
        """Contents above styles above results."""
        content, style = self.held
        described = describe(self.perception.encoder, style)
        out = self._paint(net, content, net.coder.features(*described))
        return sheet(content, style, out)


TASK = TaskSpec(
    id="cnn",
    title="One pass",
    summary="Learns from photographs and paintings to paint any picture in any style.",
    params=CnnParams,
    factory=CnnTask,
    takes_styles=True,
)
