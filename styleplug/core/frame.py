"""What a run yields: progress is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict

from styleplug.core.recipe import Recipe


class Report(BaseModel):
    """What happened, for the badge on the page and `--json`; made by the engine."""

    model_config = ConfigDict(frozen=True)
    method: str
    backend: str
    provider: str  # what really computed: "cpu", "cuda (NVIDIA H200)", "CPUExecutionProvider" …
    seconds: float
    peak_rss_mb: float
    width: int  # of one picture
    height: int
    count: int = 1  # of pictures
    fps: float = 0.0  # where they are an animation
    steps: int
    metrics: dict[str, float]
    weights: tuple[dict[str, str], ...]  # file, sha256, source
    notes: tuple[str, ...] = ()  # fallbacks and warnings, in words for the visitor
    cancelled: bool = False
    recipe: Recipe


@dataclass(frozen=True)
class Frame:
    """A moment of a run.

    Exactly one frame of a run, the last, is final.  Methods leave `report` alone.

    Args:
        step: steps done.
        steps: steps in all; 0 where unknown.
        images: previews, or the results where final: (h, w, 3) float32 in [0, 1], or
            (h, w, 4) from the engine where the content had transparency.  All of one size.
        note: a word for the visitor ("downloading vgg19 41 of 80 MB"); that of a method's final
            frame goes into the report.
        metrics: losses and scores by name.
        final: this is the result.
        fps: where greater than 0, the images are those of an animation, so many a second.
        report: on the engine's final frame.
    """

    step: int
    steps: int
    images: tuple[np.ndarray, ...] = ()
    note: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    final: bool = False
    fps: float = 0.0
    report: Report | None = None
