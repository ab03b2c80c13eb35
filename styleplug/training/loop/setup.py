"""The settings of a training run; saved beside its checkpoint, so that it can be resumed."""

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
from styleplug.training.loop.task import TaskSpec

FILE = "setup.json"
DEFAULT_MINUTES = 60.0
HUB_TEACHER = Path("vgg19")  # in place of a file: VGG-19 from the Hub
_CHANGEABLE = {"minutes", "steps", "rate", "device", "save_every", "samples_every"}
"""Options that a resumed run may change."""


class Loop(Params):
    """The parameters of every task."""

    minutes: float = field(
        0.0,
        ge=0,
        le=100_000,
        step=1,
        label="Minutes",
        help="Training time, over all resumed parts; 0: no time limit. "
        f"If neither minutes nor steps are given, it is {DEFAULT_MINUTES:g} minutes.",
    )
    steps: int = field(
        0,
        ge=0,
        le=100_000_000,
        label="Steps",
        help="Number of steps; 0: no limit. If minutes are given too, the first limit counts.",
    )
    seed: int = field(
        0,
        ge=0,
        le=2**31 - 1,
        label="Seed",
        help="Decides all randomness: on a CPU the same seed, pictures and steps give the same "
        "weights.",
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = field(
        "auto",
        label="Device",
        help="Device of the computation; auto takes a GPU if there is one.",
        words=DEVICES,
        advanced=True,
    )
    precision: Literal["float32", "bfloat16"] = field(
        "float32",
        label="Precision",
        help="Precision where the task sets none. Convolutions use bfloat16 anyway where it is "
        "faster.",
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
        help="Learning rate of Adam. It warms up over 200 steps and decays over the last fifth.",
        advanced=True,
    )
    save_every: int = field(
        250,
        ge=1,
        le=1_000_000,
        label="Save every",
        help="Steps between checkpoints; a killed run loses at most these.",
        unit="steps",
        advanced=True,
    )
    samples_every: int = field(
        1000,
        ge=1,
        le=1_000_000,
        label="Samples every",
        help="Steps between sheets of samples.",
        unit="steps",
    )

    @property
    def seconds(self) -> float | None:
        """Time limit in seconds; None without one."""
        if not self.minutes and self.steps:
            return None
        return 60 * (self.minutes or DEFAULT_MINUTES)


@dataclass(frozen=True)
class Setup:
    """A run.  Make it with `of`, or from the folder of an earlier run with `resumed`.

    Args:
        data: folders of pictures.
        out: folder of the run.
        styles: folders of styles.
        teacher: file with the weights of a perceptual loss, or `HUB_TEACHER`.
        resume: whether it continues the run in `out`.
    """

    task: TaskSpec
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
        task: TaskSpec,
        *,
        data: Sequence[Path],
        out: Path,
        styles: Sequence[Path] = (),
        teacher: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Setup:
        """A new run; `options` has parameters of the loop and of the task, as text or as values.

        Raises:
            UsageError: an option is missing or wrong.
        """
        own, loop = _split_options(task, options or {})
        setup = cls(
            task,
            task.params.of(own),
            Loop.of(loop),
            _absolute(data),
            out,
            _absolute(styles),
            teacher if teacher in (None, HUB_TEACHER) else teacher.absolute(),
        )
        setup._check()
        return setup

    @classmethod
    def resumed(
        cls,
        task: TaskSpec,
        out: Path,
        *,
        data: Sequence[Path] = (),
        styles: Sequence[Path] = (),
        teacher: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Setup:
        """Resume the run in a folder.

        All options must be the same as before, except minutes, steps, rate, device and the
        intervals.  A new limit replaces the old ones.

        Raises:
            UsageError: there is no run, or an option differs.
        """
        saved = cls._read(task, out)
        given = options or {}
        own, loop = _split_options(task, given)
        if {"minutes", "steps"} & loop.keys():
            loop = {"minutes": 0, "steps": 0, **loop}
        saved_loop = saved.loop.model_dump()
        changed = cls.of(
            task,
            data=data or saved.data,
            out=out,
            styles=styles or saved.styles,
            teacher=teacher or saved.teacher,
            options={**saved.params.model_dump(), **saved_loop, **own, **loop},
        )
        differing = [
            name
            for name, value in {**changed.params.model_dump(), **changed.loop.model_dump()}.items()
            if name not in _CHANGEABLE
            and value != {**saved.params.model_dump(), **saved_loop}[name]
        ]
        differing += [
            n for n in ("data", "styles", "teacher") if getattr(changed, n) != getattr(saved, n)
        ]
        if differing:
            raise UsageError(
                f"the run in {out} was started with another {', '.join(differing)}: leave that out "
                f"to resume it, or start a new run in another folder "
                f"(only {', '.join(sorted(_CHANGEABLE))} may change)"
            )
        return replace(changed, resume=True)

    @classmethod
    def _read(cls, task: TaskSpec, out: Path) -> Setup:
        if not holds_run(out):
            raise UsageError(f"{out} holds no run to resume; leave --resume out to start one")
        try:
            stored = json.loads((out / FILE).read_bytes())
            of, data, styles = stored["task"], stored["data"], stored["styles"]
            teacher, options = stored["teacher"], {**stored["params"], **stored["loop"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{out / FILE} cannot be read ({error}); start a new run in another folder"
            ) from error
        if of != task.id:
            raise UsageError(f"{out} holds a run of {of}, not of {task.id}; name that task")
        return cls.of(
            task,
            data=[*map(Path, data)],
            styles=[*map(Path, styles)],
            out=out,
            teacher=teacher and Path(teacher),
            options=options,
        )

    def _check(self) -> None:
        """Check the options before any file is read."""
        if not self.data:
            raise UsageError(f"{self.task.id} needs pictures to learn from: give --data FOLDER")
        if self.task.takes_styles and not self.styles:
            raise UsageError(
                f"{self.task.id} also learns from styles: give --styles FOLDER, "
                "with paintings or patterns"
            )
        if self.styles and not self.task.takes_styles:
            raise UsageError(f"{self.task.id} takes no --styles; give that folder with --data")
        if self.teacher is None and self.task.needs_teacher:
            raise UsageError(
                f"{self.task.id} learns from VGG-19: give its weights with --teacher FILE "
                "(safetensors), or --teacher vgg19 to take them from the Hub"
            )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is a file; --out needs the folder of the run")
        if self.teacher not in (None, HUB_TEACHER) and not self.teacher.is_file():
            raise UsageError(
                f"there is no file {self.teacher}: --teacher takes weights of VGG-19 or "
                "SqueezeNet 1.0 (safetensors), or vgg19 to take them from the Hub; without it the "
                "embedded encoder is used"
            )

    def write(self) -> None:
        """Save it in the folder of the run.

        Raises:
            OutputError: it cannot be written.
        """
        stored = {
            "task": self.task.id,
            "params": self.params.model_dump(),
            "loop": self.loop.model_dump(),
            "data": [str(folder) for folder in self.data],
            "styles": [str(folder) for folder in self.styles],
            "teacher": self.teacher and str(self.teacher),
        }
        write_file(self.out / FILE, (to_json(stored, indent=2) + "\n").encode())

    def command(self) -> str:
        """The command that makes the same run; folders are named by their last part only."""
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
    """Whether a folder holds a run."""
    return (out / FILE).is_file()


def _absolute(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Absolute paths, so that a run can be resumed from another working folder."""
    return tuple(folder.absolute() for folder in folders)


def _split_options(
    task: TaskSpec, options: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the task, and those of the loop; unknown ones go to the task."""
    loop = {name: value for name, value in options.items() if name in Loop.model_fields}
    return {name: value for name, value in options.items() if name not in loop}, loop
