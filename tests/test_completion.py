"""Completion: masks, training task, patches, border, and the pictures of the method."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_photo, make_task

import styleplug
from styleplug.algorithms.inpainting import patches, patchmatch, poisson
from styleplug.algorithms.inpainting.context_match import context_match
from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.method import Context
from styleplug.core.recipe import Recipe
from styleplug.engine import shared
from styleplug.imaging import read
from styleplug.imaging.picture import resize
from styleplug.methods import completion as method
from styleplug.nets import completion
from styleplug.store import weights_folder
from styleplug.training.tasks import completion as training

pytestmark = pytest.mark.slow

trained = pytest.mark.skipif(
    not (weights_folder() / "completion.safetensors").is_file(), reason="not trained yet"
)


def photo(width=120, height=90, seed=0):
    return make_photo(width, height, seed).pixels


def box(height, width, top, bottom, left, right):
    """A mask (h w)."""
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def stripes(height=64, width=80):
    """A picture that repeats itself, so that what is missing is known."""
    y, x = np.mgrid[:height, :width]
    bands = np.stack([(x % 8 < 4), (y % 16 < 8), (x + y) % 8 < 4], axis=2)
    return (0.2 + 0.6 * bands).astype(np.float32)


def unchecked():
    """A run that nobody stops."""


# Net


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return completion.build().eval().requires_grad_(False)


def test_net_size_within_limit(net):
    assert sum(value.numel() for value in net.state_dict().values()) < 3_000_000


def test_net_ignores_masked_pixels(net):
    (fill,) = completion.functions(net).values()
    picture, mask, noise, grain = fill.examples()
    mask = mask.round()
    other = picture + mask * (0.5 - picture)
    torch.testing.assert_close(fill(picture, mask, noise, grain), fill(other, mask, noise, grain))
    seen = picture + (1 - mask) * (0.5 - picture)
    assert not torch.equal(fill(picture, mask, noise, grain)[0], fill(seen, mask, noise, grain)[0])


def test_net_uses_both_noises(net):
    (fill,) = completion.functions(net).values()
    picture, mask, noise, grain = fill.examples()
    mask = mask.round()
    first = fill(picture, mask, noise, grain)[0]
    assert first.shape == picture.shape and 0 <= float(first.min()) <= float(first.max()) <= 1
    for other in (fill(picture, mask, -noise, grain), fill(picture, mask, noise, 1 - grain)):
        assert float((other[0] - first).abs().mean()) > 1e-4


def test_net_attention_sees_far_corner(net):
    """Through the attention, however far."""
    picture, mask = torch.rand(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)
    mask[:, :, :32, :32] = 1
    given = mask, torch.zeros(1, completion.NOISE), torch.zeros_like(mask)
    other = picture.clone()
    other[:, :, -16:, -16:] = 1
    apart = (net(picture, *given) - net(other, *given)).abs()
    assert float(apart[:, :, :16, :16].max()) > 0


# Training


def test_training_masks_share_and_variety():
    torch.manual_seed(1)
    masks = training.masks(60, 48, "cpu")
    assert masks.shape == (60, 1, 48, 48) and set(masks.unique().tolist()) == {0.0, 1.0}
    shares = masks.mean((1, 2, 3))
    assert float(shares.min()) >= training.LEAST - 0.01
    assert float(shares.max()) <= training.MOST + 0.05
    assert float(shares.std()) > 0.1
    sides = torch.stack([masks[..., 0], masks[..., -1], masks[:, :, 0], masks[:, :, -1]])
    outpainted = sides.mean(3).amax(0).flatten() == 1
    assert 0.1 < float(outpainted.float().mean()) < 0.6
    assert len({mask.numpy().tobytes() for mask in masks}) == 60


def test_training_margins_lie_at_a_side():
    torch.manual_seed(0)
    apart = training._sides(20, 32, "cpu")
    nearest = apart.flatten(1).argmin(1)
    rows, columns = nearest // 32, nearest % 32
    assert all(r in (0, 31) or c in (0, 31) for r, c in zip(rows, columns, strict=True))


@pytest.fixture(scope="module")
def task():
    return make_task(training.TASK, size=64, batch=4)


def losses(task, step=1, progress=1.0):
    torch.manual_seed(5)
    return list(task.losses(step, progress, np.random.default_rng(3)))


def test_task_step_deterministic(task):
    one, two = (losses(task)[1].terms for _ in range(2))
    for name in {*one} - {"fooling"}:  # spectral norms of the critic go on with each use
        assert float(one[name].detach()) == float(two[name].detach())


def test_losses_train_their_own_nets_only(task):
    telling, making = losses(task, step=0)
    assert telling.trains == "critic" and making.trains == "net"
    assert set(telling.terms) == {"patches", "heads", "r1"}
    assert set(making.terms) == {"pixels", "features", "fooling", "likeness"}
    task.net.zero_grad()
    task.discriminator.zero_grad()
    telling.total().backward(retain_graph=True)
    assert all(p.grad is None for p in task.net.parameters())
    assert any(p.grad is not None for p in task.discriminator.parameters())
    task.discriminator.zero_grad()
    making.total().backward()
    assert all(p.grad is None for p in task.discriminator.parameters())
    assert all(p.grad is not None for p in task.net.parameters())
    task.net.zero_grad()


def test_adversarial_loss_rises_with_progress(task):
    early, late = (losses(task, progress=p)[1].terms["fooling"] for p in (0.0, 1.0))
    assert float(early.detach()) == 0 < float(late.detach())


def test_similarity_loss_within_weight(task):
    found = float(losses(task)[1].terms["likeness"].detach())
    assert 0 < found <= training.SIMILARITY_WEIGHT * task.params.diversity


def test_composite_restores_known_pixels():
    made, picture = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    mask = torch.tensor([0.0, 1.0]).repeat(2, 1, 4, 2)
    torch.testing.assert_close(training.composite(made, picture, mask), (1 - mask) * picture)


def test_task_scores_and_samples_held_out_pictures(task):
    with torch.no_grad():
        scores, sheet = task.score(task.net), task.sample(task.net)
    assert next(iter(scores)) == "kernel" and np.isfinite(list(scores.values())).all()
    assert sheet.shape == (5 * 64, 4 * 64, 3) and 0 <= sheet.min() and sheet.max() <= 1
    known = task.held_masks[0, 0].numpy() == 0
    np.testing.assert_array_equal(sheet[:64, :64][known], sheet[128:192, :64][known])


# Border


def test_dilate_grows_mask_by_steps():
    mask = box(7, 9, 3, 4, 4, 5)
    y, x = np.mgrid[:7, :9]
    np.testing.assert_array_equal(poisson.dilate(mask, 2), abs(y - 3) + abs(x - 4) <= 2)
    assert not poisson.dilate(np.zeros((3, 3), bool), 5).any()


def test_poisson_plane_border_gives_plane():
    y, x = np.mgrid[:40, :50]
    plane = np.stack([x / 50, y / 40, (x + y) / 90], axis=2).astype(np.float32)
    mask = box(40, 50, 10, 30, 12, 40)
    found = poisson.solve_poisson(plane, poisson.dilate(mask, 1) & ~mask, mask)
    assert np.abs(found - plane)[mask].max() < 0.02


def test_poisson_reach_fades_values():
    known, wanted = box(64, 64, 0, 64, 0, 1), box(64, 64, 0, 64, 1, 64)
    found = poisson.solve_poisson(np.ones((64, 64, 1), np.float32), known, wanted, reach=8.0)[
        32, :, 0
    ]
    assert np.all(np.diff(found) <= 1e-3) and 0.25 < found[8] < 0.5 and found[40] < 0.05


def test_poisson_blend_matches_border_and_keeps_rest():
    picture, mask = photo(), box(90, 120, 65, 85, 80, 110)
    result = poisson.poisson_blend(picture, np.clip(picture + 0.15, 0, 1), mask)
    np.testing.assert_array_equal(result[~mask], picture[~mask])
    pasted = np.where(mask[:, :, None], np.clip(picture + 0.15, 0, 1), picture)
    assert (
        poisson.border_visibility(picture, mask) < 1.3 < 2 < poisson.border_visibility(pasted, mask)
    )
    assert poisson.border_visibility(result, mask) < 1.3


@pytest.mark.parametrize(("step", "left"), [(0.02, 0.005), (0.6, 0.55)])
def test_seam_correction_removes_steps_keeps_edges(step, left):
    """Two flat pieces side by side, each taken from beyond the hole on its own side."""
    mask = box(60, 80, 10, 50, 20, 60)
    picture = np.full((60, 80, 3), 0.2, np.float32)
    picture[:, 40:] += np.float32(step)
    sources = np.stack(np.indices(mask.shape), axis=2)
    sources[:, 20:40, 1] = 10
    sources[:, 40:60, 1] = 70
    correction = poisson.seam_correction(picture, sources, mask, picture)
    assert not correction[~mask].any()
    result = (picture + correction)[30, :, 0]
    steps = np.abs(np.diff(result))
    assert (steps.max() < left) if step < 0.5 else (steps.max() > left)
    whole = np.stack(np.indices(mask.shape), axis=2)
    picture = photo(80, 60)
    assert not poisson.seam_correction(picture, whole, mask, picture).any(), (
        "one piece has no seams"
    )
    back = np.concatenate((picture[:, ::-1], picture), axis=1)
    assert not poisson.seam_correction(picture, whole + (0, 80), mask, back).any(), (
        "nor has another's"
    )


def test_border_visibility_without_border_is_neutral():
    assert poisson.border_visibility(photo(), np.zeros((90, 120), bool)) == 1
    assert np.isfinite(
        poisson.border_visibility(np.zeros((9, 9, 3), np.float32), box(9, 9, 3, 6, 3, 6))
    )


# Patches


def test_patches_continue_pattern():
    picture, mask = stripes(), box(64, 80, 20, 40, 30, 50)
    spoilt = np.where(mask[:, :, None], np.float32(0.9), picture)
    found = patches.fill(spoilt, mask, np.random.default_rng(0), unchecked)
    assert np.abs(found.picture - picture)[mask].mean() < 0.03
    np.testing.assert_array_equal(found.picture[:13], picture[:13])


@pytest.mark.parametrize("columns", [(40, 80), (116, 120)], ids=["inside", "at the side"])
def test_patches_never_copy_masked_pixels(columns):
    picture, mask = photo(), box(90, 120, 30, 60, *columns)
    one, two = (
        patches.fill(
            np.where(mask[:, :, None], value, picture).astype(np.float32), mask, rng, unchecked
        )
        for value, rng in ((0.0, np.random.default_rng(2)), (1.0, np.random.default_rng(2)))
    )
    np.testing.assert_array_equal(one.picture, two.picture)
    rows, columns = one.sources[mask].T
    assert not patchmatch.with_mirror(mask)[rows, columns].any()


def face(height=72, width=120):
    """Grain that is the same at both sides, but mirrored, and a hole in the right one of them."""
    grain = resize(
        np.random.default_rng(5).random((height // 4, width // 8, 3), np.float32), 60, 72
    )
    return np.concatenate((grain, grain[:, ::-1]), axis=1), box(height, width, 30, 44, 80, 96)


def test_patches_start_from_offset_fills_hole():
    picture, mask = face()
    spoilt = np.where(mask[:, :, None], np.float32(0.9), picture)
    level = patchmatch.Level(
        spoilt, mask, np.random.default_rng(0), np.zeros((*mask.shape, 0), np.float32)
    )
    level.fill_from_border(unchecked)
    level.start_from_offset(0, 120)
    np.testing.assert_allclose(level.made, picture, atol=1e-5)


def test_patches_cost_at_coarsest_size_only():
    """Carried to finer sizes, costs above 1 were cut there, and it made no difference."""
    picture, mask = face()
    guide = np.zeros((*mask.shape, 0), np.float32)
    level = patchmatch.Level(picture, mask, np.random.default_rng(0), guide)
    level.fill_from_border(unchecked)
    assert level.cost.any() and level.near > 0
    large, hole, more = (part.repeat(2, 0).repeat(2, 1) for part in (picture, mask, guide))
    finer = level.finer(large, hole, more)
    assert not finer.cost.any() and finer.near == level.near


@pytest.mark.parametrize("odd", [0, 1])
def test_patches_may_be_mirrored(odd, monkeypatch):
    """Also where halves of the picture's sides are no whole numbers."""
    picture, mask = (part[:, odd:] for part in face())
    taken_from = []

    def seam_correction(made, sources, hole, given):
        taken_from.append(given)
        return poisson.seam_correction(made, sources, hole, given)

    monkeypatch.setattr(patches, "seam_correction", seam_correction)
    spoilt = np.where(mask[:, :, None], np.float32(0.9), picture)
    found = patches.fill(spoilt, mask, np.random.default_rng(0), unchecked, match_context=True)
    assert np.abs(found.picture - picture)[mask].mean() < 0.02
    assert (found.sources[mask][:, 1] >= picture.shape[1]).all()
    rows, columns = found.sources[mask].T
    assert np.abs(taken_from[0][rows, columns] - picture[mask]).mean() < 0.02
    large, hole = (part.repeat(2, 0).repeat(2, 1) for part in (picture, mask))
    spoilt = np.where(hole[:, :, None], np.float32(0.9), large)
    assert np.abs(patches.upscale_fill(spoilt, hole, found) - large)[hole].mean() < 0.05


