"""The types of resources that a gateway is served, and the name of the one that marks how far it has come."""

_API = "type.googleapis.com/envoy."

CDS = f"{_API}config.cluster.v3.Cluster"
EDS = f"{_API}config.endpoint.v3.ClusterLoadAssignment"
SDS = f"{_API}extensions.transport_sockets.tls.v3.Secret"
LDS = f"{_API}config.listener.v3.Listener"
ECDS = f"{_API}config.core.v3.TypedExtensionConfig"
RDS = f"{_API}config.route.v3.RouteConfiguration"
SRDS = f"{_API}config.route.v3.ScopedRouteConfiguration"
RTDS = f"{_API}service.runtime.v3.Runtime"

MARKER = "modelfleet-state"
"""
The name of the RTDS layer that says which state of the cluster a gateway has been served.

The bootstrap needs it as a `layered_runtime` layer with `initial_fetch_timeout: 0s`: Envoy then asks for it before it
asks for anything else, on every new stream too.
"""
MARKER_KEY = "modelfleet.state"
"""The one runtime key of that layer; it can be read in Envoy's admin under `/runtime`."""
