"""The operator's replicas as clusters: what it answers itself, over mutual TLS."""

from dataclasses import dataclass

from modelfleet.gateway.render.types import Resource, extension

OPERATOR_API = "operator-api"
SERVER_NAME = "modelfleet-operator"
"""The one name in every operator's certificate."""
ACTIVATOR_PORT = 8090


@dataclass(frozen=True, slots=True)
class OperatorAccess:
    """Where a gateway finds operators, and the files that show each the other."""

    host: str = "modelfleet-operator-xds"
    """host is a headless Service: one address for each replica."""
    config_directory: str = "/etc/modelfleet/gateway"
    """config_directory has `gateway-tls.yaml` and `operator-ca.yaml`, which name the certificates' files (SDS)."""


def operator_api(access: OperatorAccess) -> Resource:
    """Return the cluster that answers `/v1/models`, and which models a caller may use."""
    address = {"socket_address": {"address": access.host, "port_value": ACTIVATOR_PORT}}
    return {
        "name": OPERATOR_API,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "dns_refresh_rate": "2s",
        "load_assignment": {
            "cluster_name": OPERATOR_API,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
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
