"""How well does the VAE give pictures back, and how near is its latent to the prior?

    python benchmarks/vae_quality.py --examples DIR [--size 512]

Method: the photographs and paintings of a folder that training never saw, encoded and decoded
without a change at the given size; PSNR of each, as the mean over photographs and over paintings.
The latent's moments over all of them, and the KL divergence of a position and channel, say how
near it is to the prior.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from styleplug.backends.choose import choose
from styleplug.core.weight import WeightFile
from styleplug.imaging import fit, read
from styleplug.imaging.padding import pad_to_multiple
from styleplug.methods.vae import METHOD
from styleplug.store import Store


def main(
    examples: Annotated[Path, typer.Option(help="folder of photo-* and style-* pictures")],
    weights: Annotated[Path | None, typer.Option(help="other weights of the VAE")] = None,
    backend: str = "onnx",
    size: int = 512,
) -> None:
    """Print the table."""
    file = (
        WeightFile("vae", weights, "", "local")
        if weights
        else Store().file(METHOD.weights["styleplug"])
    )
    encode, decode = (choose(backend, "cpu").load(file, name) for name in ("encode", "decode"))
    table = Table(title=f"VAE at {size} px, pictures that training never saw")
    for column in ("pictures", "PSNR", "worst", "KL", "mean", "deviation"):
        table.add_column(column)
    for kind in ("photo", "style"):
        errors, divergences, latents = [], [], []
        for path in sorted(examples.glob(f"{kind}-*")):
            picture = pad_to_multiple(fit(read(path), size).pixels, encode.spec.multiple)
            found = encode(picture=picture)
            mean, log_variance = found["mean"], found["log_variance"]
            back = decode(latent=mean)["picture"]
            errors.append(-10 * np.log10(np.mean((back - picture) ** 2)))
            kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance))
            divergences.append(kl.mean())
            latents.append(mean.reshape(mean.shape[1], -1))
        every = np.concatenate(latents, axis=1)
        row = (np.mean(errors), np.min(errors), np.mean(divergences), every.mean(), every.std())
        table.add_row(f"{len(errors)} {kind}", *(f"{value:.2f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
