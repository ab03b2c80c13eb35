"""Videos: flicker with and without smoothing, and frames a second.

    python benchmarks/video.py [--method cnn] [--size 512] [--seconds 3] [--out DIR]

Method: the first seconds of the clip that comes with gradio, and a rendered one: a photograph that
is panned over by 3 pixels a frame while a disc of another picture crosses it the other way.  Both
are painted in the style of a swatch, each frame for itself and with the default smoothing.  Flicker
is the warping error of Lai et al. 2018 (arXiv:1808.00449), times 1000, with the flow of the
contents; in the rendered clip, that flow is known.  Frames a second are those of the whole run.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import gradio.media
import numpy as np
import typer

import styleplug
from styleplug.algorithms.flow import Flow, Motion
from styleplug.engine.video import warping_error
from styleplug.imaging import fit, read, write
from styleplug.imaging.video import Clip
from styleplug.swatches import SWATCHES

RATE, PAN = 25, 3


def rendered(path: Path, size: int, frames: int) -> list[Motion]:
    """Write a clip whose motion is known; returns it."""
    lion = fit(read(Path(gradio.media.get_image("lion.jpg"))), size + PAN * frames).pixels
    other = fit(read(Path(gradio.media.get_image("tower.jpg"))), size // 2).pixels
    height, radius = size * 9 // 16 // 2 * 2, size // 8
    down, across = np.mgrid[:height, :size].astype(np.float32)
    ball = np.hypot(*np.mgrid[-radius:radius, -radius:radius]) < radius
    motions = []
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"crf": "15"})
        video.width, video.height, video.pix_fmt = size, height, "yuv420p"
        seen: np.ndarray | None = None
        for number in range(frames):
            picture = lion[:height, PAN * number : PAN * number + size].copy()
            left, top = size // 10 + 2 * number, height // 2 - radius
            spot = picture[top : top + 2 * radius, left : left + 2 * radius]
            spot[ball] = other[: 2 * radius, : 2 * radius][ball]
            here = np.zeros((height, size), bool)
            here[top : top + 2 * radius, left : left + 2 * radius] = ball
            frame = av.VideoFrame.from_ndarray((picture * 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(video.encode(frame))
            if seen is not None:
                x = across + np.where(here, -2, PAN)
                place = np.stack((x, down), 2).astype(np.float32)
                was = seen[down.astype(int), np.clip(x, 0, size - 1).astype(int)]
                motions.append(Motion(place, ((was == here) & (x < size)).astype(np.float32)))
            seen = here
        out.mux(video.encode(None))
    return motions


def estimated(clip: Path, size: int, seconds: float) -> list[Motion]:
    """The motion between the frames of a clip."""
    frames = [frame for _, frame in Clip(clip).frames(size, end=seconds)]
    return [Flow().between(*pair) for pair in zip(frames, frames[1:], strict=False)]


def main(
    method: str = "cnn",
    style: str = "waves",
    size: int = 512,
    seconds: float = 3.0,
    out: Annotated[Path | None, typer.Option(help="folder for the clips and some frames")] = None,
) -> None:
    """Print the table as Markdown."""
    folder = out or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "rendered.mp4"
    known = rendered(made, size, round(seconds * RATE))
    real = Path(gradio.media.get_video("world.mp4"))
    clips = {"rendered": (made, known), "world": (real, estimated(real, size, seconds))}
    painted = SWATCHES[style].paint()
    print("| clip | smooth | warping error | of frame by frame | frames a second |")
    print("| --- | --- | --- | --- | --- |")
    for name, (clip, motions) in clips.items():
        alone = 0.0
        for smooth in (0.0, 0.8):
            file = folder / f"{name}-{smooth:g}.mp4"
            run = styleplug.video(
                clip, file, method=method, style=painted, size=size, smooth=smooth, end=seconds
            )
            results = [frame.picture for frame in run]
            report = run.report
            assert report is not None
            error = warping_error(results, motions)
            alone = alone or error
            speed = report.frames / report.seconds
            row = (name, f"{smooth:g}", f"{error:.2f}", f"{error / alone:.2f}", f"{speed:.1f}")
            print(f"| {' | '.join(row)} |", flush=True)
            write(results[len(results) // 2], folder / f"{name}-{smooth:g}.png")


if __name__ == "__main__":
    typer.run(main)
