"""Training the encoder, on a handful of small pictures and a teacher that knows nothing."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_photo
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from styleplug.core.errors import UsageError
from styleplug.imaging import FORMATS, write
from styleplug.nets import squeezenet, vgg19
from styleplug.training import load_task
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop import train
from styleplug.training.loop.setup import Setup
from styleplug.training.tasks import encoder

pytestmark = pytest.mark.slow

DEVICE = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    for seed in range(6):
        write(make_photo(90, 70, seed), place / f"{seed}.png")
    return place


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    """VGG-19 with weights that keep the size of its features."""
    torch.manual_seed(0)
    net = vgg19.build()
    for conv in net.features.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    file = tmp_path_factory.mktemp("teacher") / "vgg19.safetensors"
    save_file({key: value.half() for key, value in net.state_dict().items()}, file)
    return file


@pytest.fixture
def make(folder, teacher_file, tmp_path, monkeypatch, no_curve):
    """Setups of short runs; pool pictures move from the first step on."""
    for name, value in {
        "POOL": 2,
        "START_CROPS": 4,
        "COMPONENT_CROPS": 8,
        "SCORED_PAIRS": 2,
        "SCORED_STEPS": 2,
    }.items():
        monkeypatch.setattr(encoder, name, value)
    torch.set_num_threads(1)

    def of(name, *, resume=False, **options):
        make = Setup.resumed if resume else Setup.of
        if not resume:
            options = {"steps": 4, "save_every": 2, "size": 64, "batch": 1} | options
        return make(
            load_task("encoder"),
            data=[folder],
            styles=[folder],
            teacher=teacher_file,
            out=tmp_path / name,
            options=options,
        )

    return of


@pytest.fixture
def task(folder, teacher_file, monkeypatch):
    """A task before its first step."""
    monkeypatch.setattr(encoder, "COMPONENT_CROPS", 8)
    monkeypatch.setattr(encoder, "START_CROPS", 4)
    pictures = Pictures([folder])
    datasets = encoder.Datasets(pictures, pictures, pictures, pictures, str(teacher_file))
    params = encoder.EncoderParams.of({"size": 64, "batch": 1})
    return encoder.EncoderTask(datasets, params, DEVICE, 0)


def test_encoder_run_resumed_same_weights(make, tmp_path):
    list(train(make("whole")))
    cancel = Event()
    for progress in train(make("broken"), cancel):
        if progress.step == 3:
            cancel.set()
    list(train(make("broken", resume=True)))
    one, other = (load_file(tmp_path / at / "last.safetensors") for at in ("whole", "broken"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_encoder_run_without_teacher_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="--teacher FILE"):
        Setup.of(load_task("encoder"), data=[folder], styles=[folder], out=tmp_path / "run")


def test_encoder_pool_pictures_approach_style(task, monkeypatch):
    monkeypatch.setattr(encoder, "POOL", 1)
    pool = encoder.Pool(task.datasets, task.params, 0, DEVICE)
    distances = []
    for step in range(20):
        chosen, pictures, styles = pool.visit(step)
        with torch.no_grad():
            style = encoder.predict(task.net, styles)
            content = encoder.predict(task.net, pool.contents(chosen))
            found = encoder.predict(task.net, pictures)
        distances.append(float(sum(encoder.style_distance(found, style).values())))
        weights = torch.full((1,), 0.01)
        gradient = encoder.transfer_gradient(task.net, pictures, style, content, weights)
        pool.advance(chosen, gradient, step, np.random.default_rng(step))
    assert min(distances) < 0.7 * distances[0]


def test_teacher_principal_components_hold_energy(task):
    """They are scaled to unit energy over all channels, so their own is the share they hold."""
    crops = [task.datasets.pictures.batch(4, 64, 0, 3) for _ in range(2)]
    for tap, parts in task.teacher(torch.cat(crops)).items():
        assert 0.8 < float(parts.square().sum(1).mean()) < 1.02, tap


def test_vgg19_original_layout_equals_formula(tmp_path):
    torch.manual_seed(1)
    state, inputs = {}, 3
    for block, (channels, count) in enumerate(vgg19._BLOCKS, 1):
        for position in range(1, count + 1):
            name = f"conv{block}_{position}"
            scale = 1e-3 if name == "conv1_1" else 1.0
            state[f"{name}.weight"] = scale * torch.randn(channels, inputs, 3, 3) / inputs
            state[f"{name}.bias"] = torch.randn(channels)
            inputs = channels
    save_file(state, tmp_path / "original.safetensors")
    picture = torch.rand(1, 3, 32, 32)
    mean = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    seen = picture.flip(1) * 255 - mean
    targets = F.relu(F.conv2d(seen, state["conv1_1.weight"], state["conv1_1.bias"], padding=1))
    found = vgg19.load(tmp_path / "original.safetensors")(picture)["relu1_1"]
    inner = (..., slice(1, -1), slice(1, -1))  # the means differ by half a level: at the border
    torch.testing.assert_close(found[inner], targets[inner], rtol=0.01, atol=0.05)


def test_pictures_unreadable_named_and_skipped(folder, tmp_path, caplog):
    (tmp_path / "good.png").write_bytes((folder / "0.png").read_bytes())
    (tmp_path / "bad.png").write_text("not a picture")
    (tmp_path / "notes.txt").write_text("dear diary")
    (tmp_path / ".hidden").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")  # would be waited for for ever
    with caplog.at_level(logging.INFO):
        pictures = Pictures([tmp_path])
    assert len(pictures) == 1
    assert "1 pictures read, 6 skipped" in caplog.text
    for name in ("bad.png", "notes.txt", ".hidden", "cut.jpg", "gone.png", "pipe.png"):
        assert name in caplog.text and sum(name in one for one in pictures.skipped) == 1


def test_pictures_every_format_read_whatever_ending(tmp_path):
    for kind in FORMATS:
        if kind != "HEIC":
            Image.new("RGB", (20, 20), (200, 30, 20)).save(tmp_path / kind, kind)
    (tmp_path / "HEIC").write_bytes(Path(__file__).with_name("quarters.heic").read_bytes())
    pictures = Pictures([tmp_path])
    assert len(pictures) == len(FORMATS) and not pictures.skipped
    for array in pictures.arrays:
        assert np.abs(array[4, 4] - np.array([210, 30, 20.0])).max() < 15


def test_pictures_notes_reported(tmp_path):
    deep = np.linspace(0, 1.5, 400, dtype=np.float32).reshape(20, 20)
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    assert "'deep.tif': its numbers, 0 to 1.5" in Pictures([tmp_path]).notes[0]


def test_pictures_empty_folder_refused(tmp_path):
    with pytest.raises(UsageError, match="JPEG"):
        Pictures([tmp_path])


@pytest.fixture(scope="module")
def judge():
    torch.manual_seed(0)
    return squeezenet.SqueezeNet().eval().requires_grad_(False)


def test_squeezenet_feature_strides(judge):
    features = judge(torch.rand(1, 3, 64, 96))
    shapes = {name: tuple(value.shape[1:]) for name, value in features.items()}
    assert shapes["conv1"] == (96, 32, 48)
    assert shapes["fire4"] == (256, 16, 24)
    assert shapes["fire7"] == (384, 8, 12)


def test_squeezenet_loads_safetensors(judge, tmp_path):
    file = tmp_path / "squeezenet.safetensors"
    save_file({k: v.half() for k, v in judge.state_dict().items()}, file)
    loaded = squeezenet.load(file)
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        loaded(picture)["conv1"], judge(picture)["conv1"], rtol=0.05, atol=0.5
    )
