"""`spec.auth`: who may ask for the models of a policy."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, present
from modelfleet.api.schema.types import ListOf, StringMap, text
from modelfleet.api.v1alpha1.https_url import HttpsUrl
from modelfleet.api.v1alpha1.route_policy.match import Identity

CLAIM = r"^[A-Za-z_][A-Za-z0-9_-]*$"
Claim = Annotated[str, text(pattern=CLAIM, at_most=128)]
"""A claim at the top of a token; a dot would mean a claim inside another to Envoy."""


class SecretSelector(ApiModel):
    """Secrets of type `modelfleet.dev/api-keys` in the same namespace."""

    match_labels: StringMap = Field(default_factory=dict)
    """matchLabels are labels the Secrets must have. Empty selects every Secret of the type in the namespace."""


class ApiKeys(ApiModel):
    """Keys that the platform gives out: the data of a Secret is `<user>: <key>[,<old key>]`."""

    secret_selector: SecretSelector = SecretSelector()
    """secretSelector selects the Secrets whose keys are accepted."""


class Jwt(ApiModel):
    """Tokens of an issuer, which the gateway verifies itself."""

    issuer: Annotated[str, text(pattern=r"^[!-~]+$", at_most=512)]
    """issuer is what the token's `iss` must be."""
    jwks_uri: HttpsUrl
    """jwksUri is where the issuer publishes its keys. The platform must allow its host."""
    audiences: Annotated[
        tuple[Annotated[str, text(pattern=r"^[!-~]+$", at_most=256)], ...], ListOf(16, as_set=True, at_least=1)
    ]
    """audiences are what the token's `aud` must have one of, so that a token made for another service is not accepted."""
    user_claim: Claim = "sub"
    """userClaim is the claim that names the user. Defaults to sub."""
    team_claim: Claim | None = None
    """teamClaim is the claim that names the team. Absent means tokens name no team."""
    priority_claim: Claim | None = None
    """priorityClaim is the claim that is Low, Normal or High. Absent, or another value, means Normal."""


class Allow(ApiModel):
    """Those of the callers who may come in: named here, themselves or by their team."""

    validations = (
        Rule(
            cel="(has(self.users) && self.users.size() > 0) || (has(self.teams) && self.teams.size() > 0)",
            holds=lambda a: bool(a.users or a.teams),
            message="at least one of `users` and `teams` must name somebody; leave `allow` out to let all callers in",
        ),
    )

    users: Annotated[tuple[Identity, ...], ListOf(256, as_set=True)] = ()
    """users may come in."""
    teams: Annotated[tuple[Identity, ...], ListOf(256, as_set=True)] = ()
    """teams may come in, with all their users."""


class Auth(ApiModel):
    """Who may come in: callers with a key or a token, all of them or those that are named."""

    validations = (
        Rule(
            cel="has(self.apiKeys) || has(self.jwt)",
            holds=lambda a: a.api_keys is not None or a.jwt is not None,
            message="at least one of `apiKeys` and `jwt` must be set: without credentials nobody is anybody",
            found=present("allow"),
        ),
    )

    api_keys: ApiKeys | None = None
    """apiKeys are keys from Secrets. Absent means that no key is accepted."""
    jwt: Jwt | None = None
    """jwt are tokens of an issuer. Absent means that no token is accepted."""
    allow: Allow | None = None
    """allow names who of them may come in. Absent means all."""
