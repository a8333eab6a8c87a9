"""Messages on the wire, and what is kept of a gateway's explanation."""

from typing import Any

from tests.controller.serve.xds.gateway_model import SCHEMA, content, resources

from modelfleet.controller.serve.xds.messages import LONGEST, Response, Wire, explanation
from modelfleet.gateway.schema.type_urls import CDS, ECDS, RDS, SDS

WIRE = Wire(SCHEMA)
DISCOVERY: Any = "envoy.service.discovery.v3.DeltaDiscovery"


def test_a_request_is_read() -> None:
    message: Any = SCHEMA.type(f"{DISCOVERY}Request")(
        type_url=CDS,
        response_nonce="7",
        resource_names_subscribe=["a"],
        resource_names_unsubscribe=["b"],
        initial_resource_versions={"c": "1-1.c"},
    )
    message.node.id = "gateway-0"
    accepted = WIRE.read(message.SerializeToString())
    message.error_detail.message = "no"
    refused = WIRE.read(message.SerializeToString())

    assert (accepted.type_url, accepted.node, accepted.nonce, accepted.error) == (CDS, "gateway-0", "7", None)
    assert [*accepted.subscribe, *accepted.unsubscribe] == ["a", "b"]
    assert accepted.has == {"c": "1-1.c"}
    assert refused.error == "no"


def test_a_refusal_without_a_word_is_a_refusal() -> None:
    message: Any = SCHEMA.type(f"{DISCOVERY}Request")(type_url=CDS)
    message.error_detail.SetInParent()

    assert WIRE.read(message.SerializeToString()).error == ""


def test_a_response_is_written() -> None:
    served = resources()
    served.put((1, 1), {(CDS, "a"): content("1")})
    resource = served.get(CDS, "a")
    assert resource
    raw = WIRE.write(Response(CDS, "3", (resource,), ("b",)))
    message: Any = SCHEMA.type(f"{DISCOVERY}Response").FromString(raw)

    assert (message.type_url, message.nonce, [*message.removed_resources]) == (CDS, "3", ["b"])
    assert [(r.name, r.version, r.resource.type_url, r.resource.value) for r in message.resources] == [
        ("a", "1-1.1", CDS, b"1")
    ]


def test_an_explanation_quotes_no_content() -> None:
    """Envoy appends the whole message, keys included, to a constraint that is violated."""
    said = (
        'Proto constraint validation failed (ApiKeyAuthValidationError.Credentials[0]): credentials {\n  key: "s3cret"'
    )

    assert explanation(ECDS, said) == "Proto constraint validation failed (ApiKeyAuthValidationError.Credentials[0])"
    assert "s3cret" not in explanation(SDS, 'bad key "s3cret"')


def test_an_explanation_is_one_line_of_limited_length() -> None:
    assert explanation(RDS, "no\n  such  cluster") == "no such cluster"
    assert len(explanation(RDS, "x" * 10_000)) == LONGEST
