"""The end of a training run: its weights become usable by styleplug and by other programs.

The folder gets `model.toml`, from which styleplug knows the weights, a model card, a sheet of
samples, and ONNX graphs.  None of these contains a path of this machine.
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path

from styleplug.nets import ARCHITECTURES
from styleplug.store.files import Digests
from styleplug.store.trained import Model
from styleplug.system.files import write_file
from styleplug.training.export import export_run
from styleplug.training.loop.card import GRAPHS, SHEET, write_model
from styleplug.training.loop.progress import Report
from styleplug.training.loop.setup import Setup


def finish(folder: Path, setup: Setup, report: Report, weights: str, sheet: Path | None) -> Model:
    """Complete the folder of a run; files of an earlier call are replaced.

    Raises:
        OutputError: a file cannot be written.
        WeightError: a graph of the project is damaged.
    """
    path, task = folder / weights, setup.task
    named = [*setup.data, *setup.styles]
    model = Model(
        title=f"{task.title}: {', '.join(dict.fromkeys(one.name for one in named))}"[:200],
        arch=task.id,
        method=task.method or task.id,
        file=weights,
        sha256=Digests().of(path, anew=True),
        size=path.stat().st_size,
        command=without_paths(setup.command()),
        seed=setup.loop.seed,
        steps=report.step,
        seconds=report.seconds,
        scores={name: score for name, score in report.best.items() if math.isfinite(score)},
        data=tuple(one.name for one in setup.data),
        pictures=report.pictures,
        styles=tuple(one.name for one in setup.styles),
        style_pictures=report.styles,
        held_out=report.held_out,
    )
    if sheet is not None:
        write_file(folder / SHEET, sheet.read_bytes())
    if model.arch in ARCHITECTURES:
        export_run(path, model.arch, folder / GRAPHS)
    write_model(folder, model)
    return model


def without_paths(command: str) -> str:
    """A command with the names of folders and files, but without their paths.

    >>> without_paths("styleplug train cnn --data /somewhere/photos --steps 5")
    'styleplug train cnn --data photos --steps 5'
    """
    words = shlex.split(command)
    return shlex.join(Path(word).name if Path(word).is_absolute() else word for word in words)
