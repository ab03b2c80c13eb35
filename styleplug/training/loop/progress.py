"""What a training run tells while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """What became of a run; `report.json` in its folder holds the same.

    Args:
        task: its id.
        command: the command that makes the same run.
        step: steps done, over all resumed parts.
        seconds: time they took.
        stopped: whether somebody stopped it before its end.
        best_step: step of `best.safetensors`.
        best: its held-out scores by name; the first was decisive.
        last: those of `last.safetensors`.
        pictures: how many pictures were learned from.
        styles: how many styles; 0 where the task takes none.
        held_out: how many pictures and styles only judged.
        skipped: a sentence for each file that was no use.
        device: where it was computed.
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
    """Where a run is.  The first ones, while pictures are read, have no losses.

    Args:
        step: steps done.
        steps: of how many; None where time alone decides.
        share: of the run that is done, 0 to 1.
        seconds: spent on training, over all resumed parts.
        remaining: seconds that it will probably take yet.
        losses: by name, averaged since the last entry of the log.
        scores: the newest held-out scores.
        sample: the newest sheet of samples, a PNG.
        note: what it is doing.
        warnings: sentences to be told once, such as files that were skipped.
        report: of the last Progress, and of no other.
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


def written(values: Mapping[str, float]) -> str:
    """Numbers by name, for a person.

    >>> written({"loss": 0.51234, "content": 0.25})
    'loss 0.5123, content 0.25'
    """
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
