"""`gatys` with VGG-19 as its encoder, downloaded from a Hub, on both backends.

    python benchmarks/vgg19_hub.py --examples DIR --squeezenet FILE --vgg19 FILE --out DIR

Method: the weights are given the tensor names of `timm/vgg19.tv_in1k` and served by the loopback
Hub of the tests.  `styleplug.stylize` downloads the tensors that it needs into an empty cache and
paints each pair with default settings.  `judge.py` scores the results.  The VGG columns are judged
by the same network that leads the painting, so the other two columns count more here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from encoder_quality import PAIRS, picture
from judge import Judge
from safetensors.torch import save

import styleplug
from styleplug.imaging import encode
from styleplug.methods.gatys import METHOD
from styleplug.nets import vgg19 as vgg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hub import LoopbackHub

SOURCE, _ = METHOD.weights["vgg19"]


def main(
    examples: Annotated[Path, typer.Option(help="folder of photo-* and style-* pictures")],
    squeezenet: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    vgg19: Annotated[Path, typer.Option(help="VGG-19 weights, safetensors")],
    out: Annotated[Path, typer.Option(help="folder for the pictures")],
    size: int = 384,
    pairs: Annotated[int, typer.Option(help="how many of them")] = 3,
) -> None:
    """Print the table as Markdown."""
    judge = Judge(squeezenet, vgg19)
    out.mkdir(parents=True, exist_ok=True)
    files = [
        (picture(examples, f"photo-{photo}", size), picture(examples, f"style-{style}", size))
        for photo, style in PAIRS[:pairs]
    ]
    with LoopbackHub() as hub, tempfile.TemporaryDirectory() as home:
        os.environ |= {"HF_ENDPOINT": hub.url, "HF_HOME": home}
        hub.put(SOURCE.repo, SOURCE.file, save(vgg.load(vgg19).state_dict()))
        print(f"| backend | {' | '.join(judge.names)} | seconds |")
        print("| --- " * (len(judge.names) + 2) + "|")
        for backend in ("torch", "onnx"):
            scores, seconds = [], []
            for i, (content, style) in enumerate(files):
                result = styleplug.stylize(
                    content, style, "gatys", size=size, backend=backend, encoder="vgg19"
                )
                scores.append(judge.scores(result.array, content, style))
                seconds.append(result.report.seconds)
                (out / f"{i}-{backend}.png").write_bytes(encode(result.array))
            means = [np.mean([one[name] for one in scores]) for name in judge.names]
            shown = " | ".join(f"{mean:.2f}" for mean in means)
            print(f"| {backend} | {shown} | {np.median(seconds):.1f} |", flush=True)
        got = sum(end - start for start, end in hub.sent()) / 2**20
        print(f"\ndownloaded {got:.1f} MB of {SOURCE.repo}")


if __name__ == "__main__":
    typer.run(main)
