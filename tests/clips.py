"""Clips for tests: a pan over soft blobs, written by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from styleplug.imaging import resize
from styleplug.imaging.video import Clip

av = pytest.importorskip("av", exc_type=ImportError)
pytest.importorskip("cv2", exc_type=ImportError)

WIDTH, HEIGHT, RATE = 96, 64, 10


def scene(seed: int = 0) -> np.ndarray:
    """A picture wide enough to pan over: soft blobs, which have an optical flow."""
    blobs = np.random.default_rng(seed).random((HEIGHT // 5, 3 * WIDTH // 5, 3), np.float32)
    return np.clip(resize(blobs, 3 * WIDTH, HEIGHT), 0, 1)


def pan(frames: int, step: int = 2, seed: int = 0) -> list[np.ndarray]:
    wide = scene(seed)
    return [wide[:, step * i : step * i + WIDTH] for i in range(frames)]


def record(
    path: Path,
    frames: list[np.ndarray],
    *,
    tracks: int = 0,
    times: list[float] | None = None,
    codec: str = "libx264",
) -> Path:
    """A video of these frames, with tracks of a tone."""
    with av.open(str(path), "w") as out:
        track = out.add_stream(codec, rate=RATE, options={"crf": "12", "g": "5"})
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.codec_context.time_base = Fraction(1, 1000)
        sounds = [out.add_stream("aac", rate=8000) for _ in range(tracks)]
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray((pixels * 255).astype(np.uint8), format="rgb24")
            when = times[number] if times else number / RATE
            frame.pts, frame.time_base = round(when * 1000), Fraction(1, 1000)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
        for tone in sounds:
            wave = np.sin(np.arange(8000 * len(frames) // RATE) / 5).astype(np.float32)[None]
            sound = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 8000, 0
            out.mux([*tone.encode(sound), *tone.encode(None)])
    return path


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    return list(Clip(path).frames(WIDTH))
