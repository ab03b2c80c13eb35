"""What a training run reports while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """The result of a run; `report.json` in its folder holds the same.

    Args:
        command: the command that makes the same run.
        step: finished steps, over all resumed parts.
        seconds: training time, over all resumed parts.
        stopped: whether the run was stopped before its end.
        best_step: step of `best.safetensors`.
        best: its held-out scores by name; the first one decided.
        last: the scores of `last.safetensors`.
        pictures: number of pictures that were trained on.
        styles: number of styles; 0 where the task takes none.
        held_out: number of pictures and styles for the scores.
        skipped: a sentence for each file that could not be used.
    """

    task: str
    command: str
    step: int
    seconds: float
    stopped: bool
    best_step: int
    best: Mapping[str, float]
    last: Mapping[str, float]
    pictures: int
    styles: int
    held_out: int
    skipped: list[str]
    device: str


@dataclass(frozen=True)
class Progress:
    """The state of a run.  While pictures are read there are no losses yet.

    Args:
        steps: planned steps; None where only time decides.
        share: finished share of the run, 0 to 1.
        seconds: training time, over all resumed parts.
        remaining: estimated seconds until the end.
        losses: means by name since the last entry of the log.
        scores: the newest held-out scores.
        sample: the newest sheet of samples, a PNG.
        note: what the run is doing.
        warnings: sentences to show once, such as skipped files.
        report: only in the last `Progress`.
    """

    step: int = 0
    steps: int | None = None
    share: float = 0.0
    seconds: float = 0.0
    remaining: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    sample: Path | None = None
    note: str = ""
    warnings: tuple[str, ...] = ()
    report: Report | None = None


def format_values(values: Mapping[str, float]) -> str:
    """Values by name, as text.

    >>> format_values({"loss": 0.51234, "content": 0.25})
    'loss 0.5123, content 0.25'
    """
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
