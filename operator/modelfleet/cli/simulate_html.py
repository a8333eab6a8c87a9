"""The report of a simulation: one HTML file that needs nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from modelfleet.cli.simulate_fleet import SimulatedFleet
from modelfleet.cli.simulate_load import Demand
from modelfleet.cli.simulate_result import HEADER, Entry, as_row, changes
from modelfleet.cli.simulate_svg import Chart, Line, Note, Points, as_svg
from modelfleet.scaling.simulation.run import Run, Sample
from modelfleet.scaling.simulation.score import is_good

CHANGE_HEADER = ("AT", "SIZE", "RULE", "REASON", "WHY")
_MOST_NOTES = 240
"""Stretches of time in which a chart can be asked: about four pixels each."""
_SLOT_SECONDS = 10.0
_SLO_SLOT_SECONDS = 60.0
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #8895a3; --line: #d9dfe5; --paper: #fff;
  --a: #2166ac; --b: #e08214; --c: #7b3294; --d: #1b9e77; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --soft: #8e9aa6; --line: #39424b; --paper: #14191e;
  --a: #6baed6; --b: #fdb863; --c: #c2a5cf; --d: #66c2a5; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
figure { margin: 1.2rem 0; }
figcaption { font-weight: 600; }
figcaption span { font-weight: 400; margin-left: 1rem; color: var(--hue); }
figcaption span::before { content: "\\25A0 "; }
.a { --hue: var(--a); } .b { --hue: var(--b); } .c { --hue: var(--c); } .d { --hue: var(--d); }
svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--soft); }
path { fill: none; stroke: var(--hue); stroke-width: 1.5; }
path.area { fill: var(--hue); fill-opacity: .25; stroke-width: 1; }
line.grid { stroke: var(--line); }
line.mark { stroke: var(--soft); stroke-dasharray: 2 3; }
rect.note { fill: transparent; }
rect.note:hover { fill: var(--soft); fill-opacity: .3; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.soft { color: var(--soft); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported."""

    fleet: SimulatedFleet
    demand: Demand
    run: Run
    entries: tuple[Entry, ...]


def as_html(report: Report) -> str:
    """Return the page: figures, charts over time with every decision under the pointer, and the changes of size."""
    title = f"{report.run.model.profile.name}: {report.demand.name}"
    charts = "".join(as_svg(chart) for chart in _charts(report))
    notes = "".join(f"<p class='soft'>Assumed: {escape(text)}.</p>" for text in report.fleet.assumptions)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(_summary(report))}</p>{notes}"
        f"{_table(HEADER, [as_row(entry) for entry in report.entries])}{charts}"
        f"<h2>Changes of size</h2>{_table(CHANGE_HEADER, _change_rows(report.run))}</body></html>\n"
    )


def _summary(report: Report) -> str:
    slo, cold = report.fleet.slo, report.run.model.cold_start.mean_seconds
    return (
        f"{len(report.demand.requests)} requests in {report.demand.duration_seconds / 60:.0f} minutes. "
        f"A request is good when its first token takes at most {slo.time_to_first_token_seconds:g} s and its tokens "
        f"{1000 * slo.inter_token_seconds:g} ms on average. A pod is Ready {cold:g} s after it got a node, on average. "
        "Move the pointer over a chart to read the decision of that moment."
    )


def _charts(report: Report) -> Iterator[Chart]:
    run, duration = report.run, report.run.duration_seconds
    notes = tuple(_notes(run))

    def chart(title: str, *lines: Line, highest: float | None = None) -> Chart:
        return Chart(title=title, lines=lines, duration=duration, highest=highest, notes=notes)

    yield chart("Demand, requests a second", Line(label="arrivals", kind="a", points=_arrivals(run), is_area=True))
    yield chart(
        "Pods",
        Line(label="all", kind="c", points=_over_time(run, _alive), is_stepped=True, is_area=True),
        Line(label="serving", kind="a", points=_over_time(run, lambda s: s.serving), is_stepped=True, is_area=True),
        Line(label="wanted", kind="b", points=_over_time(run, lambda s: s.wanted), is_stepped=True),
    )
    yield chart(
        "Requests",
        Line(label="running", kind="a", points=_over_time(run, lambda s: s.running)),
        Line(label="waiting", kind="b", points=_over_time(run, lambda s: s.waiting), is_area=True),
    )
    yield chart(
        "KV cache in use, %",
        Line(label="mean", kind="c", points=_over_time(run, lambda s: 100 * s.kv_usage)),
        highest=100,
    )
    yield chart(
        "Within the SLO, % of a minute's requests", Line(label="good", kind="d", points=_good(report)), highest=100
    )


def _alive(sample: Sample) -> float:
    return sample.serving + sample.loading + sample.draining


def _over_time(run: Run, value: Callable[[Sample], float]) -> Points:
    return [(sample.at, value(sample)) for sample in run.samples]


def _arrivals(run: Run) -> Points:
    counts = [0] * (int(run.duration_seconds / _SLOT_SECONDS) + 1)
    for one in run.sequences:
        counts[min(int(one.request.arrival / _SLOT_SECONDS), len(counts) - 1)] += 1
    return [(slot * _SLOT_SECONDS, count / _SLOT_SECONDS) for slot, count in enumerate(counts)]


def _good(report: Report) -> Points:
    slots = int(report.run.duration_seconds / _SLO_SLOT_SECONDS) + 1
    good, all_of_them = [0] * slots, [0] * slots
    for one in report.run.sequences:
        slot = min(int(one.request.arrival / _SLO_SLOT_SECONDS), slots - 1)
        all_of_them[slot] += 1
        good[slot] += is_good(one, report.fleet.slo)
    return [(slot * _SLO_SLOT_SECONDS, 100 * good[slot] / count) for slot, count in enumerate(all_of_them) if count]


def _notes(run: Run) -> Iterator[Note]:
    """Yield a decision for each stretch of time, the one that changed the size where there is one."""
    marked = {sample.at for sample in changes(run)}
    stretches: dict[int, Sample] = {}
    for sample in run.samples:
        stretch = int(sample.at / run.duration_seconds * _MOST_NOTES)
        if sample.at in marked or stretch not in stretches:
            stretches[stretch] = sample
    ends = [*(sample.at for sample in stretches.values()), run.duration_seconds]
    for sample, end in zip(stretches.values(), ends[1:], strict=True):
        yield Note(start=sample.at, end=end, text=_decision_text(sample), is_marked=sample.at in marked)


def _decision_text(sample: Sample) -> str:
    pods = f"{sample.serving} serving, {sample.loading} loading, {sample.draining} draining"
    text = f"{_clock(sample.at)}: {sample.wanted} wanted ({pods})"
    if sample.decision:
        text += f"\n{sample.decision.rule}, {sample.decision.reason}: {sample.decision.message}"
    return text


def _change_rows(run: Run) -> list[tuple[str, ...]]:
    sizes = [run.model.first_size, *(sample.wanted for sample in changes(run))]
    return [
        (_clock(sample.at), f"{before} → {after}", *_why(sample))
        for (before, after), sample in zip(pairwise(sizes), changes(run), strict=True)
    ]


def _why(sample: Sample) -> tuple[str, str, str]:
    decision = sample.decision
    return (decision.rule, decision.reason, decision.message) if decision else ("", "", "")


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
