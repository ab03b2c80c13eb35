"""Training the encoder, on a handful of small pictures and a teacher that knows nothing."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from conftest import make_photo
from safetensors.torch import load_file, save_file

from styleplug.core.errors import UsageError
from styleplug.core.image import write
from styleplug.nets import architecture, squeezenet
from styleplug.training import curve, encoder
from styleplug.training.pictures import Pictures

SETUP = encoder.Setup(steps=4, decay=2, size=64, pool=4, pool_from=2, save_every=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    for seed in range(6):
        write(make_photo(90, 70, seed), place / f"{seed}.png")
    return place


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    return squeezenet.SqueezeNet().eval().requires_grad_(False)


@pytest.fixture
def run(folder, teacher):
    def make():
        pictures = Pictures([folder])
        return encoder.Run(pictures, pictures, teacher, SETUP)

    torch.set_num_threads(1)
    return make


class Killed(BaseException):
    """As abrupt as a signal."""


def test_a_run_that_was_cut_off_ends_with_the_same_weights(run, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    encoder.train(run(), whole)
    cut = run()
    step = cut.step
    monkeypatch.setattr(cut, "step", lambda n: step(n) if n < 3 else (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        encoder.train(cut, broken)
    assert not (broken / "styleplug_encoder.safetensors").exists()
    encoder.train(run(), broken)  # from the checkpoint of step 2
    one, other = (load_file(at / "styleplug_encoder.safetensors") for at in (whole, broken))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_result_fits_the_architecture_and_the_log_has_a_curve(run, tmp_path):
    encoder.train(run(), tmp_path)
    weights = load_file(tmp_path / "styleplug_encoder.safetensors")
    architecture("styleplug_encoder").build().load_state_dict(
        {key: value.float() for key, value in weights.items()}, strict=True
    )
    first = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert first["step"] == 0 and first["held_out"].keys() == first["taps"].keys()
    curve.draw(tmp_path / "log.jsonl", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(run, tmp_path):
    sick = run()
    healthy = sick.step
    sick.step = lambda n: healthy(n) if n < 3 else (float("nan"), {})
    with pytest.raises(FloatingPointError, match="step 3"):
        encoder.train(sick, tmp_path)
    kept = load_file(tmp_path / "checkpoint.safetensors")
    assert all(np.isfinite(value.numpy()).all() for value in kept.values())


def test_steps_of_training_lower_the_loss(run):
    student = run()
    losses = [student.step(step)[0] for step in range(2)]
    for step in range(2, 6):
        losses.append(student.step(step)[0])
    assert losses[-1] < losses[0]


def test_unreadable_pictures_are_named_and_skipped(folder, tmp_path, caplog):
    (tmp_path / "good.png").write_bytes((folder / "0.png").read_bytes())
    (tmp_path / "bad.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("ignored")
    with caplog.at_level(logging.INFO):
        pictures = Pictures([tmp_path])
    assert len(pictures) == 1
    assert "bad.png" in caplog.text and "1 pictures read, 1 skipped" in caplog.text


def test_an_empty_folder_is_an_error_that_says_what_to_put_there(tmp_path):
    with pytest.raises(UsageError, match="jpg"):
        Pictures([tmp_path])


def test_the_teacher_lies_over_the_encoder_cell_by_cell(teacher):
    features = teacher(torch.rand(1, 3, 64, 96))
    shapes = {name: tuple(value.shape[1:]) for name, value in features.items()}
    assert shapes["conv1"] == (96, 32, 48)
    assert shapes["fire4"] == (256, 16, 24)
    assert shapes["fire7"] == (384, 8, 12)


def test_the_teacher_loads_from_safetensors(teacher, tmp_path):
    file = tmp_path / "teacher.safetensors"
    save_file({k: v.half() for k, v in teacher.state_dict().items()}, file)
    loaded = squeezenet.load(file)
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        loaded(picture)["conv1"], teacher(picture)["conv1"], rtol=0.05, atol=0.5
    )
