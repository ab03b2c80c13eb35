"""The folder of a training run; every file is written completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from torch import nn

from styleplug.core.array import Pixels
from styleplug.core.errors import OutputError, UsageError
from styleplug.imaging import write
from styleplug.store.classes import classes_as_metadata
from styleplug.system.files import not_written, remove_unfinished, write_file
from styleplug.system.jsontext import to_json
from styleplug.training import curve
from styleplug.training.loop.checkpoint import save_weights
from styleplug.training.loop.finish import finish
from styleplug.training.loop.progress import Report
from styleplug.training.loop.setup import Setup, holds_run

CHECKPOINT = "checkpoint.safetensors"
BEST, LAST = "best.safetensors", "last.safetensors"
LOG, CURVE, REPORT, SAMPLES = "log.jsonl", "curve.png", "report.json", "samples"


class Folder:
    """The files of a run; of several processes only one writes them."""

    def __init__(self, setup: Setup, writes: bool):
        self.setup, self.path, self.writes = setup, setup.out, writes
        self.sample: Path | None = None  # the newest sheet of samples

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint, if there is one."""
        return self.path / CHECKPOINT

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make the folder, and lock it against other runs.

        Raises:
            UsageError: it holds another run, or one that is still running.
            OutputError: it cannot be made.
        """
        if not self.writes:
            yield
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Another thread may resume the generator, and must be able to release the lock.
            lock = FileLock(self.path / ".lock", thread_local=False)
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"another run is writing to {self.path}: stop it, or choose another folder"
            ) from None
        except OSError as error:
            raise not_written(self.path, error) from error
        try:
            if holds_run(self.path) and not self.setup.resume:
                raise UsageError(
                    f"{self.path} already holds a run: resume it with --resume, "
                    "or choose another folder"
                )
            remove_unfinished(self.path)
            sheets = sorted((self.path / SAMPLES).glob("*.png"))
            self.sample = sheets[-1] if sheets else None
            yield
        finally:
            lock.release()

    def begin(self, step: int) -> None:
        """Save the setup; drop log entries of steps that will be repeated."""
        if not self.writes:
            return
        self.setup.write()
        log = self.path / LOG
        if log.exists():
            entries = [entry for entry in curve.read_log(log) if entry["step"] <= step]
            write_file(log, "".join(to_json(entry) + "\n" for entry in entries).encode())

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append a line to the log."""
        if not self.writes:
            return
        path = self.path / LOG
        try:
            with path.open("ab") as file:
                size = file.tell()
                try:
                    file.write((to_json(entry) + "\n").encode())
                    file.flush()
                except OSError:
                    file.truncate(size)  # no partial line
                    raise
        except OSError as error:
            raise not_written(path, error) from error

    def weights(self, name: str, net: nn.Module, step: int, classes: Sequence[str]) -> None:
        """Write averaged weights."""
        if self.writes:
            facts = {"task": self.setup.task.id, "step": str(step)} | classes_as_metadata(classes)
            save_weights(self.path / name, net, facts)

    def show(self, step: int, sheet: Pixels) -> None:
        """Write a sheet of samples (h w 3) in [0, 1], and the curve."""
        if not self.writes:
            return
        folder = self.path / SAMPLES
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise not_written(folder, error) from error
        self.sample = folder / f"{step:09d}.png"
        write(np.clip(np.nan_to_num(sheet), 0, 1), self.sample)
        if (self.path / LOG).exists():
            curve.draw(self.path / LOG, self.path / CURVE)

    def report(self, report: Report) -> None:
        """Write the report, and complete the folder."""
        if self.writes:
            text = to_json(asdict(report), indent=2) + "\n"
            write_file(self.path / REPORT, text.encode())
            finish(self.path, self.setup, report, BEST, self.sample)

    def with_kept_files(self, error: OutputError, step: int) -> OutputError:
        """The error of a failed write, with what is kept and how to resume."""
        if not self.checkpoint.exists():
            return OutputError(f"{error}. No checkpoint was written yet")
        return OutputError(
            f"{error}. The checkpoint of step {step} in {self.path} is kept: "
            "resume from it with --resume"
        )
