"""What the platform team decides about routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from modelfleet.api.catalogue.accelerators import AcceleratorCatalogue
from modelfleet.api.platform import GatewaySettings
from modelfleet.gateway.ir import Frame, TokenPrice


@dataclass(frozen=True, slots=True)
class Setting:
    """The platform's choices, and the accelerators whose defaults decide when a pod is full."""

    gateway: GatewaySettings
    accelerators: AcceleratorCatalogue

    @property
    def grants(self) -> Mapping[str, str]:
        """Return which names belong to which namespace, by pattern."""
        return self.gateway.names

    def unseen(self, namespace: str) -> str | None:
        """Return why no Secret of *namespace* is seen; None where they may be read."""
        if namespace in self.gateway.secret_namespaces:
            return None
        return f'"{namespace}" is not in the chart\'s value `secrets.namespaces`, so that its Secrets may not be read'

    def allows_host(self, host: str) -> bool:
        """Return whether *host* is one of `gateway.external.allowedHosts`, or matches one such as `*.example.com`."""
        return any(fnmatchcase(host, pattern) for pattern in self.gateway.allowed_hosts)


def frame_of(settings: GatewaySettings) -> Frame:
    """Return what the platform decides for all requests."""
    return Frame(
        max_body_bytes=settings.max_body_bytes,
        credentials_required=settings.auth_required,
        client_tls=settings.client_tls,
        access_log_sample_percent=settings.access_log.sample_percent,
        tracing_endpoint=settings.tracing.endpoint or None,
        tracing_sample_percent=settings.tracing.sample_percent,
        token_prices=tuple(
            TokenPrice(model, price.prompt_cents_per_million, price.completion_cents_per_million)
            for model, price in sorted(settings.token_prices.items())
        ),
    )
