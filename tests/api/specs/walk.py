"""Every field of every kind, changed in every way its schema suggests, and several fields at once."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.api.specs.manifests import Manifest, Spec, Steps, bases, changed, schema_of
from tests.api.specs.values import variants

SEED = 20_260_101
NAMES: tuple[Any, ...] = (
    "a", "a1", "1a", "a-", "-a", "a.b", "A", "a_b", "é", "", "a\n", "a" * 40, "a" * 41, "a" * 63, "a" * 254, "a-b-c",
    "aª", "a٣", "a²", None, 7, True, [], {},
)  # fmt: skip


def single_changes() -> Iterator[Spec]:
    """Yield the valid manifests as they are, then each of them with one field changed."""
    seen: set[tuple[str, str]] = set()
    for name, base in bases().items():
        yield Spec(f"{name} as it is", base)
        for steps, schema, value in visited(schema_of(base["kind"]), base["spec"], ("spec",)):
            field = base["kind"], dotted(tuple(step for step in steps if isinstance(step, str)))
            for word, other in variants(schema, value, other_types=field not in seen):
                yield Spec(f"{name}: {dotted(steps)}: {word}", changed(base, steps, other))
            seen.add(field)


def names() -> Iterator[Spec]:
    """Yield manifests under names of every shape."""
    for base, name in itertools.product(("smallest", "cache-policy"), NAMES):
        yield Spec(f"{base}: metadata.name {name!r}", changed(bases()[base], ("metadata", "name"), name))


def several_changes(count: int) -> Iterator[Spec]:
    """Yield *count* manifests with two to five fields changed, the same ones in every run."""
    chance = random.Random(SEED)
    for number in range(count):
        name, base = chance.choice(sorted(bases().items()))
        yield Spec(f"{name}: several changes ({number})", _several(base, chance))


def _several(base: Manifest, chance: random.Random) -> Manifest:
    fields = list(visited(schema_of(base["kind"]), base["spec"], ("spec",)))
    leaves = [field for field in fields if field[1].get("type") not in {"object", "array"} and not _in_list(field[0])]
    result = base
    for steps, schema, value in chance.sample(leaves, k=min(len(leaves), chance.randint(2, 5))):
        result = changed(result, steps, _likely(schema, value, chance))
    return result


def _likely(schema: Mapping[str, Any], value: Any, chance: random.Random) -> Any:
    """Return a value that is probably valid by itself, so that rules across fields get their turn."""
    if schema.get("type") == "integer":
        return chance.choice((value, value * 2, value + 1, schema.get("minimum", 0), schema.get("maximum", value)))
    if schema.get("type") == "boolean":
        return chance.choice((True, False))
    if schema.get("x-kubernetes-int-or-string"):
        return chance.choice((0, 1, "0%", "100%", "1Gi", value))
    return chance.choice((*schema.get("enum", ()), value, None))


def visited(schema: Mapping[str, Any], value: Any, steps: Steps) -> Iterator[tuple[Steps, Mapping[str, Any], Any]]:
    """Yield the steps, the schema and the value of every field that *value* has, outermost first."""
    yield steps, schema, value
    for name, child in schema.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from visited(child, value[name], (*steps, name))
    if isinstance(schema.get("additionalProperties"), dict):
        for key in value:
            yield from visited(schema["additionalProperties"], value[key], (*steps, key))
    if "items" in schema:
        for index, item in _unlike(value):
            yield from visited(schema["items"], item, (*steps, index))


def _unlike(items: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the items that have fields which none before them has."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        fields = set(item) if isinstance(item, dict) else {"value"}
        if fields - seen:
            yield index, item
        seen |= fields


def dotted(steps: Sequence[str | int]) -> str:
    """Return *steps* as people write a path."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _in_list(steps: Steps) -> bool:
    return any(isinstance(step, int) for step in steps)
