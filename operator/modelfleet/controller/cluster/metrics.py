"""What the operator counts about its own requests."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "modelfleet_api_requests",
    "Requests to the API server by their answer; code 0 means that none came.",
    ["verb", "resource", "code"],
)
REQUEST_SECONDS = Histogram(
    "modelfleet_api_request_duration_seconds",
    "Time from sending a request until its whole answer was read.",
    ["verb", "resource"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
IN_FLIGHT = Gauge("modelfleet_api_requests_in_flight", "Requests waiting for the API server's answer.")
LEADER = Gauge("modelfleet_leader", "1 while this process holds the lease and may write.")
LEADER_CHANGES = Counter("modelfleet_leader_changes", "Times this process gained or lost the lease.", ["change"])
EVENTS_POSTED = Counter("modelfleet_events_posted", "Events written, by reason.", ["reason"])
EVENTS_DROPPED = Counter("modelfleet_events_dropped", "Events not written, by why.", ["why"])
