"""Train `vae`: a variational autoencoder of photographs and paintings, that also learns to paint.

Kingma & Welling 2014, arXiv:1312.6114: the evidence lower bound, with the likelihood by pixels
and, since pixels alone blur, by perceptual features and their Gram matrices (as in Hou et al.
2017, arXiv:1610.00291).  The KL term counts little (beta, Higgins et al. 2017): it keeps the
latent near unit variance and its noise as large as the pictures can bear.

Beyond the bound, and a departure from the papers: of every four latents three are decoded with
the mean and covariance of another's, and the result is asked to look like that other picture.
So moments of the latent come to mean style, and the decoder learns what to do with them.  A
little noise goes in before, of which it can make brush marks where the content is flat.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.nets import vae
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import halved
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.losses.perception import (
    CONTENT,
    FLOOR,
    MOMENTS,
    Features,
    Perception,
    gram,
    relative,
    style_loss,
    style_statistics,
    variation,
)
from styleplug.training.tasks.shared.fields import batch, crop

STARTING = 256  # crops that the principal components are taken of
RIDGE = 0.03  # of the mean variance, added to all; so what a picture lacks is not made of noise
GRAIN = 0.3  # largest deviation of the noise from which the decoder learns to make brush marks
HALVES = (slice(0, 8), slice(8, 16))  # of the held-out pictures: contents, styles


class VaeTraining(Params):
    """What decides a run."""

    size: int = crop(128)
    batch: int = batch(4)
    beta: float = field(
        0.01,
        label="Beta",
        help="Weight of the KL term: raise it for a smoother latent and softer pictures.",
        ge=0.0,
        le=10.0,
    )
    picture_weight: float = field(
        30.0,
        label="Picture weight",
        help="Weight of the absolute difference of pixels.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    feature_weight: float = field(
        1.0,
        label="Feature weight",
        help="Weight of the difference of perceptual features and of their statistics.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    style_weight: float = field(
        3.0,
        label="Style weight",
        help="How much it learns to paint with the moments of another picture's latent; 0 trains "
        "a plain variational autoencoder.",
        ge=0.0,
        le=20.0,
    )


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), element by element."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp())


def reparameterise(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """The sample mean + deviation · noise, through which gradients reach both."""
    return mean + (0.5 * log_variance).exp() * noise


def with_moments(latent: Tensor, style: Tensor) -> Tensor:
    """Latents (b c h w) moved to the mean and covariance of others (b c h' w').

    By the optimal transport of one Gaussian to the other, which changes them least.  The map is
    held constant in the gradient; means and latents are not.
    """
    mean, other = latent.mean((2, 3), keepdim=True), style.mean((2, 3), keepdim=True)
    with torch.no_grad():
        root, inverse = _roots(_lifted(latent - mean))
        middle, _ = _roots(root @ _lifted(style - other) @ root)
        move = inverse @ middle @ inverse
    return torch.einsum("bij,bjhw->bihw", move, latent - mean) + other


def _lifted(centred: Tensor) -> Tensor:
    """Covariances (b c c) of centred latents (b c h w), made safe to invert."""
    covariance = gram(centred)
    size = covariance.diagonal(dim1=1, dim2=2).mean(1)
    return covariance + (RIDGE * size + 1e-8)[:, None, None] * torch.eye(centred.shape[1]).to(size)


def _roots(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Square roots (b c c) of symmetric matrices (b c c), and the inverses of these."""
    values, vectors = torch.linalg.eigh(matrices)
    values = values.clamp_min(1e-12).sqrt()[:, None, :]
    back = vectors.transpose(1, 2)
    return (vectors * values) @ back, (vectors / values) @ back


