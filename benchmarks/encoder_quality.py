"""How good is our encoder for what it is for?  Gatys with it, against Gatys with its teacher.

    python benchmarks/encoder_quality.py --examples DIR --teacher FILE [--size 384] [--out DIR]

Method: twelve pairs of a photograph and a painting that training never saw.  Each is stylised
twice by `styleplug.methods.gatys`, from the content, with the same sizes, steps and optimiser,
once with our encoder and once with the teacher's own features (conv1 … fire7 for style, fire5 for
content), and both results are scored by `judge.py`.  The judge looks through the teacher's eyes,
so the teacher run is the mark to measure against.  Weights of content and style are set for each
encoder, as their losses are not of the same size; they are printed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from judge import Judge
from PIL import Image
from rich.console import Console
from rich.table import Table

from styleplug.backends.choose import choose
from styleplug.core.backend import Net, NetSpec
from styleplug.core.weight import WeightFile
from styleplug.imaging import fit, read
from styleplug.methods.gatys import METHOD, GatysParams
from styleplug.nets import squeezenet
from styleplug.nets.perceptual import statistics, variation
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
SCORES = ("style_gain", "patch_gain", "content_kept")


class TeacherNet(Net):
    """The teacher as a net for Gatys: the same relative losses, the gradient by autograd."""

    def __init__(self, net: squeezenet.SqueezeNet, file: Path, function: str):
        style = squeezenet.STYLE_TAPS
        targets = (
            f"content_{squeezenet.CONTENT_TAP}",
            *(f"gram_{tap}" for tap in style),
            *(f"mean_{tap}" for tap in style),
        )
        weights = WeightFile("squeezenet", file, "", "teacher")
        self.spec = NetSpec("squeezenet", function, (), targets, "cpu", weights, multiple=8)
        self._net = net

    def __call__(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Describe a picture, or give the Gram loss and its gradient."""
        given = {name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()}
        describing = self.spec.function == "describe"
        picture = given["picture"].clone().requires_grad_(not describing)
        taps = self._net(picture)
        content = taps[squeezenet.CONTENT_TAP]
        found = {tap: statistics(taps[tap]) for tap in squeezenet.STYLE_TAPS}
        if describing:
            means = {f"mean_{tap}": mean for tap, (mean, _) in found.items()}
            grams = {f"gram_{tap}": matrix for tap, (_, matrix) in found.items()}
            told = {f"content_{squeezenet.CONTENT_TAP}": content, **grams, **means}
            return {name: value.detach().numpy() for name, value in told.items()}
        wanted = given[f"content_{squeezenet.CONTENT_TAP}"]
        content_loss = (content - wanted).square().sum() / wanted.square().sum()
        style_losses = torch.stack(
            [
                (matrix - given[f"gram_{tap}"]).square().sum() / given[f"gram_{tap}"].square().sum()
                for tap, (_, matrix) in found.items()
            ]
        )
        total = given["content_weights"][0] * content_loss
        total = total + style_losses @ given["style_weights"]
        (gradient,) = torch.autograd.grad(total, picture)
        variation_loss, smoothing = variation(picture.detach())
        gradient = gradient + given["variation_weight"] * smoothing
        result = (gradient, content_loss[None], style_losses, variation_loss)
        names = ("gradient", "content_losses", "style_losses", "variation_loss")
        return {k: v.detach().numpy() for k, v in zip(names, result, strict=True)}

    def close(self) -> None:
        """Nothing to free."""


class Lent:
    """A Context outside the engine: one run, one encoder."""

    def __init__(self, size: int, teacher: Path | None, weights: Path | None):
        self.size, self.rng = size, np.random.default_rng(0)
        self._teacher, self._weights = teacher, weights

    def net(self, key: str, function: str) -> Net:
        """A function of our encoder, or of the teacher."""
        if self._teacher:
            return TeacherNet(squeezenet.load(self._teacher), self._teacher, function)
        if self._weights:
            file = WeightFile("styleplug_encoder", self._weights, "", "local")
        else:
            file = Store().file(METHOD.weights[key])
        return choose("onnx", "cpu").load(file, function)

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


def main(
    examples: Annotated[Path, typer.Option(help="folder of photo-* and style-* pictures")],
    teacher: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    out: Annotated[Path, typer.Option(help="folder for pictures, sheet and scores")],
    weights: Annotated[Path | None, typer.Option(help="other weights of our encoder")] = None,
    size: int = 384,
    pairs: Annotated[str, typer.Option(help="indices of pairs, such as 0,3; all if empty")] = "",
    ours: Annotated[str, typer.Option(help="parameters of our run, as JSON")] = "{}",
    theirs: Annotated[str, typer.Option(help="parameters of the teacher's run, as JSON")] = "{}",
    only_ours: Annotated[bool, typer.Option(help="read the teacher's results from --out")] = False,
) -> None:
    """Run the comparison and print its table."""
    judge, console = Judge(teacher), Console()
    out.mkdir(parents=True, exist_ok=True)
    chosen = [int(i) for i in pairs.split(",")] if pairs else list(range(len(PAIRS)))
    settings = {"ours": json.loads(ours), "teacher": json.loads(theirs)}
    scores: dict[str, list[dict[str, float]]] = {"ours": [], "teacher": []}
    rows = []
    for i in chosen:
        content = picture(examples, f"photo-{PAIRS[i][0]}", size)
        style = picture(examples, f"style-{PAIRS[i][1]}", size)
        results = []
        for who in scores:
            kept = out / f"{who}-{size}-{i}.png"
            if who == "teacher" and only_ours:
                result = read(kept).pixels
            else:
                lent = Lent(size, teacher if who == "teacher" else None, weights)
                params = GatysParams.of({"init": "content", **settings[who]})
                *_, last = METHOD.run({"content": (content,), "style": (style,)}, params, lent)
                result = last.images[0]
                Image.fromarray((result * 255 + 0.5).astype(np.uint8)).save(kept)
            scores[who].append(judge.scores(result, content, style))
            results.append(result)
        rows.append([content, style, *results])
        console.print(
            i, *PAIRS[i], *({k: round(v, 3) for k, v in s[-1].items()} for s in scores.values())
        )
    sheet(rows, out / "sheet.jpg")
    means = {
        who: {name: float(np.mean([one[name] for one in found])) for name in SCORES}
        for who, found in scores.items()
    }
    table = Table(title=f"Gatys at {size} px, mean of {len(chosen)} pairs")
    for column in ("encoder", *SCORES):
        table.add_column(column)
    for who, mean in means.items():
        table.add_row(f"{who} {settings[who]}", *(f"{mean[name]:.3f}" for name in SCORES))
    share = [means["ours"][name] / means["teacher"][name] for name in SCORES]
    table.add_row("ours / teacher", *(f"{value:.3f}" for value in share))
    console.print(table)
    report = {"settings": settings, "means": means, "pairs": scores}
    (out / "scores.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    typer.run(main)
