"""Where requests go: fleets, providers outside the cluster, and an answer of the gateway's own."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields, present
from modelfleet.api.schema.types import Int, ObjectName, text
from modelfleet.api.v1alpha1.headers import KeyHeader
from modelfleet.api.v1alpha1.https_url import HttpsUrl, host_of, path_of, port_of

AUTHORIZATION = "authorization"
FALLBACKS = ("modelDeployment", "external", "static")


class ApiKeySecretRef(ApiModel):
    """One key of a Secret of type `modelfleet.dev/provider-key` in the same namespace."""

    name: ObjectName
    """name is the Secret's name."""
    key: Annotated[str, text(pattern=r"^[-._a-zA-Z0-9]+$")] = "api-key"
    """key is the entry of the Secret's data. Defaults to `api-key`."""


class External(ApiModel):
    """An OpenAI-compatible service outside the cluster."""

    validations = (
        Rule(
            cel=f"self.apiKeyHeader == '{AUTHORIZATION}' || has(self.apiKeySecretRef)",
            holds=lambda e: e.api_key_header == AUTHORIZATION or e.api_key_secret_ref is not None,
            message="`apiKeySecretRef` must be set where `apiKeyHeader` is: it names the key to send",
            found=fields("apiKeyHeader"),
        ),
    )

    url: HttpsUrl
    """url is where the service has what we have under `/v1`, such as `https://api.example.com/v1`. The platform must allow its host."""
    model: Annotated[str, text(pattern=r"^[!-~]+$", at_most=256)] | None = None
    """model is the service's own name of the model. Absent sends the requested name."""
    api_key_secret_ref: ApiKeySecretRef | None = None
    """apiKeySecretRef names the key of the service. Absent sends no key; the client's own is never sent on."""
    api_key_header: KeyHeader = AUTHORIZATION
    """apiKeyHeader is the header that carries the key: after `Bearer ` in `authorization`, bare in any other. Defaults to authorization."""

    @property
    def host(self) -> str:
        """Return the host of the URL."""
        return host_of(self.url)

    @property
    def port(self) -> int:
        """Return the port of the URL, 443 where it names none."""
        return port_of(self.url)

    @property
    def base_path(self) -> str:
        """Return the path of the URL without a slash at its end; empty where it has none."""
        return path_of(self.url)


class Static(ApiModel):
    """An answer of the gateway's own, in the shape of OpenAI's errors."""

    status: Annotated[Int, Field(ge=400, le=599)]
    """status is the HTTP status."""
    message: Annotated[str, text(at_most=1024)]
    """message is what the client reads."""
    retry_after_seconds: Annotated[Int, Field(ge=0, le=86_400)] | None = None
    """retryAfterSeconds is when the client should ask again. Absent sends no Retry-After."""


class Backend(ApiModel):
    """One of the places a rule shares its requests among."""

    validations = (
        Rule(
            cel="has(self.modelDeployment) != has(self.external)",
            holds=lambda b: (b.model_deployment is None) != (b.external is None),
            message="exactly one of `modelDeployment` and `external` must be set",
            found=present("modelDeployment", "external"),
        ),
    )

    model_deployment: ObjectName | None = None
    """modelDeployment is a ModelDeployment in the same namespace."""
    external: External | None = None
    """external is a service outside the cluster."""
    weight: Annotated[Int, Field(ge=0, le=1_000_000)] = 1
    """weight is this backend's part of the sum of all weights of the rule; 0 gets nothing. Defaults to 1."""


class Fallback(ApiModel):
    """What is tried when everything before it is down, saturated, or answers with 5xx or 429."""

    validations = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in FALLBACKS)}].exists_one(is_set, is_set)",
            holds=lambda f: [f.model_deployment, f.external, f.static].count(None) == len(FALLBACKS) - 1,
            message="exactly one of `modelDeployment`, `external` and `static` must be set",
            found=present(*FALLBACKS),
        ),
    )

    model_deployment: ObjectName | None = None
    """modelDeployment is a ModelDeployment in the same namespace."""
    external: External | None = None
    """external is a service outside the cluster."""
    static: Static | None = None
    """static is an answer of the gateway's own, after which nothing can follow."""
