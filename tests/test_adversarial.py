"""Discriminators, banks of pictures, and the measures of made pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import make_photo

from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import Pictures
from styleplug.training.losses.adversarial import (
    DEVIATION_GROUP,
    Discriminator,
    FeatureDiscriminator,
    discriminator_loss,
    generator_loss,
    r1,
    r1_exact,
    relativistic_loss,
)
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance, nearest

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures():
    """Six pictures of other colours and shades each."""
    photos = [np.roll(make_photo(260, 200, n).pixels, n, axis=2) ** (0.5 + n / 4) for n in range(6)]
    arrays = [np.rint(photo * 255).astype("uint8") for photo in photos]
    return Pictures.of(arrays, ["b", "a", "b", "c", "a", "c"])


@pytest.fixture(scope="module")
def perception(pictures):
    return Perception(None, pictures, 0)


@pytest.mark.parametrize("margin", [1, 1.3])
def test_bank_draws_by_seed_and_index(pictures, margin):
    bank = Bank(pictures, 64, CPU, margin=margin)
    one, again, other = (bank.draw(np.random.default_rng(seed), 12) for seed in (0, 0, 1))
    assert one.shape == (12, 3, 64, 64) and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert bank.classes == ("a", "b", "c")
    assert bank.labels.tolist() == [1, 0, 1, 2, 0, 2]
    bank.draw(np.random.default_rng(0), 3, indices=np.array([5, 0, 0]))
    assert bank.drawn.tolist() == [5, 0, 0]


def test_bank_margin_1_only_mirrors(pictures):
    bank = Bank(pictures, 64, CPU, margin=1)
    square = bank.squares[3].float() / 255
    drawn = bank.draw(np.random.default_rng(0), 20, indices=np.full(20, 3))
    mirrored = [bool(torch.equal(one, square.flip(2))) for one in drawn]
    assert all(m or torch.equal(one, square) for m, one in zip(mirrored, drawn, strict=True))
    assert 0 < sum(mirrored) < 20


def test_bank_crops_lie_within_squares():
    ramp = np.broadcast_to(np.linspace(0, 255, 300).astype("uint8")[None, :, None], (300, 300, 3))
    crops = Bank(Pictures.of([ramp]), 64, CPU).draw(np.random.default_rng(0), 40)[:, 0]
    slopes = crops.diff(dim=2).mean((1, 2)) * 64
    assert slopes.abs().min() > 1 / 1.4 and slopes.abs().max() < 1.05
    assert slopes.min() < 0 < slopes.max()
    assert crops[:, :, 0].std() > 0.05  # not always from the same place


def test_split_keeps_labels(pictures):
    many = Pictures.of(pictures.arrays * 4, pictures.labels * 4)
    parts = many.split(0.25)
    assert [len(part) for part in parts] == [18, 6]
    for part in parts:
        for array, label in zip(part.arrays, part.labels, strict=True):
            assert label == next(
                name for one, name in zip(many.arrays, many.labels, strict=True) if one is array
            )


def test_losses_of_discriminator_and_generator_oppose():
    real, fake = torch.tensor([[2.0]]), torch.tensor([[-2.0]])
    assert discriminator_loss(real, fake) < discriminator_loss(fake, real)
    assert generator_loss(real) < generator_loss(fake)
    assert generator_loss(torch.zeros(3, 1)) == pytest.approx(np.log(2))
    assert discriminator_loss(torch.zeros(3, 1), torch.zeros(3, 1)) == pytest.approx(2 * np.log(2))


def test_relativistic_loss_compares_pairs():
    """Logits that differ between pairs, but not within them, say nothing."""
    common, ahead = torch.tensor([[-9.0], [0.0], [9.0]]), torch.full((3, 1), 4.0)
    assert relativistic_loss(common, common) == pytest.approx(np.log(2))
    assert (
        relativistic_loss(common, common + ahead)
        < 0.1
        < 3
        < relativistic_loss(common + ahead, common)
    )


def test_r1_equals_mean_squared_gradient():
    torch.manual_seed(0)
    weights = torch.rand(2, 3, 8, 8)
    pictures = torch.rand(3000, 3, 8, 8)
    found = r1(lambda x: torch.einsum("bchw,nchw->bn", x, weights), pictures)
    assert found == pytest.approx(float(weights.square().sum((1, 2, 3)).mean()), rel=0.1)
    exact = r1_exact(lambda x: torch.einsum("bchw,nchw->bn", x, weights), pictures[:5])
    assert exact == pytest.approx(float(weights.mean(0).square().sum()), rel=1e-4)


def test_discriminator_output_shapes(pictures, perception):
    torch.manual_seed(0)
    real = Bank(pictures, 64, CPU).draw(np.random.default_rng(0), 4)
    assert Discriminator(64, channels=8)(real).shape == (4, 1)
    assert Discriminator(32, channels=8, patches=True)(real).shape == (4, 256)
    assert Discriminator(64, channels=8, in_channels=6)(torch.cat((real, real), 1)).shape == (4, 1)
    logits = FeatureDiscriminator(perception)(perception(real))
    assert len(logits) == 4 and not torch.allclose(logits[0], logits[1])


def test_discriminator_sees_identical_batch():
    torch.manual_seed(1)  # of weights, too: some by chance see hardly anything
    discriminator = Discriminator(32, channels=8)
    various = torch.rand(DEVIATION_GROUP, 3, 32, 32)
    same = various[:1].expand(DEVIATION_GROUP, 3, 32, 32)
    with torch.no_grad():
        difference = discriminator(various)[0] - discriminator(same)[0]
    assert difference.abs() > 1e-4


def test_quality_orders_better_and_worse(pictures, perception):
    rng = np.random.default_rng(0)
    bank = Bank(pictures, 64, CPU)
    one, other = bank.draw(rng, 60), bank.draw(rng, 60)
    blurred = torch.nn.functional.avg_pool2d(one, 5, 1, 2, count_include_pad=False)
    found = {
        name: descriptor(perception, batch)
        for name, batch in {
            "real": one,
            "held": other,
            "blurred": blurred,
            "noise": torch.rand_like(one),
            "one": one[:1].repeat(60, 1, 1, 1) + 1e-3 * torch.rand_like(one),
        }.items()
    }
    distances = {name: float(kernel_distance(part, found["held"])) for name, part in found.items()}
    assert distances["real"] < distances["blurred"] < distances["noise"]
    assert distances["real"] < distances["one"]
    assert diversity(found["real"]) > 5 * diversity(found["one"])
    distance, number = nearest(found["real"][:5], found["real"])
    assert number.tolist() == [0, 1, 2, 3, 4] and distance.max() < 1e-3


def test_quality_few_or_equal_pictures_finite(pictures, perception):
    few = descriptor(perception, Bank(pictures, 64, CPU).draw(np.random.default_rng(0), 2))
    for wanted in (few, few[:1].repeat(4, 1), few[:1]):
        for found in (few.repeat(8, 1), few[:1]):
            assert torch.isfinite(kernel_distance(found, wanted))
            assert torch.isfinite(diversity(found) / diversity(wanted))


def test_kernel_distance_of_same_distribution_near_zero():
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(400, 8, generator=generator) for _ in range(3)]
    near = float(kernel_distance(draws[0], draws[1]))
    far = float(kernel_distance(draws[2] + 0.5, draws[1]))
    assert abs(near) < 0.05 < far


def test_kernel_distance_constant_channel_counts_like_others():
    """A channel that no real picture changes must not decide alone."""
    generator = torch.Generator().manual_seed(0)
    real, made = (torch.randn(200, 8, generator=generator) for _ in range(2))
    real[:, 0], made[:, 0] = 0, made[:, 0] * 0.01
    assert abs(float(kernel_distance(made, real))) < 0.1
