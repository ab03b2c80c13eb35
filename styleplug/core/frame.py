"""The frames that a run yields: its progress and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from styleplug.core.array import Pixels
from styleplug.core.recipe import Recipe


class Report(BaseModel):
    """A report on a finished run, made by the engine; the page and `--json` show it."""

    model_config = ConfigDict(frozen=True)
    method: str
    backend: str
    provider: str  # what computed it: "cpu", "cuda (NVIDIA H200)", "CPUExecutionProvider" …
    seconds: float
    peak_rss_mb: float
    width: int  # of one picture
    height: int
    count: int = 1  # of pictures
    fps: float = 0.0  # greater than 0 for an animation
    steps: int
    metrics: dict[str, float]
    scores: dict[str, float] = {}  # style gain and content kept, if they were asked for
    weights: tuple[dict[str, str], ...]  # file, sha256, source
    notes: tuple[str, ...] = ()  # sentences for the user: fallbacks and warnings
    cancelled: bool = False
    recipe: Recipe


@dataclass(frozen=True)
class Frame:
    """One step of a run.

    Only the last frame of a run is final.  Methods set neither `report` nor `unfinished`.

    Args:
        steps: number of all steps; 0 if unknown.
        images: previews, or the results in the final frame: (h, w, 3) float32 in [0, 1], or
            (h, w, 4) from the engine if the content has transparency.  All have one size.
        note: a message for the user ("downloading vgg19 41 of 80 MB"); the engine copies the note
            of a method's final frame into the report.
        metrics: losses and scores by name.
        final: whether this is the result.
        fps: pictures per second of an animation; 0 if the images are no animation.
        report: only in the final frame of the engine.
        unfinished: the same, (h, w, 3): the result as the method made it, for the next frame of a
            video.
    """

    step: int
    steps: int
    images: tuple[Pixels, ...] = ()
    note: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    final: bool = False
    fps: float = 0.0
    report: Report | None = None
    unfinished: Pixels | None = None
