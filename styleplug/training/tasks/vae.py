"""Train `vae`: a variational autoencoder of photographs and paintings that also learns to paint.

The loss is the evidence lower bound of Kingma & Welling 2014 (arXiv:1312.6114).  The likelihood
compares pixels and, because pixels alone give blurred pictures, perceptual features and their Gram
matrices (as in Hou et al. 2017, arXiv:1610.00291).  The KL term has a small weight (beta, Higgins
et al. 2017): it keeps the variance of the latent near 1.

Departure from the papers: three of every four latents get the mean and covariance of another
latent before they are decoded, and the result must look like that other picture.  So the moments
of the latent come to mean style, and the decoder learns to use them.  A little noise is added
first; the decoder can turn it into brush marks where the content is flat.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import vae
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.perception import (
    CONTENT,
    FLOOR,
    MOMENTS,
    Features,
    Perception,
    gram,
    relative_error,
    style_loss,
    style_statistics,
    variation,
)
from styleplug.training.tasks.shared.fields import batch, crop

START_CROPS = 256  # crops for the principal components
RIDGE = 0.03  # of the mean variance, added to all; so missing components are not made from noise
GRAIN = 0.3  # largest deviation of the noise for brush marks
HALVES = (slice(0, 8), slice(8, 16))  # contents and styles among the held-out pictures


class VaeParams(Params):
    """Parameters of the task."""

    size: int = crop(128)
    batch: int = batch(4)
    beta: float = field(
        0.01,
        label="Beta",
        help="Weight of the KL term: higher values give a smoother latent and softer pictures.",
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
        help="Weight of painting with the moments of another picture's latent; 0 trains a plain "
        "variational autoencoder.",
        ge=0.0,
        le=20.0,
    )


def encoded(encoder: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance, float32, of the latents of pictures (b 3 h w)."""
    with autocast(pictures.device):
        mean, log_variance = encoder(pictures.contiguous(memory_format=torch.channels_last))
    return mean.float(), log_variance.float()


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), per element."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp())