def test_context_match_finds_similar_place_or_none():
    picture, mask = face()
    assert context_match(picture, mask) == (0, 120)  # where the mirror image is the picture itself
    moved = np.roll(picture[:, :60], (2, 3), (0, 1))
    copied = np.concatenate((moved, picture[:, :60]), axis=1)
    assert context_match(copied, mask) == (2, 3 - 60)
    noise = np.random.default_rng(0).random((72, 120, 3)).astype(np.float32)
    assert context_match(noise, mask) is None
    assert context_match(np.full((72, 120, 3), 0.5, np.float32), mask) is None
    assert context_match(picture, box(72, 120, 0, 72, 0, 100)) is None
    assert context_match(picture, box(72, 120, 30, 44, 104, 120)) is None  # at the side
    hidden = np.where(mask[:, :, None], np.float32(9), picture)
    assert context_match(hidden, mask) == (0, 120)  # what is under the mask is not looked at


def test_patches_as_sharp_as_sources():
    grain = np.random.default_rng(3).random((64, 80, 3)).astype(np.float32)
    mask = box(64, 80, 20, 44, 25, 55)
    found = patches.fill(grain, mask, np.random.default_rng(0), unchecked).picture
    assert found[mask].std() > 0.93 * grain.std()


def test_patches_seed_decides():
    picture, mask = photo(), box(90, 120, 30, 60, 40, 80)
    one, same, other = (
        patches.fill(picture, mask, np.random.default_rng(seed), unchecked).picture
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other)[mask].mean() > 0.005


