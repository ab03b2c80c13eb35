"""The subject of a picture, found from strokes."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from conftest import make_photo
from gradio.utils import get_upload_folder
from serve import THIRD_PARTY

from styleplug.algorithms.subject import subject
from styleplug.core.errors import UsageError
from styleplug.imaging import Picture, read, write
from styleplug.ui.drawing import Drawing

pytestmark = THIRD_PARTY
pytest.importorskip("cv2", exc_type=ImportError)


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[:80, :100]
    return np.asarray((x - 50) ** 2 + (y - 40) ** 2 < radius**2)


def picture() -> np.ndarray:
    """A red disc with some grain on a photograph without red."""
    pixels = make_photo(100, 80).pixels * np.float32([0.3, 1, 1])
    grain = np.random.default_rng(0).normal(0, 0.03, pixels.shape)
    pixels = np.where(disc(22)[:, :, None], [0.9, 0.2, 0.1], pixels) + grain
    return np.clip(pixels, 0, 1).astype(np.float32)


def test_subject_found_from_a_stroke_within_it() -> None:
    stroke = np.zeros((80, 100), np.float32)
    stroke[38:42, 36:64] = 1
    stroke[25:55, 48:52] = 1
    found = subject(picture(), stroke)
    wanted = disc(22)
    assert (found.astype(bool) & wanted).sum() / (found.astype(bool) | wanted).sum() > 0.9
    assert found[stroke > 0].all()
    np.testing.assert_array_equal(found, subject(picture(), stroke))


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
def test_subject_found_inside_a_line_around_it(shape: str, gap: int) -> None:
    line = np.zeros((80, 100), np.float32)
    if shape == "rectangle":
        line[12:68, 22:78] = 1
        line[14:66, 24:76] = 0
    else:
        line = (disc(30) & ~disc(27)).astype(np.float32)
    line[40 : 40 + gap] *= np.arange(100) > 50  # a line that does not quite close
    found, wanted = subject(picture(), line).astype(bool), disc(22)
    assert (found & wanted).sum() / (found | wanted).sum() > 0.9
    assert not found[line > 0].any()


@pytest.mark.parametrize("marks", [0.0, 1.0])
def test_subject_not_marked_named(marks: float) -> None:
    with pytest.raises(UsageError, match="the subject is not marked"):
        subject(picture(), np.full((80, 100), marks, np.float32))


def test_button_under_the_brush_gives_a_mask() -> None:
    with gr.Blocks():
        drawing = Drawing("some", "Find")
    folder = Path(get_upload_folder()) / "found"
    folder.mkdir(parents=True, exist_ok=True)
    stroke = np.zeros((80, 100), np.float32)
    stroke[25:55, 45:55] = 1
    write(Picture(picture()), folder / "photo.png")
    write(Picture(picture(), stroke), folder / "layer.png")
    photo, layer = ({"path": str(folder / name)} for name in ("photo.png", "layer.png"))
    made = drawing._subject(None, {"layers": [layer]}, photo)
    marks = read(Path(made)).pixels[:, :, 0]
    assert marks.shape[1] == 640 and 0.1 < marks.mean() < 0.3  # the disc is a fifth
    with pytest.raises(gr.Error, match="the subject is not marked"):
        drawing._subject(None, {"layers": []}, photo)
