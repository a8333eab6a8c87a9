"""
The Lua cluster specifier of a rule with several backends or fallbacks: which chain a request begins.

It chooses between the backends of a split by the hash of the sticky header, else the user, else the request's id, and
passes over every stage whose choice is full. A share that grows takes requests from others and gives none away: what is
chosen is the interval, in the order of the backends, that the hash falls into.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import zip_longest

from modelfleet.gateway.ir import BackendKind, Pool, Rule
from modelfleet.gateway.render.chains import Chain, stages
from modelfleet.gateway.render.holding import pods_of
from modelfleet.gateway.render.types import Resource, typed

LUA = "extensions.router.cluster_specifiers.lua.v3.LuaConfig"
LOW_PRIORITY_QUEUE = 4
"""
How many requests of low priority may wait for a connection that is not being opened for them.

A full fleet serves them over one connection to each pod: more of them would wait long.
"""
RACING = 16
"""
For how many requests at most the queue has places left when it counts as full: several threads may see the last one.

What loses that race is refused by the pool's breaker, and goes nowhere else.
"""


def specifier(
    rule: Rule, begun: Sequence[Sequence[Chain]], pools: Mapping[str, Pool], *, is_low: bool = False
) -> Resource:
    """
    Return the part of a RouteAction that picks one of *begun*, the chains of *rule* by stage.

    *is_low* is about requests of low priority that count as such.
    """
    rows = ", ".join(_stages(rule, begun, pools, is_low=is_low))
    source = f"local IS_LOW = {str(is_low).lower()}\nlocal STAGES = {{{rows}}}\n{_script()}"
    config = typed(LUA, source_code={"inline_string": source}, default_cluster=begun[0][0].name)
    return {"inline_cluster_specifier_plugin": {"extension": {"name": "choose", "typed_config": config}}}


@cache
def _script() -> str:
    """Return the script without its comments and indentation, as every such route carries it."""
    lines = (files("modelfleet.gateway.render") / "lua" / "choose.lua").read_text().splitlines()
    return "\n".join(line.strip() for line in lines if line.strip() and not line.strip().startswith("--"))


def _stages(rule: Rule, begun: Sequence[Sequence[Chain]], pools: Mapping[str, Pool], *, is_low: bool) -> Iterator[str]:
    for stage, chains in zip_longest(stages(rule), begun):
        weights = [weight for _, weight in stage.split.backends] if stage else [1]
        choices = ", ".join(
            f"{{{weight}, {_text(chain.name)}{_limit(chain, pools, is_low=is_low)}}}"
            for weight, chain in zip(weights, chains or (), strict=True)
        )
        sticky = f"sticky = {_text(stage.split.sticky_header)}, " if stage and stage.split.sticky_header else ""
        yield f"{{{sticky}total = {sum(weights)}, {choices}}}"


def _limit(chain: Chain, pools: Mapping[str, Pool], *, is_low: bool) -> str:
    """Return the pool whose queue decides, and how long it may be; nothing for what is never full."""
    if chain.first is None or chain.first.kind is not BackendKind.FLEET:
        return ""
    limit = pools[chain.first.name].queue_limit
    most = LOW_PRIORITY_QUEUE if is_low else limit - min(RACING, limit // 4)
    return f", {_text(pods_of(pools[chain.first.name]))}, {most}"


def _text(value: str) -> str:
    """Return *value* as a literal of Lua."""
    plain = (chr(byte) if chr(byte) in _PLAIN else f"\\{byte:03d}" for byte in value.encode())
    return '"' + "".join(plain) + '"'


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~")
