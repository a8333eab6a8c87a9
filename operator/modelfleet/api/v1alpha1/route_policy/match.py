"""`rules[].match`: which requests a rule is for."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, present
from modelfleet.api.schema.types import Bool, Int, ListOf, text
from modelfleet.api.v1alpha1.headers import RequestHeader
from modelfleet.api.v1alpha1.route_policy.regular_expression import Expression

Priority = Literal["Low", "Normal", "High"]
Identity = Annotated[str, text(pattern=r"^[!-~]([ -~]*[!-~])?$")]
"""A user or team as the key's Secret or the token has it."""

TESTS = ("exact", "prefix", "regex", "present")


class HeaderMatch(ApiModel):
    """A condition on one header of the request."""

    validations = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in TESTS)}].exists_one(is_set, is_set)",
            holds=lambda h: [h.exact, h.prefix, h.regex, h.present].count(None) == len(TESTS) - 1,
            message="exactly one of `exact`, `prefix`, `regex` and `present` must be set",
            found=present(*TESTS),
        ),
    )

    name: RequestHeader
    """name is the header, in lower case. Headers that the gateway sets or that carry credentials cannot be matched."""
    exact: Annotated[str, text(pattern=r"^[ -~]+$", at_most=256)] | None = None
    """exact is the whole value."""
    prefix: Annotated[str, text(pattern=r"^[ -~]+$", at_most=256)] | None = None
    """prefix is how the value begins."""
    regex: Expression | None = None
    """regex is a regular expression (RE2) for the whole value. The API server refuses what RE2 cannot read; `modelfleet validate` and the operator also refuse what grows too large."""
    present: Bool | None = None
    """present is true when the header must be there, whatever its value, and false when it must not."""


class Match(ApiModel):
    """All of these must hold. An empty match takes every request."""

    headers: Annotated[tuple[HeaderMatch, ...], ListOf(16, keys=("name",))] = ()
    """headers are conditions on headers of the request."""
    prompt_bytes_at_most: Annotated[Int, Field(ge=1, le=1_073_741_824)] | None = None
    """promptBytesAtMost is the largest request, in bytes of its whole body: messages, images, tools and parameters together."""
    teams: Annotated[tuple[Identity, ...], ListOf(64, as_set=True)] = ()
    """teams are the caller's team, one of them."""
    users: Annotated[tuple[Identity, ...], ListOf(64, as_set=True)] = ()
    """users are the caller, one of them."""
    priority: Priority | None = None
    """priority is the caller's, as its key or token says: Low, Normal or High."""
