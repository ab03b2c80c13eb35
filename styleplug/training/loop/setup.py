"""What decides a training run; written beside its checkpoint, so that it can go on from there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from styleplug.core.errors import UsageError
from styleplug.core.params import Params, field
from styleplug.core.recipe import DEVICES
from styleplug.system.files import write_file
from styleplug.system.jsontext import to_json
from styleplug.training.loop.task import Task

FILE = "setup.json"
DEFAULT_MINUTES = 60.0
_LATER = {"minutes", "steps", "rate", "device", "save_every", "samples_every"}
"""Options that a resumed run may change: how long, how fast, where and how often."""


class Loop(Params):
    """What every task is trained by."""

    minutes: float = field(
        0.0,
        ge=0,
        le=100_000,
        step=1,
        label="Minutes",
        help="How long to train, over all resumed parts; 0: no limit by time. "
        f"If neither minutes nor steps are given, {DEFAULT_MINUTES:g} minutes.",
    )
    steps: int = field(
        0,
        ge=0,
        le=100_000_000,
        label="Steps",
        help="After how many steps to end; 0: no limit. With minutes as well: what comes first.",
    )
    seed: int = field(
        0,
        ge=0,
        le=2**31 - 1,
        label="Seed",
        help="All chance follows from it: the same seed, pictures and steps give the same weights "
        "on a processor.",
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = field(
        "auto",
        label="Device",
        help="Where to compute: a graphics card if there is one (auto), or what is named.",
        words=DEVICES,
        advanced=True,
    )
    precision: Literal["float32", "bfloat16"] = field(
        "float32",
        label="Precision",
        help="Of what the task leaves open: convolutions use bfloat16 anyway where it is quicker.",
        words={
            "float32": "32 bits (float32)",
            "bfloat16": "16 bits (bfloat16)",
        },
        advanced=True,
    )
    rate: float = field(
        1e-3,
        ge=1e-7,
        le=1,
        label="Learning rate",
        help="Size of a step of Adam. It rises over 200 steps and falls over the last fifth.",
        advanced=True,
    )
    save_every: int = field(
        250,
        ge=1,
        le=1_000_000,
        label="Save every",
        help="Steps from one checkpoint to the next; a killed run loses no more than these.",
        unit="steps",
        advanced=True,
    )
    samples_every: int = field(
        1000,
        ge=1,
        le=1_000_000,
        label="Samples every",
        help="Steps from one sheet of samples to the next.",
        unit="steps",
    )

    @property
    def seconds(self) -> float | None:
        """Limit by time; None where there is none."""
        if not self.minutes and self.steps:
            return None
        return 60 * (self.minutes or DEFAULT_MINUTES)


@dataclass(frozen=True)
class Setup:
    """A run.  Make it with `of`, or with `resumed` from the folder of one that was cut off.

    Args:
        task: what is trained.
        params: the task's own parameters.
        loop: those of every task.
        data: folders of pictures.
        styles: folders of styles; () where the task takes none.
        teacher: weights of VGG-19 or SqueezeNet 1.0 as perceptual loss; our own encoder where
            None.
        out: folder of the run.
        resume: whether to go on with the run that the folder holds.
    """

    task: Task
    params: Params
    loop: Loop
    data: tuple[Path, ...]
    out: Path
    styles: tuple[Path, ...] = ()
    teacher: Path | None = None
    resume: bool = False

    @classmethod
    def of(
        cls,
        task: Task,
        *,
        data: Sequence[Path],
        out: Path,
        styles: Sequence[Path] = (),
        teacher: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Setup:
        """A new run.

        Args:
            task: what is trained.
            data: folders of pictures.
            out: folder of the run.
            styles: folders of styles.
            teacher: weights of a perceptual loss.
            options: parameters of the loop and of the task by name, as text or as values.

        Raises:
            UsageError: what is missing, or of the wrong kind.
        """
        own, loop = _sorted(task, options or {})
        setup = cls(
            task,
            task.params.of(own),
            Loop.of(loop),
            _absolute(data),
            out,
            _absolute(styles),
            teacher and teacher.absolute(),
        )
        setup._check()
        return setup

    @classmethod
    def resumed(
        cls,
        task: Task,
        out: Path,
        *,
        data: Sequence[Path] = (),
        styles: Sequence[Path] = (),
        teacher: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Setup:
        """The run that a folder holds, to go on with.

        What is given must be as it was, save minutes, steps, rate, device and the intervals:
        these are taken, a new limit in place of the old ones.

        Raises:
            UsageError: there is no run, or what is given differs.
        """
        was = cls._read(task, out)
        given = options or {}
        own, loop = _sorted(task, given)
        if {"minutes", "steps"} & loop.keys():
            loop = {"minutes": 0, "steps": 0, **loop}
        before = was.loop.model_dump()
        now = cls.of(
            task,
            data=data or was.data,
            out=out,
            styles=styles or was.styles,
            teacher=teacher or was.teacher,
            options={**was.params.model_dump(), **before, **own, **loop},
        )
        differing = [
            name
            for name, value in {**now.params.model_dump(), **now.loop.model_dump()}.items()
            if name not in _LATER and value != {**was.params.model_dump(), **before}[name]
        ]
        differing += [
            n for n in ("data", "styles", "teacher") if getattr(now, n) != getattr(was, n)
        ]
        if differing:
            raise UsageError(
                f"the run in {out} was begun with another {', '.join(differing)}: leave that out "
                f"to go on with it, or begin a new run in another folder "
                f"(only {', '.join(sorted(_LATER))} may change)"
            )
        return replace(now, resume=True)

    @classmethod
    def _read(cls, task: Task, out: Path) -> Setup:
        if not holds_run(out):
            raise UsageError(f"{out} holds no run to resume; leave --resume out to begin one")
        try:
            kept = json.loads((out / FILE).read_bytes())
            of, data, styles = kept["task"], kept["data"], kept["styles"]
            teacher, options = kept["teacher"], {**kept["params"], **kept["loop"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{out / FILE} cannot be read ({error}); begin a new run in another folder"
            ) from error
        if of != task.id:
            raise UsageError(f"{out} holds a run of {of}, not of {task.id}; name that task")
        folders = ([Path(folder) for folder in many] for many in (data, styles))
        return cls.of(
            task,
            data=next(folders),
            styles=next(folders),
            out=out,
            teacher=teacher and Path(teacher),
            options=options,
        )

    def _check(self) -> None:
        """Refuse what cannot work before anything is read."""
        if not self.data:
            raise UsageError(f"{self.task.id} needs pictures to learn from: give --data FOLDER")
        if self.task.takes_styles and not self.styles:
            raise UsageError(
                f"{self.task.id} learns from styles as well: give --styles FOLDER, "
                "with paintings or patterns"
            )
        if self.styles and not self.task.takes_styles:
            raise UsageError(f"{self.task.id} takes no --styles; give that folder with --data")
        if self.teacher is None and self.task.needs_teacher:
            raise UsageError(
                f"{self.task.id} learns from VGG-19: give its weights with --teacher FILE "
                "(safetensors)"
            )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is a file: --out takes the folder of the run")
        if self.teacher is not None and not self.teacher.is_file():
            raise UsageError(
                f"there is no file {self.teacher}: --teacher takes weights of VGG-19 or "
                "SqueezeNet 1.0 (safetensors); without it the embedded encoder teaches"
            )

    def write(self) -> None:
        """Keep it in the folder of the run.

        Raises:
            OutputError: it cannot be written.
        """
        kept = {
            "task": self.task.id,
            "params": self.params.model_dump(),
            "loop": self.loop.model_dump(),
            "data": [str(folder) for folder in self.data],
            "styles": [str(folder) for folder in self.styles],
            "teacher": self.teacher and str(self.teacher),
        }
        write_file(self.out / FILE, (to_json(kept, indent=2) + "\n").encode())

    def command(self) -> str:
        """The command that makes the same run; of folders it names only the last part."""
        words = ["styleplug", "train", self.task.id]
        words += [word for folder in self.data for word in ("--data", folder.name)]
        words += [word for folder in self.styles for word in ("--styles", folder.name)]
        words += ["--teacher", self.teacher.name] if self.teacher else []
        words += ["--out", self.out.name or "."]
        for params in (self.loop, self.params):
            for name, value in params.model_dump(exclude_defaults=True).items():
                flag = name.replace("_", "-")
                if isinstance(value, bool):
                    words.append(f"--{flag}" if value else f"--no-{flag}")
                else:
                    listed = isinstance(value, list | tuple)
                    words += [f"--{flag}", " ".join(map(str, value)) if listed else str(value)]
        return shlex.join(words)


def holds_run(out: Path) -> bool:
    """Whether a folder holds a run that was begun."""
    return (out / FILE).is_file()


def _absolute(folders: Iterable[Path]) -> tuple[Path, ...]:
    """So that a run can be resumed from another working folder."""
    return tuple(folder.absolute() for folder in folders)


def _sorted(task: Task, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The task's own options, and those of the loop; what is unknown goes to the task's."""
    loop = {name: value for name, value in options.items() if name in Loop.model_fields}
    return {name: value for name, value in options.items() if name not in loop}, loop
