"""
Gateways get their configuration here: incremental ADS over gRPC, from every replica of the operator.

`Server` is the whole interface. Inside, `resources` holds what is served, `client` decides what one gateway is sent
next (both without I/O), and `server` moves the messages.
"""

from modelfleet.controller.serve.xds.acknowledgements import Gateway, Refusal
from modelfleet.controller.serve.xds.resources import Gap, Key, Prepared, UnfitResources
from modelfleet.controller.serve.xds.server import Server, ServerOptions
from modelfleet.controller.serve.xds.tls import Certificates
from modelfleet.controller.serve.xds.versions import Vector

__all__ = [
    "Certificates",
    "Gap",
    "Gateway",
    "Key",
    "Prepared",
    "Refusal",
    "Server",
    "ServerOptions",
    "UnfitResources",
    "Vector",
]
