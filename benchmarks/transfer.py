"""Every style transfer method on the same pairs: style, patches, content, seconds, memory.

    python benchmarks/transfer.py --examples DIR --squeezenet FILE --vgg19 FILE [--size 256] \
        [--out DIR] [METHOD …]

Method: the twelve pairs of `encoder_quality.py`, which training never saw, default settings,
ONNX Runtime on the processor.  `judge.py` scores each result; "recognised" counts the results
whose Gram matrices lie nearest to their own style's among six (its own and the next five).  Each
method runs in a process of its own: seconds are the median of the runs after the first, memory
is the largest resident set.  The README's table is this one's output.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from encoder_quality import PAIRS
from judge import Judge
from PIL import Image, ImageOps

from styleplug.imaging import Picture, fit, read
from styleplug.methods import catalogue

RUN = """
import json, resource, sys
from pathlib import Path
import numpy as np
import styleplug
from styleplug.imaging import fit, read
method, size, backend, out, *files = sys.argv[1:]
seconds = []
for index in range(0, len(files), 2):
    content, style = (fit(read(Path(file)), int(size)) for file in files[index:index + 2])
    result = styleplug.stylize(content, style, method, size=int(size), backend=backend)
    np.save(f"{out}/{method}-{index // 2}.npy", result.array[..., :3])
    seconds.append(result.report.seconds)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak": peak}))
"""
Files = list[tuple[Path, Path]]
RIVALS = 6  # styles among which a result is to find its own


def pictures(examples: Path, pairs: Sequence[tuple[str, str]]) -> Files:
    """The files of photographs and styles."""
    found = []
    for photo, style in pairs:
        names = (f"photo-{photo}*", f"style-{style}*")
        found.append(tuple(sorted(examples.glob(name))[0] for name in names))
    return found


def recognised(judge: Judge, out: np.ndarray, styles: Sequence[np.ndarray], own: int) -> bool:
    """Whether a result is nearest to its own style among `RIVALS`."""
    rivals = [(own + step) % len(styles) for step in range(RIVALS)]
    distances = [judge.style_distance(out, styles[index]) for index in rivals]
    return int(np.argmin(distances)) == 0


def measure(
    method: str,
    files: Sequence[tuple[Path, Path]],
    size: int,
    backend: str,
    judge: Judge,
    out: Path,
) -> dict[str, float]:
    """Run a method over all pairs and score it."""
    names = [str(file) for pair in files for file in pair]
    command = [sys.executable, "-c", RUN, method, str(size), backend, str(out), *names]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    cost = json.loads(printed.splitlines()[-1])
    pairs = [[fit(read(file), size).pixels for file in pair] for pair in files]
    styles = [style for _, style in pairs]
    scores, known = [], 0
    for index, (content, style) in enumerate(pairs):
        result = np.load(out / f"{method}-{index}.npy")
        scores.append(judge.scores(result, content, style))
        known += recognised(judge, result, styles, index)
    means = {name: statistics.mean(score[name] for score in scores) for name in judge.names}
    seconds = statistics.median(cost["seconds"][1:] or cost["seconds"])
    return {**means, "recognised": known, "seconds": seconds, "peak": cost["peak"]}


def sheet(files: Files, methods: Sequence[str], out: Path, side: int = 200) -> None:
    """A picture to look at: contents, styles, and a row for each method."""
    rows = [[fit(read(pair[place]), 256) for pair in files] for place in (0, 1)]
    for method in methods:
        arrays = (np.load(out / f"{method}-{index}.npy") for index in range(len(files)))
        rows.append([Picture(array, None) for array in arrays])
    paper = Image.new("RGB", (side * len(files), side * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            image = Image.fromarray((picture.pixels.clip(0, 1) * 255).round().astype(np.uint8))
            square = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
            paper.paste(square, (x * side, y * side))
    paper.save(out / "sheet.png")


def main(
    methods: Annotated[list[str] | None, typer.Argument(help="all that paint in a style")] = None,
    examples: Annotated[Path, typer.Option(help="folder of photo-… and style-… files")] = ...,
    squeezenet: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")] = ...,
    vgg19: Annotated[Path | None, typer.Option(help="VGG-19 weights, safetensors")] = None,
    out: Annotated[Path, typer.Option(help="folder for the pictures")] = Path("runs/transfer"),
    size: int = 256,
    backend: str = "onnx",
    pairs: Annotated[int, typer.Option(help="how many of them")] = len(PAIRS),
) -> None:
    """Print the table as Markdown."""
    known = catalogue().methods.items()
    takes = [
        id for id, method in known if {"content", "style"} <= {slot.id for slot in method.inputs}
    ]
    methods = methods or takes
    out.mkdir(parents=True, exist_ok=True)
    files, judge = pictures(examples, PAIRS[:pairs]), Judge(squeezenet, vgg19)
    names = [name.replace("_", " ") for name in judge.names]
    columns = ["method", *names, "recognised", "seconds", "peak MB"]
    print(f"| {' | '.join(columns)} |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for method in methods:
        row = measure(method, files, size, backend, judge, out)
        shown = [f"{row[name]:.2f}" for name in judge.names]
        shown.append(f"{row['recognised']:.0f} of {len(files)}")
        shown += [f"{row['seconds']:.2f}", f"{row['peak']:.0f}"]
        print(f"| `{method}` | {' | '.join(shown)} |", flush=True)
    sheet(files, methods, out)


if __name__ == "__main__":
    typer.run(main)
