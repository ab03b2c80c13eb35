"""How good is an encoder for what it is for?  Gatys with it, against Gatys with VGG-19.

    python benchmarks/encoder_quality.py --examples DIR --squeezenet FILE --vgg19 FILE --out DIR \
        [--encoder ARCH=FILE …] [--size 384]

Method: twelve pairs of a photograph and a painting that training never saw.  Each is stylised by
`styleplug.methods.gatys` with its default settings, but from the content, once with each encoder,
and the results are scored by `judge.py`.  An encoder is an architecture and a file of its weights;
by default those are the embedded one and VGG-19.  Seconds are those of the whole run.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from judge import Judge
from PIL import Image
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file

from styleplug.backends.choose import choose
from styleplug.core.backend import Net
from styleplug.core.weight import WeightFile
from styleplug.imaging import fit, read
from styleplug.methods.gatys import METHOD, GatysParams
from styleplug.nets import vgg19 as vgg
from styleplug.store import Store

PAIRS = (  # beginnings of file names: photo-…, style-…
    ("kodim04", "starry_night__"),
    ("kodim05", "the_scream"),
    ("unsplash-jake", "wave__"),
    ("kodim08", "udnie"),
    ("unsplash-janice", "vg_olive"),
    ("kodim12", "woman_with_hat"),
    ("unsplash-david", "shipwreck"),
    ("kodim01", "mondrian"),
    ("unsplash-bruna", "japanese_flower"),
    ("kodim11", "tahiti"),
    ("unsplash-la-partida", "Robert_Delaunay"),
    ("kodim07", "starry_night_crop"),
)


class OneEncoder:
    """A Context outside the engine: one run, one encoder.

    Args:
        size: long side of the pictures.
        file: weights of the encoder.
    """

    def __init__(self, size: int, file: WeightFile):
        self.size, self.rng, self._file = size, np.random.default_rng(0), file

    def net(self, key: str, function: str) -> Net:
        """A function of the encoder."""
        return choose("onnx", "cpu").load(self._file, function)

    def check(self) -> None:
        """Never stopped."""


def picture(folder: Path, beginning: str, size: int) -> np.ndarray:
    """The example (h w 3) whose name begins so, its long side so many pixels."""
    files = sorted(folder.glob(f"{beginning}*"))
    if not files:
        raise typer.BadParameter(f"no file in {folder} begins with {beginning}")
    return fit(read(files[0]), size).pixels


def sheet(rows: list[list[np.ndarray]], file: Path, side: int = 256) -> None:
    """Pictures in rows, each within a square."""
    paper = Image.new("RGB", (side * len(rows[0]), side * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            image = Image.fromarray((pixels * 255 + 0.5).astype(np.uint8))
            image.thumbnail((side - 6, side - 6), Image.Resampling.LANCZOS)
            paper.paste(image, (x * side + 3, y * side + 3))
    paper.save(file, quality=90)


def encoders(named: list[str], vgg19: Path, out: Path) -> dict[str, WeightFile]:
    """Weights by what an encoder is called: its architecture and the name of the file."""
    if named:
        pairs = (one.partition("=") for one in named)
        files = [WeightFile(arch, Path(file), "", "local") for arch, _, file in pairs]
        return {f"{file.arch} {file.path.name}": file for file in files}
    layout = out / "vgg19.safetensors"  # that of our architecture, whatever the given file has
    save_file(vgg.load(vgg19).state_dict(), layout)
    embedded = Store().file(METHOD.weights["styleplug"])
    return {
        f"{embedded.arch} (embedded)": embedded,
        "vgg19": WeightFile("vgg19", layout, "", "local"),
    }


def main(
    examples: Annotated[Path, typer.Option(help="folder of photo-* and style-* pictures")],
    squeezenet: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    vgg19: Annotated[Path, typer.Option(help="VGG-19 weights, safetensors")],
    out: Annotated[Path, typer.Option(help="folder for pictures, sheet and scores")],
    encoder: Annotated[list[str] | None, typer.Option(help="ARCH=FILE, in place of ours")] = None,
    size: int = 384,
    pairs: Annotated[str, typer.Option(help="indices of pairs, such as 0,3; all if empty")] = "",
    params: Annotated[str, typer.Option(help="parameters of the runs, as JSON")] = "{}",
) -> None:
    """Run the comparison and print its table as Markdown."""
    judge, console = Judge(squeezenet, vgg19), Console(width=200)
    out.mkdir(parents=True, exist_ok=True)
    chosen = [int(i) for i in pairs.split(",")] if pairs else list(range(len(PAIRS)))
    given = GatysParams.of({"init": "content", **json.loads(params)})
    known = encoders(encoder or [], vgg19, out)
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in known}
    rows = []
    for i in chosen:
        content = picture(examples, f"photo-{PAIRS[i][0]}", size)
        style = picture(examples, f"style-{PAIRS[i][1]}", size)
        row = [content, style]
        for name, file in known.items():
            began = time.perf_counter()
            images = {"content": (content,), "style": (style,)}
            *_, last = METHOD.run(images, given, OneEncoder(size, file))
            seconds = time.perf_counter() - began
            row.append(last.images[0])
            pixels = (last.images[0] * 255 + 0.5).astype(np.uint8)
            Image.fromarray(pixels).save(out / f"{i}-{file.arch}.png")
            found = judge.scores(last.images[0], content, style)
            scores[name].append(found | {"seconds": seconds})
        rows.append(row)
        console.print(i, *PAIRS[i], {k: round(v[-1]["vgg_gain"], 2) for k, v in scores.items()})
    sheet(rows, out / "sheet.jpg")
    columns = (*judge.names, "seconds")
    table = Table(*("encoder", *columns), title=f"Gatys at {size} px, mean of {len(chosen)} pairs")
    for name, found in scores.items():
        means = [float(np.mean([one[column] for one in found])) for column in columns]
        table.add_row(name, *(f"{mean:.3f}" for mean in means))
    console.print(table)
    (out / "scores.json").write_text(json.dumps(scores, indent=1))


if __name__ == "__main__":
    typer.run(main)