def test_patches_guide_decides_colour(monkeypatch):
    """Of two colours that would both do, the one that is asked for; with the picture's pattern."""
    monkeypatch.setattr(patches, "_GUIDE", 1.0)  # as it is, it only leans that way
    red, blue = stripes() * (1, 0.3, 0.3), stripes() * (0.3, 0.3, 1)
    picture = np.concatenate([red, blue], axis=1).astype(np.float32)
    mask, inner = box(64, 160, 16, 48, 64, 96), box(64, 160, 22, 42, 70, 90)
    for colour, like in ((0, red), (2, blue)):
        like = np.tile(like.mean((0, 1)), (32, 40, 1)).astype(np.float32)
        found = patches.fill(picture, mask, np.random.default_rng(0), unchecked, like).picture
        assert found[inner].mean(0).argmax() == colour
        assert found[inner].std(0).max() > 0.2


def test_upscale_fill_copies_from_same_places():
    small, mask = stripes(), box(64, 80, 20, 40, 30, 50)
    found = patches.fill(small, mask, np.random.default_rng(0), unchecked)
    large, hole = (part.repeat(3, 0).repeat(3, 1) for part in (small, mask))
    spoilt = np.where(hole[:, :, None], np.float32(0.9), large)
    result = patches.upscale_fill(spoilt, hole, found)
    assert np.abs(result - large)[hole].mean() < 0.06
    np.testing.assert_array_equal(result[:57], large[:57])
    darker = replace(found, correction=found.correction - np.float32(0.1))
    away = (patches.upscale_fill(spoilt, hole, darker) - result)[hole]
    np.testing.assert_allclose(away, -0.1, atol=1e-5)


