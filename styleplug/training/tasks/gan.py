"""Train `gan`: two pairs of generator and discriminator.

The losses are adversarial, Goodfellow et al. 2014 (arXiv:1406.2661).  In the first pair the mapping
learns to make styles like those of real pictures.  Its discriminator is convolutional and sees the
low-frequency layouts of the styles.  Its loss is relativistic, with R1 at real and generated styles
(Huang et al. 2024, arXiv:2501.05441).  It needs a much higher learning rate than the mapping.

In the second pair the painter learns to add detail to layouts.  Most of their styles come from the
mapping, which also learns from this loss; some come from real pictures, and the painter must
reconstruct these pictures.  The discriminators are small heads on frozen perceptual features
(Sauer et al. 2021, arXiv:2111.01007).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import gan
from styleplug.nets.gan import NOISE, STYLE, Generator
from styleplug.training.data.bank import MARGIN, Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.adversarial import (
    R1_EVERY,
    FeatureDiscriminator,
    discriminator_loss,
    frozen,
    generator_loss,
    r1_exact,
    relativistic_loss,
)
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch
from styleplug.training.tasks.shared.generator import COLUMNS, ROWS, WHOLE_MARGIN, whole
from styleplug.training.tasks.shared.latent_space import LatentSpace, LayoutDiscriminator
from styleplug.training.tasks.shared.principal_components import (
    PrincipalComponents,
    change_basis,
    fit_linear,
)

SCORED = 256  # generated pictures for the score
CENTRE_RATE = 0.01  # share of a step in the mean style
STYLE_BATCHES = 4  # batches of styles in a step of the first pair
MAX_COMPONENT_PICTURES = 4096  # pictures at most that the components are computed from
REAL_SHARE = 1 / 4  # share of real pictures in the second pair
RECONSTRUCTION_STEPS = 150  # first steps, without discriminators in the second pair
FIRST_PIXEL_WEIGHT = 4.0  # weight of single numbers in the reconstruction, in these steps
PIXEL_WEIGHT = 0.3  # and after them
R1_WEIGHT = 0.05  # weight in the first pair


class GanParams(Params):
    """Parameters of the task."""

    start: Literal["embedded", "scratch"] = field(
        "embedded",
        label="Start from",
        help="The network that comes with styleplug, which makes faces, or a random one, which "
        "takes hours.",
        words={"embedded": "The embedded network", "scratch": SCRATCH},
    )
    batch: int = batch(
        16,
        "Real pictures in a step, and as many generated ones.",
        most=512,
    )
    follow_weight: float = field(
        1.0,
        label="Reconstruction weight",
        help="Weight of the reconstruction of real pictures: higher values give more faithful, "
        "softer pictures.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    whole: bool = whole()


class GanTask(TrainingTask[Generator]):
    """Pictures from noise.

    Args:
        seed: of the choices made once.
    """

    betas = (0.0, 0.99)
    max_grad_norm = 10.0
    ema_decay = 0.995  # with a longer average, styles become too similar
    rate_factors = {"net": 0.15, "styles": 1.0, "canvases": 1.0}  # noqa: RUF012

    def __init__(
        self,
        datasets: Datasets,
        params: GanParams,
        device: torch.device,
        seed: int,
    ):
        self.params, self.device = params, device
        self.net = gan.build()
        if params.start == "embedded":
            load_embedded(self.net, "gan")
        self.net.to(device).to(memory_format=torch.channels_last)
        margin = WHOLE_MARGIN if params.whole else MARGIN
        self.bank = Bank(datasets.pictures, self.net.side, device, margin=margin)
        rng = np.random.default_rng((seed, 2))
        chosen = rng.permutation(len(self.bank))[:MAX_COMPONENT_PICTURES]
        pictures = self.bank.draw(rng, len(chosen), indices=chosen)
        self.latent_space = LatentSpace(self.net, pictures)
        both = torch.cat((pictures, pictures.flip(3)))
        self.components = PrincipalComponents(both, STYLE)
        styles = self.components.project(pictures)
        basis, plain = fit_linear(styles, self.latent_space.encode(pictures))
        if params.start == "embedded":
            change_basis(self.net, basis, plain)
        self.net.basis.copy_(basis)
        self.net.plain.copy_(plain)
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(device)
        layout_critic = LayoutDiscriminator(self.net, styles).to(device)
        self.latent_critic = FeatureDiscriminator(self.perception).to(device)
        self.discriminators = {"styles": layout_critic, "canvases": self.latent_critic}
        held = Bank(datasets.held_out_pictures, self.net.side, device, margin=1)
        every = held.draw(rng, len(held), indices=np.arange(len(held)))
        self.held = descriptor(self.perception, every)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Both pairs: first the loss of the discriminator, then that of the generator."""
        yield from self._mapping_losses(step, rng)
        yield from self._painter_losses(step, rng)

    def _mapping_losses(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The first pair."""
        count, discriminator = STYLE_BATCHES * self.params.batch, self.discriminators["styles"]
        with torch.no_grad():
            real = self.components.project(self.bank.draw(rng, count))
        made = self.net.map(self._noise(count))
        real_logits = discriminator(real)
        logits = discriminator(made.detach())
        terms = {"styles": relativistic_loss(logits, real_logits)}
        if step % R1_EVERY == 0:
            penalties = [r1_exact(discriminator, styles) for styles in (real, made)]
            terms["styles r1"] = R1_WEIGHT / 2 * R1_EVERY * torch.stack(penalties).sum()
        yield Loss(terms, trains="styles")
        with frozen(discriminator):
            logits = discriminator(made)
        yield Loss({"map": relativistic_loss(real_logits.detach(), logits)})
        self._update_centre(made.detach())

    def _painter_losses(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The second pair."""
        net, latent_space, discriminator = (
            self.net,
            self.latent_space,
            self.latent_critic,
        )
        count = self.params.batch
        with torch.no_grad():
            pictures = self.bank.draw(rng, count)
            real, real_styles = latent_space.encode(pictures), self.components.project(pictures)
        some = max(1, round(REAL_SHARE * count))
        mapped = net.map(self._noise(count - some))
        style = torch.cat((real_styles[:some], mapped))
        layout = net.layout(style)
        made = layout + net.painter(layout, style)
        weight = FIRST_PIXEL_WEIGHT if step < RECONSTRUCTION_STEPS else PIXEL_WEIGHT
        error = latent_space.reconstruction_loss(made, real[:some], layout, weight)
        terms = {"likeness": self.params.follow_weight * error}
        if step >= RECONSTRUCTION_STEPS:
            with torch.no_grad():  # real pictures also pass the decoder
                real_features = self.perception(latent_space.decode_scaled(real))
            features = self.perception(latent_space.decode_scaled(made))
            detached = {tap: part.detach() for tap, part in features.items()}
            pairs = zip(
                discriminator.each(real_features),
                discriminator.each(detached),
                strict=True,
            )
            loss = torch.stack([discriminator_loss(*pair) for pair in pairs]).mean()
            yield Loss({"critic": loss}, trains="canvases")
            with frozen(discriminator):
                fooled = [generator_loss(logits) for logits in discriminator.each(features)]
            terms["painter"] = torch.stack(fooled).mean()
        yield Loss(terms)

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, NOISE, device=self.device)

    @torch.no_grad()
    def _update_centre(self, style: Tensor) -> None:
        """Update the mean style with the styles of this step."""
        self.net.centre += CENTRE_RATE * (style.float().mean(0) - self.net.centre)

    def _generate(self, net: Generator, count: int) -> Tensor:
        """Random pictures (b 3 h w)."""
        return self.latent_space.decode(net.paint(net.map(self._noise(count))))

    def score(self, net: Generator) -> dict[str, float]:
        """Distance of generated pictures to held-out ones, and their relative diversity."""
        found = descriptor(self.perception, self._generate(net, SCORED))
        return {
            "distance": float(kernel_distance(found, self.held)),
            "diversity": float(diversity(found) / diversity(self.held)),
        }

    def sample(self, net: Generator) -> Pixels:
        """Rows of generated pictures."""
        return sheet(*torch.split(self._generate(net, ROWS * COLUMNS), COLUMNS))


TASK = TaskSpec(
    id="gan",
    least=2,
    title="GAN",
    summary="Learns to make pictures of 64 × 64 pixels like the given ones, with dense layers.",
    params=GanParams,
    factory=GanTask,
)
