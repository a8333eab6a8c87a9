"""Requests to simulate: made from a shape and a mix of lengths, or read from a trace."""

from modelfleet.scaling.simulation.loads.arrivals import Burstiness, arrivals
from modelfleet.scaling.simulation.loads.copies import copied
from modelfleet.scaling.simulation.loads.lengths import CHAT, DOCUMENTS, Lengths, Mix, shifting, steady
from modelfleet.scaling.simulation.loads.made import Load, requests_of
from modelfleet.scaling.simulation.loads.sessions import Sessions, session_requests
from modelfleet.scaling.simulation.loads.shapes import Shape, constant, diurnal, on_off, ramp, spikes, step
from modelfleet.scaling.simulation.loads.trace import TraceError, as_trace, read_trace

__all__ = [
    "CHAT",
    "DOCUMENTS",
    "Burstiness",
    "Lengths",
    "Load",
    "Mix",
    "Sessions",
    "Shape",
    "TraceError",
    "arrivals",
    "as_trace",
    "constant",
    "copied",
    "diurnal",
    "on_off",
    "ramp",
    "read_trace",
    "requests_of",
    "session_requests",
    "shifting",
    "spikes",
    "steady",
    "step",
]
