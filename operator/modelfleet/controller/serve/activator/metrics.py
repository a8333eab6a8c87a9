"""What the activator counts; fleets are the only label that grows, and one without requests is soon left out."""

from prometheus_client import Counter, Gauge, Histogram

HELD = Gauge("modelfleet_activator_held", "Requests that are held for a fleet without replicas.", ["fleet"])
LEFT = Counter("modelfleet_activator_requests", "Requests that left the activator, by why.", ["reason"])
HELD_SECONDS = Histogram(
    "modelfleet_activator_held_seconds",
    "For how long requests were held at this replica.",
    buckets=(0.1, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0),
)