def test_can_fill_needs_enough_known_pixels():
    assert not patches.can_fill(np.zeros((6, 50), bool))
    assert not patches.can_fill(np.ones((50, 50), bool))
    assert not patches.can_fill(np.indices((50, 50)).sum(0) % 7 == 0)
    assert patches.can_fill(box(50, 50, 0, 50, 0, 35))


def test_patches_stop_raises_cancelled():
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        patches.fill(photo(), box(90, 120, 30, 60, 40, 80), np.random.default_rng(0), stop)


# Method


def run(content=None, mask=None, **values):
    """The result of a run that needs no weights, unless they are asked for."""
    content = photo() if content is None else content
    given = {"size": max(content.shape[:2]), "detail": "patches", "backend": "fake", "count": 2}
    if mask is not None:
        values["mask"] = np.repeat(mask[:, :, None], 3, axis=2).astype(np.float32)
    return styleplug.generate("completion", content=content, **{**given, **values})


@pytest.fixture(scope="module")
def hole():
    return box(90, 120, 35, 60, 40, 75)


@pytest.mark.parametrize(
    ("detail", "backend"),
    [
        ("patches", "fake"),
        *(
            pytest.param(detail, backend, marks=trained)
            for detail in ("net", "both")
            for backend in ("torch", "onnx")
        ),
    ],
)
def test_completion_changes_only_masked_pixels(hole, detail, backend):
    found = run(mask=hole, detail=detail, backend=backend, widen=0)
    assert len(found.images) == 2
    for image in found.images:
        np.testing.assert_array_equal(image[~hole], photo()[~hole])
        assert np.abs(image - photo())[hole].max() > 0.02
        assert poisson.border_visibility(image, hole) < 1.5
    assert found.metrics["border"] < 1.5
    assert np.abs(found.images[0] - found.images[1])[hole].mean() > 0.002


