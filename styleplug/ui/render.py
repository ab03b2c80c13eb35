"""The status texts during and after a run, as HTML; all texts from outside are escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from styleplug.core.frame import Report
from styleplug.ui.i18n import Language, duration, memory, message, say
from styleplug.ui.live import History, Moment

if TYPE_CHECKING:
    from styleplug.engine import Plan
    from styleplug.engine.line import Ahead

POINTS = 160  # most points of a line
LIBRARIES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}
DEVICES = (  # sign in the name of a provider -> text
    ("cuda", "by_card"),
    ("mps", "by_card"),
    ("coreml", "by_card"),
    ("cpu", "by_processor"),
)
INKS = 7  # number of line colours in the style sheet


def line(text: str, kind: str = "") -> str:
    """A sentence of the status."""
    return f'<p class="sp-line {kind}">{escape(text)}</p>'


def progress(moment: Moment, to: Language) -> str:
    """Progress bar, step, time left and note."""
    frame = moment.frame
    parts = []
    if frame.steps:
        parts.append(say("step", to, step=frame.step, steps=frame.steps))
    elif frame.step:
        parts.append(say("step_open", to, step=frame.step))
    if moment.left is not None:
        parts.append(say("left", to, time=duration(moment.left, to)))
    if frame.note:
        parts.append(message(frame.note, to))
    done = frame.step / frame.steps if frame.steps else 0.0
    return bar(done) + line(" · ".join(parts) or say("starting", to))


def bar(share: float) -> str:
    """A progress bar, filled up to a share of 0 to 1."""
    return f'<div class="sp-bar"><i style="width:{100 * min(1.0, share):.1f}%"></i></div>'


def plan(expected: Plan, to: Language) -> str:
    """The estimate for the run; empty while the first picture is missing."""
    if not expected.width:
        return ""
    parts = [
        say("plan", to, time=duration(expected.seconds, to))
        if expected.seconds is not None
        else say("plan_unknown", to)
    ]
    parts.append(say("plan_size", to, width=expected.width, height=expected.height))
    if expected.added_mb is not None:
        parts.append(say("plan_memory", to, memory=memory(expected.added_mb)))
    basis = say("plan_runs", to, n=expected.runs) if expected.runs else say("plan_guess", to)
    never = say("plan_never", to) if expected.short else ""
    short = say("plan_short", to, size=expected.smaller) if expected.smaller else never
    return (
        line(" · ".join(parts), "sp-plan")
        + line(basis, "sp-small")
        + (short and line(short, "sp-warn"))
    )


def ahead(before: Ahead, to: Language) -> str:
    """What is before a waiting run."""
    key = "ahead_one" if before.runs == 1 else "ahead"
    return line(say(key, to, n=before.runs, time=duration(before.seconds, to)))


def outcome(step: int, report: Report, to: Language) -> str:
    """How the run ended, and after how many steps."""
    if report.cancelled:
        return line(say("stopped", to, step=step), "sp-warn")
    return line(say("done", to, time=duration(report.seconds, to)), "sp-done")


def badge(report: Report, to: Language, scores: Mapping[str, float]) -> str:
    """The backend that was used, the scores, and all warnings."""
    pills = [
        *(f"{file['file']} ({file['source']})" for file in report.weights),
        *([say("pictures", to, n=report.count)] if report.count > 1 else []),
        say("plan_size", to, width=report.width, height=report.height),
        duration(report.seconds, to),
        say("peak", to, memory=memory(report.peak_rss_mb)),
        *(f"{name} {value:.3g}" for name, value in scores.items()),
    ]
    notes = "".join(line(message(note, to), "sp-warn") for note in report.notes)
    spans = "".join(f"<span>{escape(pill)}</span>" for pill in pills)
    return f'{notes}<div class="sp-pills">{_computer(report, to)}{spans}</div>'


def _computer(report: Report, to: Language) -> str:
    """What computed, in words; the name that the library uses is the tooltip."""
    library = LIBRARIES.get(report.backend, report.backend)
    device = next((key for sign, key in DEVICES if sign in report.provider.lower()), "")
    words = say("by", to, backend=library, provider=say(device, to)) if device else library
    raw = f"{report.backend}: {report.provider}"
    return f'<span title="{escape(raw)}">{escape(words)}</span>'


def plot(history: History) -> str:
    """The metrics over the steps as lines; the scale is logarithmic if all are positive."""
    lines = {
        name: [(step, value) for step, value in points if math.isfinite(value)]
        for name, points in history.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    values = [value for points in lines.values() for _, value in points]
    if not values:
        return ""
    logarithmic = min(values) > 0
    scale = math.log10 if logarithmic else float
    low, high = scale(min(values)), scale(max(values))
    first = min(points[0][0] for points in lines.values())
    last = max(points[-1][0] for points in lines.values())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def place(step: float, value: float) -> str:
        x = 100 * (step - first) / max(1, last - first)
        y = 100 * (high - scale(value)) / (high - low)
        return f"{x:.2f},{y:.2f}"

    drawn, legend = [], []
    for number, (name, points) in enumerate(lines.items()):
        ink = f"sp-ink{number % INKS}"
        few = points[:: math.ceil(len(points) / POINTS)] + points[-1:]
        path = " ".join(place(step, value) for step, value in few)
        drawn.append(f'<polyline class="{ink}" points="{path}"/>')
        legend.append(
            f'<span class="{ink}"><i></i>{escape(name)} <b>{points[-1][1]:.3g}</b></span>'
        )
    ends = (10**high, 10**low) if logarithmic else (high, low)
    grid = "".join(f'<path d="M0 {y}H100"/>' for y in range(0, 101, 25))
    return (
        '<figure class="sp-plot">'
        f"{_ends('sp-y', (f'{end:.2g}' for end in ends))}"
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(", ".join(lines))}">{grid}{"".join(drawn)}</svg>'
        f"{_ends('sp-x', (str(first), str(last)))}"
        f"<figcaption>{''.join(legend)}</figcaption></figure>"
    )


def _ends(kind: str, numbers: Iterable[str]) -> str:
    """The numbers at the two ends of an axis."""
    return f'<div class="{kind}">' + "".join(f"<span>{one}</span>" for one in numbers) + "</div>"
