"""The series of the HTTP server itself, as the usual FastAPI instrumentation names them."""

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

_FINE = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60)
_COARSE = (0.1, 0.5, 1)
UNCOUNTED = frozenset({"/metrics", "/health", "/load", "/ping", "/version", "/server_info"})


class HttpMetrics:
    """Requests by handler, counted when their answer is complete."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "http_requests_total",
            "Requests by method, status and handler.",
            ("method", "status", "handler"),
            registry=registry,
        )
        self._request_size = Summary(
            "http_request_size_bytes", "Content length of requests by handler.", ("handler",), registry=registry
        )
        self._response_size = Summary(
            "http_response_size_bytes", "Content length of responses by handler.", ("handler",), registry=registry
        )
        self._fine = Histogram(
            "http_request_duration_highr_seconds", "Latency, without labels.", buckets=_FINE, registry=registry
        )
        self._coarse = Histogram(
            "http_request_duration_seconds",
            "Latency by handler and method.",
            ("method", "handler"),
            buckets=_COARSE,
            registry=registry,
        )

    def count(self, *, handler: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count one answered request; sizes are those of the headers, in bytes."""
        self._requests.labels(method=method, status=f"{status // 100}xx", handler=handler).inc()
        self._request_size.labels(handler=handler).observe(received)
        self._response_size.labels(handler=handler).observe(sent)
        self._fine.observe(seconds)
        self._coarse.labels(method=method, handler=handler).observe(seconds)