def test_proposals_first_same_for_any_count(hole):
    one, more, other = (
        run(mask=hole, **values).images
        for values in ({"count": 1}, {"count": 2}, {"count": 1, "seed": 5})
    )
    assert len(more) == 2
    np.testing.assert_array_equal(one[0], more[0])
    assert np.abs(one[0] - other[0])[hole].mean() > 0.002


def test_widen_parameter_grows_mask(hole):
    result = run(mask=hole, widen=5, count=1).images[0]
    wider = poisson.dilate(hole, 5)
    np.testing.assert_array_equal(result[~wider], photo()[~wider])
    assert (result != photo()).any(2)[wider & ~hole].mean() > 0.9


@trained
@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_golden_proposals_unchanged(hole, backend):
    """Those that somebody looked at; pieces may differ here and there by rounding.

    Another seed differs by 4 levels of 255 under the mask, patches without the net by 14.
    """
    golden = read(Path(__file__).parent / "golden" / "completion.png").pixels
    found = run(mask=hole, detail="both", backend=backend, seed=7).images
    difference = np.abs(np.concatenate(found, axis=1) - golden) * 255
    assert difference[np.concatenate([hole] * 2, axis=1)].mean() < 2


@pytest.mark.parametrize(
    ("sides", "pads"),
    [
        ("all", (18, 18, 18, 18)),
        ("left_right", (0, 0, 18, 18)),
        ("bottom", (0, 18, 0, 0)),
    ],
)
def test_margin_parameter_grows_chosen_sides(sides, pads):
    result = run(margin=20, sides=sides, count=1, widen=0).images[0]
    top, bottom, left, right = pads
    assert result.shape == (90 + top + bottom, 120 + left + right, 3)
    inside = result[top : 90 + top, left : 120 + left]
    np.testing.assert_array_equal(inside, photo())
    around = np.ones(result.shape[:2], bool)
    around[top : 90 + top, left : 120 + left] = False
    assert result[around].std() > 0.02 and poisson.border_visibility(result, around) < 1.6


def test_mask_and_margin_together(hole):
    result = run(mask=hole, margin=10, widen=0, count=1).images[0]
    inside = result[9:-9, 9:-9]
    np.testing.assert_array_equal(inside[~hole], photo()[~hole])
    assert (inside != photo()).any(2)[hole].mean() > 0.9


def test_mask_of_other_size_is_scaled(hole):
    mask = hole.repeat(3, 0).repeat(3, 1)
    result = run(mask=mask, widen=0, count=1).images[0]
    np.testing.assert_array_equal(result, run(mask=hole, widen=0, count=1).images[0])


