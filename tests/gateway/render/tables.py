"""Tables and pools to render."""

from typing import Any

from modelfleet.gateway import ir

PROVIDER = ir.Provider(
    "external/ns/0123456789abcdef", "api.example.com", 443, "/v1", "other", ir.SecretKey("ns", "s", "k")
)


def fleet(name: str) -> ir.Backend:
    """Return the backend that is the pool *name*."""
    return ir.Backend(ir.BackendKind.FLEET, f"ns/{name}")


EXTERNAL = ir.Backend(ir.BackendKind.EXTERNAL, PROVIDER.name)


def split(*backends: ir.Backend | tuple[ir.Backend, int], sticky: str | None = None) -> ir.Split:
    """Return the split over *backends*, each with its weight or 1."""
    return ir.Split(tuple(one if isinstance(one, tuple) else (one, 1) for one in backends), sticky)


def rule(*tries: ir.Split, **changes: Any) -> ir.Rule:
    """Return a rule that tries *tries* in turn."""
    return ir.Rule(**{"name": "all", "tries": tries, **changes})


def table(*rules: ir.Rule, **changes: Any) -> ir.RouteTable:
    """Return the table of the model "chat", with *rules*."""
    access = ir.Access(required=True, keys=ir.KeySelector("ns"))
    return ir.RouteTable(**{"name": "policy/ns/chat", "models": ("chat",), "access": access, "rules": rules, **changes})


def pool(name: str, **changes: Any) -> ir.Pool:
    """Return the pool *name*."""
    numbers = {"connections_per_pod": 64, "low_priority_connections_per_pod": 32, "queue_limit": 64}
    return ir.Pool(**{"fleet": f"ns/{name}", **numbers, **changes})


def pools(*names: str, **changes: Any) -> dict[str, ir.Pool]:
    """Return the pools of these names by their fleets."""
    return {f"ns/{name}": pool(name, **changes) for name in names}
