"""The operator's replicas as a cluster: lists of models, and requests held for fleets that sleep; over mutual TLS."""

from dataclasses import dataclass

from modelfleet.gateway.render.relay import unlimited
from modelfleet.gateway.render.types import Resource, extension
from modelfleet.gateway.render.upstream import endpoints_of, http_options

OPERATOR_API = "operator-api"
SERVER_NAME = "modelfleet-operator"
"""The one name in every operator's certificate."""
CONNECT_SECONDS = 10
"""The death of one operator brings its TLS handshakes to another all at once."""
CONSECUTIVE_ERRORS, EJECTION_SECONDS = 5, 10


@dataclass(frozen=True, slots=True)
class OperatorAccess:
    """The files of a gateway's container that show it and operators each the other."""

    config_directory: str = "/etc/modelfleet/gateway"
    """config_directory has `gateway-tls.yaml` and `operator-ca.yaml`, which name the certificates' files (SDS)."""


def operator_api(access: OperatorAccess) -> Resource:
    """
    Return the cluster of the operators that are ready.

    They take turns: only so does a request that is tried again never meet the one that it was lost with, as long as
    there is another (measured with Envoy 1.40).
    """
    turns = extension("round_robin", "extensions.load_balancing_policies.round_robin.v3.RoundRobin")
    return {
        "name": OPERATOR_API,
        **endpoints_of(OPERATOR_API),
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "load_balancing_policy": {"policies": [{"typed_extension_config": turns}]},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        # Operators say themselves when they hold too much.
        "circuit_breakers": unlimited(),
        "outlier_detection": {
            "consecutive_5xx": CONSECUTIVE_ERRORS,
            "interval": "1s",
            "base_ejection_time": f"{EJECTION_SECONDS}s",
            "max_ejection_percent": 100,
            "enforcing_success_rate": 0,
        },
        **http_options(),
        "transport_socket": mutual_tls(access),
    }


def mutual_tls(access: OperatorAccess) -> Resource:
    """Return the transport socket to an operator; certificates that the kubelet replaces are used from then on."""
    tls = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    context = {
        "tls_params": tls,
        "tls_certificate_sds_secret_configs": [_from_file("gateway-tls", access)],
        "validation_context_sds_secret_config": _from_file("operator-ca", access),
    }
    kind = "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    return extension("envoy.transport_sockets.tls", kind, sni=SERVER_NAME, common_tls_context=context)


def _from_file(name: str, access: OperatorAccess) -> Resource:
    source = {"path_config_source": {"path": f"{access.config_directory}/{name}.yaml"}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}
