"""The HTTP filters of the client listener, in the order in which a request meets them."""

from collections.abc import Mapping

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.render import authentication, limits
from modelfleet.gateway.render.filters.body import body
from modelfleet.gateway.render.filters.scripts import identity, unknown_model
from modelfleet.gateway.render.types import Resource, extension
from modelfleet.gateway.render.unavailable import unavailable


def chain(frame: Frame, sources: Mapping[str, Resource] | None = None) -> list[Resource]:
    """
    Return the filters; *sources* as in `authentication`.

    Up to `identity` they know no table; it sets the headers that choose one. None of them may be `disabled` and turned
    on by a table: Envoy decides that before the body is read, when no table is known yet.
    """
    return [
        authentication.authentication(sources, is_required=frame.credentials_required),
        body(),
        identity(frame),
        unknown_model(),
        authentication.access_filter(),
        *limits.filters(),
        unavailable(),
        extension("router", "extensions.filters.http.router.v3.Router"),
    ]
