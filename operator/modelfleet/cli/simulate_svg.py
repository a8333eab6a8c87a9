"""Charts over time as SVG, without scripts: what is under the pointer is told by the browser's own tooltips."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 150
LEFT, RIGHT, TOP, BOTTOM = 60, 10, 10, 22
_GRID = 4

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve; *kind* is its CSS class."""

    label: str
    kind: str
    points: Points
    is_area: bool = False
    is_stepped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A stretch of time with something to say."""

    start: float
    end: float
    text: str
    is_marked: bool = False
    """Drawn as a line, not only found by the pointer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One panel."""

    title: str
    lines: tuple[Line, ...]
    duration: float
    highest: float | None = None
    """The top of the scale; None: that of the data."""
    notes: tuple[Note, ...] = ()


def as_svg(chart: Chart) -> str:
    """Return *chart* as an SVG element with its title and legend."""
    top = chart.highest or _nice(max((y for line in chart.lines for _, y in line.points), default=1.0))
    body = [*_grid(top), *_minutes(chart.duration)]
    body += [_curve(line, chart.duration, top) for line in chart.lines]
    body += [_note(note, chart.duration) for note in chart.notes]
    legend = "".join(f'<span class="{line.kind}">{escape(line.label)}</span>' for line in chart.lines)
    label = escape(chart.title, quote=True)
    return (
        f"<figure><figcaption>{escape(chart.title)} {legend}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(body)}</svg></figure>'
    )


def _x(at: float, duration: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, at / max(duration, 1.0))


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, value / top)


def _curve(line: Line, duration: float, top: float) -> str:
    places = [(_x(at, duration), _y(value, top)) for at, value in line.points]
    if not places:
        return ""
    path, last = f"M{places[0][0]:.1f} {places[0][1]:.1f}", places[0]
    for x, y in places[1:]:
        if line.is_stepped and y != last[1]:
            path += f"H{x:.1f}"
        if not line.is_stepped or y != last[1]:
            path += f"L{x:.1f} {y:.1f}"
        last = (x, y)
    path += f"H{last[0]:.1f}"
    if line.is_area:
        path += f"V{_y(0, top):.1f}H{places[0][0]:.1f}Z"
    return f'<path class="{line.kind}{" area" if line.is_area else ""}" d="{path}"/>'


def _note(note: Note, duration: float) -> str:
    left, right = _x(note.start, duration), _x(note.end, duration)
    mark = (
        f'<line class="mark" x1="{left:.1f}" x2="{left:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        if note.is_marked
        else ""
    )
    return (
        f'<g>{mark}<rect class="note" x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" '
        f'height="{HEIGHT - TOP - BOTTOM}"><title>{escape(note.text)}</title></rect></g>'
    )


def _grid(top: float) -> Iterable[str]:
    for part in range(_GRID + 1):
        value = top * part / _GRID
        y = _y(value, top)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'


def _minutes(duration: float) -> Iterable[str]:
    every = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120) if duration / 60 / step <= 12), 240)  # noqa: PLR2004 - labels that fit
    for minute in range(0, int(duration / 60) + 1, every):
        x = _x(60 * minute, duration)
        yield f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{minute} min</text>'


def _nice(value: float) -> float:
    """Return a round number at or above *value*."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next(scale * step for step in (1, 2, 4, 6, 8, 10, 20) if scale * step >= value)