@pytest.mark.parametrize(
    ("detail", "backend"),
    [
        ("patches", "fake"),
        *(pytest.param("both", backend, marks=trained) for backend in ("torch", "onnx")),
    ],
)
def test_transparency_filled_without_mask(hole, detail, backend):
    content = np.dstack((photo(), (~hole).astype(np.float32)))
    asked = {"detail": detail, "backend": backend, "count": 1}
    (result,) = run(content, **asked).images
    assert result.shape == (90, 120, 3), "it is not opaque"
    np.testing.assert_array_equal(result, run(mask=hole, **asked).images[0])
    other = box(90, 120, 5, 15, 5, 20)
    (result,) = run(content, other, **asked).images
    np.testing.assert_array_equal(result[:, :, 3] == 0, hole)
    np.testing.assert_array_equal(result[hole, :3], photo()[hole])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "there is no mask, nothing is transparent and the margin is 0"),
        ({"content": np.zeros((90, 120, 4), np.float32)}, "all of it is transparent"),
        ({"mask": np.ones((90, 120), bool)}, "covers the whole picture"),
        ({"mask": box(90, 120, 1, 89, 1, 119), "widen": 4}, "widen the mask less"),
        ({"mask": np.ones((90, 60), bool)}, "proportions"),
    ],
)
def test_completion_impossible_refused(values, words):
    with pytest.raises(UsageError, match=words):
        run(**values)


def test_mask_empty_changes_nothing():
    for image in run(mask=np.zeros((90, 120), bool)).images:
        np.testing.assert_array_equal(image, photo())


class Alone(Context):
    """What a run without an engine gets."""

    def __init__(self, size):
        self.size, self.rng = size, np.random.default_rng(0)

    def check(self):
        pass


def alone(content, mask):
    """The one proposal of a run without an engine."""
    params = method.CompletionParams(detail="patches", count=1, widen=0)
    given = np.repeat(mask[:, :, None], 3, axis=2).astype(np.float32)
    context = Alone(max(mask.shape))
    *_, frame = method.METHOD.run({"content": (content,), "mask": (given,)}, params, context)
    assert frame.final and len(frame.images) == 1
    return frame.images[0]


@pytest.mark.parametrize("shape", [(16, 16), (17, 300), (64, 24)])
def test_completion_tiny_pictures_and_noise_masks(shape):
    content = photo(shape[1], shape[0])
    noise = np.random.default_rng(0).random(shape) < 0.4
    for mask in (noise, box(*shape, 2, shape[0], 1, shape[1])):
        result = alone(content, mask)
        np.testing.assert_array_equal(result[~mask], content[~mask])
        assert np.isfinite(result).all()


def test_completion_small_hole_memory_bounded():
    content = photo(400, 300).repeat(10, 0).repeat(10, 1)
    mask = box(3000, 4000, 1500, 1560, 2000, 2080)
    tracemalloc.start()
    result = alone(content, mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.shape == content.shape
    # The mask as given, the picture with its margins, the result; all else is of the surroundings.
    assert peak < 3.6 * content.nbytes


def test_plan_completion_memory_bounded():
    recipe = Recipe(method="completion", size=4000, backend="onnx", parameters={"count": 1})
    plan = shared().plan(recipe, {"content": [(4000, 3000)], "mask": [(4000, 3000)]})
    assert plan.added_mb < 2500


def test_context_match_first_proposal_only(monkeypatch):
    asked = []
    fill = patches.fill

    def watched(*given, match_context):
        asked.append(match_context)
        return fill(*given, match_context=match_context)

    monkeypatch.setattr(patches, "fill", watched)
    picture, mask = face()
    one, two, three = run(picture, mask, widen=0, count=3, detail="patches").images
    assert asked == [True, False, False]
    assert np.abs(one - picture)[mask].mean() < 0.02 < np.abs(two - three)[mask].mean()


def test_completion_large_hole_bounded_size(monkeypatch):
    monkeypatch.setattr(method, "_HOLE", 1500)
    sizes = []
    fill = patches.fill

    def watched(picture, *rest, **options):
        sizes.append(picture.shape[0] * picture.shape[1])
        return fill(picture, *rest, **options)

    monkeypatch.setattr(patches, "fill", watched)
    content, mask = photo(240, 180), box(180, 240, 40, 140, 60, 180)
    result = run(content, mask, widen=0, count=1).images[0]
    assert 1500 < sizes[0] < 8000
    np.testing.assert_array_equal(result[~mask], content[~mask])
    assert poisson.border_visibility(result, mask) < 1.6 and result[mask].std() > 0.02