def reparameterise(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A sample, mean + deviation · noise; gradients reach both."""
    return mean + (0.5 * log_variance).exp() * noise


def with_moments(latent: Tensor, style: Tensor) -> Tensor:
    """Latents (b c h w) with the mean and covariance of others (b c h' w').

    The map is the optimal transport between two Gaussians, which changes the latents least.
    Gradients pass to latents and means, but not to the map.
    """
    mean, other = latent.mean((2, 3), keepdim=True), style.mean((2, 3), keepdim=True)
    with torch.no_grad():
        root, inverse = _roots(_regularised_covariance(latent - mean))
        middle, _ = _roots(root @ _regularised_covariance(style - other) @ root)
        move = inverse @ middle @ inverse
    return torch.einsum("bij,bjhw->bihw", move, latent - mean) + other


def _regularised_covariance(centred: Tensor) -> Tensor:
    """Covariances (b c c) of centred latents (b c h w), regularised so that they are invertible."""
    covariance = gram(centred)
    size = covariance.diagonal(dim1=1, dim2=2).mean(1)
    return covariance + (RIDGE * size + 1e-8)[:, None, None] * torch.eye(centred.shape[1]).to(size)


def _roots(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Square roots (b c c) of symmetric matrices (b c c), and their inverses."""
    values, vectors = torch.linalg.eigh(matrices)
    values = values.clamp_min(1e-12).sqrt()[:, None, :]
    back = vectors.transpose(1, 2)
    return (vectors * values) @ back, (vectors / values) @ back


class VaeTask(TrainingTask[vae.Vae]):
    """Pictures that are reconstructed, and some that are painted in the style of another."""

    def __init__(self, datasets: Datasets, params: VaeParams, device: torch.device, seed: int):
        self.datasets, self.params, self.device = datasets, params, device
        self.net = vae.build()
        self.net.start_linear(datasets.pictures.batch(START_CROPS, params.size, seed, 1))
        self.net.to(device).to(memory_format=torch.channels_last)
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(device)
        self.held = torch.cat(
            [
                datasets.held_out_pictures.batch(8, 192, seed, 2),
                datasets.held_out_styles.batch(8, 192, seed, 3),
            ]
        ).to(device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Reconstruct some pictures; paint the others with the moments of a neighbour."""
        sources = [self.datasets.pictures] * (self.params.batch - 1) + [self.datasets.styles]
        crops = [source.crop(self.params.size, rng) for source in sources]
        pictures = torch.stack(crops).to(self.device)
        mean, log_variance = encoded(self.net.encoder, pictures)
        noise = torch.from_numpy(rng.standard_normal(mean.shape, np.float32)).to(self.device)
        latent = reparameterise(mean, log_variance, noise)
        count = len(pictures) * 3 // 4 if self.params.style_weight else 0
        grain = torch.from_numpy(rng.standard_normal(latent[:count].shape, np.float32))
        grain *= torch.from_numpy(rng.uniform(0, GRAIN, (count, 1, 1, 1)).astype(np.float32))
        seeded = latent[:count] + grain.to(self.device)
        stylised = with_moments(seeded, latent.roll(1, 0)[:count])
        out = self._decode(self.net, torch.cat((stylised, latent[count:])))
        with torch.no_grad():
            target = self.perception(pictures)
        output = self.perception(out)
        terms = {
            "picture": self.params.picture_weight * (out - pictures)[count:].abs().mean(),
            "features": self.params.feature_weight * self._feature_error(output, target, count),
            "kl": self.params.beta * kl(mean, log_variance).mean(),
        }
        if count:
            styles = {name: part.roll(1, 0)[:count] for name, part in target.items()}
            contents, painted = ({k: v[:count] for k, v in f.items()} for f in (target, output))
            terms |= self._style_terms(painted, contents, styles)
            terms["variation"] = 0.1 * variation(out[:count])
        yield Loss(terms)

    def _feature_error(self, output: Features, target: Features, start: int = 0) -> Tensor:
        """Relative error () of features and of their Gram matrices, from picture `start` on."""
        errors = []
        for tap in self.perception.style_taps:
            now, then = output[tap][start:], target[tap][start:]
            grams = (style_statistics(part)[0] for part in (now, then))
            errors += [relative_error(now, then).mean(), relative_error(*grams).mean()]
        return torch.stack(errors).mean() * 2

    def _style_terms(
        self, painted: Features, content: Features, style: Features
    ) -> dict[str, Tensor]:
        """Losses of painted pictures, relative to unchanged pictures."""
        target = self.perception.style(style)
        grams, moments = style_loss(painted, content, target)
        error = relative_error(painted[CONTENT], content[CONTENT])
        others = relative_error(style[CONTENT], content[CONTENT])
        return {
            "content": 0.7 * (error / (others + FLOOR)).mean(),
            "style": self.params.style_weight * grams.mean(),
            "moments": MOMENTS * self.params.style_weight * moments.mean(),
        }

    def _decode(self, net: vae.Vae, latents: Tensor) -> Tensor:
        latents = latents.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            return net.decoder(latents).float()

    def score(self, net: vae.Vae) -> dict[str, float]:
        """Reconstruction and painting of held-out pictures."""
        mean, log_variance = encoded(net.encoder, self.held)
        out = self._decode(net, mean).clamp(0, 1)
        painted = self._decode(net, with_moments(mean[:8], mean[8:])).clamp(0, 1)
        target = self.perception(self.held)
        error = (out - self.held).square().mean((1, 2, 3))
        losses = {
            "picture": self.params.picture_weight * float((out - self.held).abs().mean()),
            "features": self.params.feature_weight
            * float(self._feature_error(self.perception(out), target)),
        }
        content, style = ({k: v[part] for k, v in target.items()} for part in HALVES)
        painting = self._style_terms(self.perception(painted), content, style)
        losses |= {name: float(term) for name, term in painting.items()}
        return {
            "loss": sum(losses.values()),
            **losses,
            "psnr": float(-10 * error.log10().mean()),
            "kl": float(kl(mean, log_variance).mean()),
            "deviation": float(mean.std()),
        }

    def sample(self, net: vae.Vae) -> Pixels:
        """Contents, their reconstructions, styles, and contents painted in these styles."""
        mean, _ = encoded(net.encoder, self.held)
        back = self._decode(net, mean[:8])
        painted = self._decode(net, with_moments(mean[:8], mean[8:]))
        return sheet(self.held[:8], back, self.held[8:], painted)


TASK = TaskSpec(
    id="vae",
    title="VAE",
    summary="Learns a smooth latent space of pictures, and to paint with its moments.",
    params=VaeParams,
    factory=VaeTask,
)
