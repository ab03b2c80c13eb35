"""`style_scale` changes the size of brush marks."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import make_photo

from styleplug import stylize
from styleplug.swatches import SWATCHES

pytestmark = pytest.mark.slow
LONGEST = 48  # pixels; slower changes belong to the content


def wavelength(picture):
    """Mean wavelength of the details, in pixels, weighted by their energy."""
    grey = picture.mean(2) - picture.mean()
    height, width = grey.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    energy = np.abs(np.fft.rfft2(grey * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    detail = frequency > 1 / LONGEST
    return energy[detail].sum() / (energy * frequency)[detail].sum()


@pytest.mark.parametrize(
    ("method", "given"), [("cnn", {}), ("autoencoder", {}), ("gatys", {"iterations": 12})]
)
def test_style_scale_larger_marks_longer(method, given):
    content, style = make_photo(160, 120), SWATCHES["waves"].paint()
    lengths = [
        wavelength(
            stylize(content, style, method, size=160, style_scale=scale, **given).array[..., :3]
        )
        for scale in (0.5, 1, 2)
    ]
    assert lengths[1] > 1.1 * lengths[0] and lengths[2] > 1.05 * lengths[1], lengths