class VaeLesson(Lesson):
    """Pictures, each given back, and some of them painted as another."""

    def __init__(self, materials: Materials, params: VaeTraining, device: torch.device, seed: int):
        self.materials, self.params, self.device = materials, params, device
        self.net = vae.build()
        self.net.start_linear(materials.pictures.batch(STARTING, params.size, seed, 1))
        self.net.to(device, memory_format=torch.channels_last)
        self.perception = Perception(materials.teacher, materials.pictures, seed).to(device)
        self.held = torch.cat(
            [
                materials.held_pictures.batch(8, 192, seed, 2),
                materials.held_styles.batch(8, 192, seed, 3),
            ]
        ).to(device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Some pictures are given back, the others painted with the moments of a neighbour."""
        sources = [self.materials.pictures] * (self.params.batch - 1) + [self.materials.styles]
        crops = [source.crop(self.params.size, rng) for source in sources]
        pictures = torch.stack(crops).to(self.device)
        mean, log_variance = self._encode(self.net, pictures)
        noise = torch.from_numpy(rng.standard_normal(mean.shape, np.float32)).to(self.device)
        latent = reparameterise(mean, log_variance, noise)
        count = len(pictures) * 3 // 4 if self.params.style_weight else 0
        grain = torch.from_numpy(rng.standard_normal(latent[:count].shape, np.float32))
        grain *= torch.from_numpy(rng.uniform(0, GRAIN, (count, 1, 1, 1)).astype(np.float32))
        seeded = latent[:count] + grain.to(self.device)
        moved = with_moments(seeded, latent.roll(1, 0)[:count])
        out = self._decode(self.net, torch.cat((moved, latent[count:])))
        with torch.no_grad():
            wanted = self.perception(pictures)
        found = self.perception(out)
        terms = {
            "picture": self.params.picture_weight * (out - pictures)[count:].abs().mean(),
            "features": self.params.feature_weight * self._features(found, wanted, count),
            "kl": self.params.beta * kl(mean, log_variance).mean(),
        }
        if count:
            styles = {name: part.roll(1, 0)[:count] for name, part in wanted.items()}
            contents, painted = ({k: v[:count] for k, v in f.items()} for f in (wanted, found))
            terms |= self._painting(painted, contents, styles)
            terms["variation"] = 0.1 * variation(out[:count])
        yield Loss(terms)

    def _features(self, found: Features, wanted: Features, start: int = 0) -> Tensor:
        """Relative error () of features and of their Gram matrices, from a picture on."""
        errors = []
        for tap in self.perception.style_taps:
            now, then = found[tap][start:], wanted[tap][start:]
            grams = (style_statistics(part)[0] for part in (now, then))
            errors += [relative(now, then).mean(), relative(*grams).mean()]
        return torch.stack(errors).mean() * 2

    def _painting(self, painted: Features, content: Features, style: Features) -> dict[str, Tensor]:
        """Losses of painted pictures, relative to doing nothing."""
        known = self.perception.style(style)
        grams, moments = style_loss(painted, content, known)
        apart = relative(painted[CONTENT], content[CONTENT])
        others = relative(style[CONTENT], content[CONTENT])
        return {
            "content": 0.7 * (apart / (others + FLOOR)).mean(),
            "style": self.params.style_weight * grams.mean(),
            "moments": MOMENTS * self.params.style_weight * moments.mean(),
        }

    def _encode(self, net: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            mean, log_variance = net.encoder(pictures)
        return mean.float(), log_variance.float()

    def _decode(self, net: nn.Module, latents: Tensor) -> Tensor:
        latents = latents.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            return net.decoder(latents).float()

    def score(self, net: nn.Module) -> dict[str, float]:
        """Held-out pictures given back, and painted as one another."""
        mean, log_variance = self._encode(net, self.held)
        out = self._decode(net, mean).clamp(0, 1)
        painted = self._decode(net, with_moments(mean[:8], mean[8:])).clamp(0, 1)
        wanted = self.perception(self.held)
        error = (out - self.held).square().mean((1, 2, 3))
        losses = {
            "picture": self.params.picture_weight * float((out - self.held).abs().mean()),
            "features": self.params.feature_weight
            * float(self._features(self.perception(out), wanted)),
        }
        content, style = ({k: v[part] for k, v in wanted.items()} for part in HALVES)
        painting = self._painting(self.perception(painted), content, style)
        losses |= {name: float(term) for name, term in painting.items()}
        return {
            "loss": sum(losses.values()),
            **losses,
            "psnr": float(-10 * error.log10().mean()),
            "kl": float(kl(mean, log_variance).mean()),
            "deviation": float(mean.std()),
        }

    def sample(self, net: nn.Module) -> np.ndarray:
        """Pictures, as given back, others, and the first painted as these."""
        mean, _ = self._encode(net, self.held)
        back = self._decode(net, mean[:8])
        painted = self._decode(net, with_moments(mean[:8], mean[8:]))
        return sheet(self.held[:8], back, self.held[8:], painted)


TASK = Task(
    id="vae",
    title="Variational autoencoder",
    summary="Learns a smooth latent of pictures, and to paint with its moments.",
    params=VaeTraining,
    lesson=VaeLesson,
)
