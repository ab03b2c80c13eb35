"""Count the results of a grid."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from styleplug.engine.cells import CellEvent

KEPT = 1000
"""Most failures that are kept in full."""


@dataclass
class Tally:
    """The counts.

    Args:
        done: cells made.
        skipped: cells that were finished before.
        failed: cells that failed, now or before.
        failures: the first of these.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    failures: list[CellEvent] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def add(self, event: CellEvent) -> None:
        """Count an event."""
        if event.state == "done":
            self.done += 1
        elif event.state == "skipped":
            self.skipped += 1
        elif event.state == "failed":
            self.failed += 1
            if len(self.failures) < KEPT:
                self.failures.append(event)

    @property
    def ended(self) -> int:
        """All cells that ended."""
        return self.done + self.skipped + self.failed

    @property
    def seconds(self) -> float:
        """Time so far."""
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Cells made per second."""
        return self.done / max(1e-6, self.seconds)
