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
    """A video of these frames, (h, w, 3) or (h, w, 4), with tracks of a tone."""
    with av.open(str(path), "w") as out:
        clear = frames[0].shape[2] == 4
        options = {"crf": "12", "g": "5", **({"auto-alt-ref": "0", "b": "0"} if clear else {})}
        track = out.add_stream(codec, rate=RATE, options=options)
        track.width, track.height = WIDTH, HEIGHT
        track.pix_fmt = "yuva420p" if clear else "yuv420p"
        track.metadata.update({"alpha_mode": "1"} if clear else {})
        track.codec_context.time_base = Fraction(1, 1000)
        sounds = [out.add_stream("aac", rate=8000) for _ in range(tracks)]
        for number, pixels in enumerate(frames):
            whole, kind = (pixels * 255).astype(np.uint8), "rgba" if clear else "rgb24"
            frame = av.VideoFrame.from_ndarray(whole, format=kind)
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


def patches(path: Path, levels: list[tuple[int, int, int]], transfer: int) -> Path:
    """A video of 10 bits in BT.2020, of grey or coloured columns.

    Args:
        path: the file.
        levels: Y, Cb and Cr of each column.
        transfer: the number of the encoding in ITU-T H.273.
    """
    with av.open(str(path), "w") as out:
        quiet = {"x265-params": "crf=4:bframes=0:log-level=none:pools=none"}
        track = out.add_stream("libx265", rate=RATE, options=quiet)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        track.codec_context.color_primaries = track.codec_context.colorspace = 9
        track.codec_context.color_trc = transfer
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
        columns = np.repeat(np.array(levels, np.uint16), WIDTH // len(levels), axis=0)
        for place, plane in enumerate(frame.planes):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : plane.width] = columns[:: WIDTH // plane.width, place]
            plane.update(rows)
        frame.colorspace, frame.pts, frame.time_base = 9, 0, Fraction(1, RATE)
        out.mux([*track.encode(frame), *track.encode(None)])
    return path
