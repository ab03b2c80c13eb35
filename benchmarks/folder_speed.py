"""Pictures a second of a folder: `styleplug batch`, one process a picture, and others.

    python benchmarks/folder_speed.py [--photos DIR] [--pictures 40] [--single 6] [--size 256]
        [--rival COMMAND]

Method: photographs of 1600 × 1200 (JPEG) are painted by `cnn` in one style, to PNG with recipe.
`batch` runs as a user runs it, in a process of its own; its rate is that of the whole command, and
that between the first and the last result, by the times of the files.  "One process a picture" is a
shell loop over `styleplug run`.  `--rival` is a command with {input}, {output} and {style}, such as
another program's folder mode.  The processor time of all processes is given too: on a machine that
does other work it tells more than the clock.
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from styleplug.engine.styles import built_in
from styleplug.imaging import fit, read, write

RUN = [sys.executable, "-m", "styleplug"]


def photographs(source: Path | None, folder: Path, count: int) -> list[Path]:
    """Different photographs of 1600 px, from a folder or from those that gradio brings."""
    if source is None:
        from gradio.media import get_image

        files = [Path(get_image(name)) for name in ("tower.jpg", "lion.jpg", "cheetah.jpg")]
    else:
        files = sorted(one for one in source.rglob("*") if one.suffix.lower() in (".jpg", ".png"))
    made = []
    for number in range(count):
        picture = fit(read(files[number % len(files)]), 1600)
        pixels = np.roll(picture.pixels, 7 * number, axis=1)
        made.append(folder / f"{number:04}.jpg")
        write(pixels, made[-1])
    return made


def timed(*commands: list[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor that commands take, one after another."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, busy


def main(
    photos: Annotated[Path | None, typer.Option(help="Photographs.")] = None,
    pictures: int = 40,
    single: int = 6,
    size: int = 256,
    rival: str = "",
) -> None:
    """Time and print."""
    style = built_in("waves")
    rows: list[tuple[str, int, float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "photos"), Path(place, "out")
        folder.mkdir()
        files = photographs(photos, folder, pictures)
        options = ["--style", str(style), "--size", str(size)]
        whole = [*RUN, "batch", str(folder), "--out", str(out), *options]
        rows.append(("styleplug batch, whole command", pictures, *timed(whole)))
        times = sorted(path.stat().st_mtime for path in out.glob("*.png"))
        rows.append(("styleplug batch, between results", pictures - 1, times[-1] - times[0], 0.0))
        singles = [
            [*RUN, "run", "cnn", "--content", str(one), "--out", f"{place}/x.png", *options]
            for one in files[:single]
        ]
        rows.append(("styleplug run, one process a picture", single, *timed(*singles)))
        if rival:
            theirs = Path(place, "theirs")
            theirs.mkdir()
            names = {"input": str(folder), "output": str(theirs), "style": str(style)}
            command = [part.format(**names) for part in shlex.split(rival)]
            rows.append((command[0], pictures, *timed(command)))
    table = Table(title=f"{size} px, {os.cpu_count()} processors")
    for head in ("what", "pictures", "seconds", "pictures a second", "processor s a picture"):
        table.add_column(head)
    for name, count, seconds, busy in rows:
        each = f"{busy / count:.3f}" if busy else ""
        table.add_row(name, str(count), f"{seconds:.1f}", f"{count / seconds:.2f}", each)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
