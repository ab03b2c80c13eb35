"""How a method works, drawn from its `diagram` as an SVG: from the pictures down to the result.

A path such as "content > [Encoder] -features> Normalise > result" has boxes, and what goes from one
to the next.  [Brackets] are trained networks.  A path that leads back to an earlier box is a loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDE, HIGH, ACROSS, DOWN, SIDE = 148, 36, 28, 30, 76  # boxes, gaps, and the margin of loops
SLANT = 12  # of the sides of a network
BEND = 24  # of lines between lanes
STYLE = """<style>
svg { color: #27272a; --fill: #fff; --line: #71717a; --accent: #4f46e5; --given: #e0e7ff; }
@media (prefers-color-scheme: dark) {
  svg { color: #f4f4f5; --fill: #27272a; --line: #a1a1aa; --accent: #818cf8; --given: #3730a3; }
}
</style>"""  # of a file of its own; on the page, the style sheet does it
LOOK = """<style>
.sp-drawn text { font: 14px system-ui, sans-serif; fill: currentColor; text-anchor: middle;
  dominant-baseline: central; }
.sp-drawn .sp-data { font-size: 12px; }
.sp-drawn rect, .sp-drawn polygon { fill: var(--fill); stroke: var(--line); }
.sp-drawn polygon { stroke: var(--accent); }
.sp-drawn .sp-given { fill: var(--given); stroke: none; }
.sp-drawn path { fill: none; stroke: var(--line); stroke-width: 1.5; }
</style>"""


@dataclass(frozen=True)
class Edge:
    """What goes from one box to another."""

    start: str
    end: str
    data: str


def draw(
    steps: Sequence[str],
    given: Mapping[str, str],
    title: str,
    word: Callable[[str], str] = str,
    style: str = "",
) -> str:
    """The drawing.

    Args:
        steps: paths.
        given: texts of the boxes that are inputs or the result.
        title: what the drawing shows, for those who do not see it.
        word: the text of another box, or of data.
        style: the colours, if it stands alone.
    """
    edges, paths = _read(steps)
    levels = _levels(edges, given)
    lanes = _lanes(paths, levels)
    back = [edge for edge in edges if levels[edge.end] <= levels[edge.start]]
    long = [one for one in edges if lanes[one.start] == lanes[one.end] and _far(one, levels)]
    margin = SIDE if back or long else 4
    place = {
        one: (margin + lanes[one] * (WIDE + ACROSS), levels[one] * (HIGH + DOWN)) for one in lanes
    }
    parts = [_arrow(edge, place, edge in long or edge in back, word) for edge in edges]
    parts += [_box(one, *place[one], given.get(one), word) for one in lanes]
    width = max(x for x, _ in place.values()) + WIDE + 4
    height = max(y for _, y in place.values()) + HIGH + 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sp-drawn" width="{width}" '
        f'viewBox="0 -2 {width} {height + 2}" role="img" aria-label="{escape(title)}">'
        f"{style}{LOOK}{''.join(parts)}</svg>"
    )


def _read(steps: Sequence[str]) -> tuple[list[Edge], list[list[str]]]:
    """The edges, and for each path the boxes that no path before has."""
    edges: list[Edge] = []
    paths: list[list[str]] = []
    known: set[str] = set()
    for path in steps:
        first, *others = re.split(r"\s*(?:-([^>\]]*))?>\s*", path.strip())
        boxes = [first, *others[1::2]]
        for start, data, end in zip(boxes, others[::2], others[1::2], strict=False):
            edges.append(Edge(start, end, data or ""))
        paths.append([box for box in dict.fromkeys(boxes) if box not in known])
        known.update(boxes)
    return edges, paths


def _lanes(paths: Sequence[Sequence[str]], levels: Mapping[str, int]) -> dict[str, int]:
    """The column of each box; boxes of a path share one where there is room."""
    lanes: dict[str, int] = {}
    for number, path in enumerate(paths):
        taken = {(lanes[box], levels[box]) for box in lanes}
        free = (lane for lane in range(min(number, 1), len(paths) + 1)
                if not any((lane, levels[box]) in taken for box in path))  # fmt: skip
        lanes |= dict.fromkeys(path, next(free))
    return lanes


def _levels(edges: Sequence[Edge], given: Mapping[str, str]) -> dict[str, int]:
    """How far down each box is: below all that it needs, leaving loops aside."""
    forward: list[Edge] = []
    for edge in edges:
        if not _reaches(edge.end, edge.start, forward):
            forward.append(edge)
    level = {box: 0 for edge in edges for box in (edge.start, edge.end)}
    for _ in level:
        for edge in forward:
            level[edge.end] = max(level[edge.end], level[edge.start] + 1)
    sources = level.keys() - {edge.end for edge in forward} - set(given)
    for box in sources:
        level[box] = min(level[edge.end] for edge in forward if edge.start == box) - 1
    return level


def _reaches(start: str, end: str, edges: Sequence[Edge]) -> bool:
    """Whether edges lead from one box to another."""
    return start == end or any(
        _reaches(edge.end, end, edges) for edge in edges if edge.start == start
    )


def _far(edge: Edge, levels: Mapping[str, int]) -> bool:
    """Whether an edge passes other boxes."""
    return levels[edge.end] - levels[edge.start] > 1


def _arrow(
    edge: Edge, place: Mapping[str, tuple[int, int]], aside: bool, word: Callable[[str], str]
) -> str:
    """A line with a head: straight down, from lane to lane, or along the margin."""
    (x1, y1), (x2, y2) = place[edge.start], place[edge.end]
    if aside:
        left, top, bottom = x1 - SIDE, y1 + HIGH / 2, y2 + HIGH / 2
        line = f"M{x1 + 4} {top}C{left} {top} {left} {bottom} {x2 + 2} {bottom}m-8 -4l8 4l-8 4"
        at, anchor = (x1 - 5.0, (top + bottom) / 2), "end"
    elif x1 == x2:
        middle = x1 + WIDE / 2
        line = f"M{middle} {y1 + HIGH}V{y2 - 2}m-4 -7l4 7l4 -7"
        at, anchor = (middle + 10, (y1 + HIGH + y2) / 2), "start"
    else:
        way = 1 if x1 > x2 else -1
        middle, end, level = x1 + WIDE / 2, x2 + WIDE * (way > 0) + 3 * way, y2 + HIGH / 2
        line = f"M{middle} {y1 + HIGH}V{level - BEND}Q{middle} {level} {end} {level}"
        line += f"m{8 * way} -4l{-8 * way} 4l{8 * way} 4"
        at, anchor = (middle + 10, y1 + HIGH + DOWN / 2), "start"
    if not edge.data:
        return f'<path d="{line}"/>'
    text = escape(word(edge.data))
    return (
        f'<path d="{line}"/><text class="sp-data" x="{at[0]}" y="{at[1]}" '
        f'style="text-anchor:{anchor}">{text}</text>'
    )


def _box(name: str, x: int, y: int, given: str | None, word: Callable[[str], str]) -> str:
    """A box with its text."""
    text = escape(given or word(name.strip("[]")))
    if name.startswith("["):
        corners = f"{x},{y} {x + WIDE},{y} {x + WIDE - SLANT},{y + HIGH} {x + SLANT},{y + HIGH}"
        shape = f'<polygon points="{corners}"/>'
    else:
        kind, round_ = (' class="sp-given"', HIGH / 2) if given else ("", 6)
        shape = f'<rect{kind} x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="{round_}"/>'
    return f'{shape}<text x="{x + WIDE / 2}" y="{y + HIGH / 2}">{text}</text>'
