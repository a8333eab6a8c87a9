"""What the configuration server tells about itself."""

from prometheus_client import Counter, Gauge

from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, RDS, RTDS, SDS, SRDS

TYPE_LABELS = {
    CDS: "clusters",
    EDS: "endpoints",
    SDS: "secrets",
    LDS: "listeners",
    ECDS: "extensions",
    RDS: "routes",
    SRDS: "scopes",
    RTDS: "marker",
}
"""The values of the label `type`; nothing else is ever counted."""

CLIENTS = Gauge("modelfleet_xds_clients", "Gateways that are connected to this replica.")
HELD = Gauge(
    "modelfleet_xds_held_clients", "Gateways that are sent nothing, as they have seen a later state than this replica."
)
RESPONSES = Counter("modelfleet_xds_responses", "Responses sent to gateways.", ["type"])
BYTES = Counter("modelfleet_xds_sent_bytes", "Bytes of responses sent to gateways.", ["type"])
NACKS = Counter("modelfleet_xds_nacks", "Responses that gateways refused, halves of refused ones included.", ["type"])
REJECTED = Counter("modelfleet_xds_rejected_resources", "Resources that gateways found to be at fault.", ["type"])
