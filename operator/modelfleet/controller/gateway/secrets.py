"""The Secrets of one namespace, followed as long as the operator may read them; none is kept in memory."""

from collections.abc import Callable, Iterable

from modelfleet.controller.cluster.reflector import Reflector, Source
from modelfleet.controller.cluster.resources import SECRETS, Json
from modelfleet.controller.watch.cache import DELETED, MODIFIED

OnSecret = Callable[[str, Json], None]
"""Takes `DELETED` or another event, and the Secret."""


def follow(cluster: Source, namespace: str, on_secret: OnSecret) -> Reflector:
    """Return what tells *on_secret* of every Secret of *namespace*, and of what a list shows to be gone."""
    known: dict[str, Json] = {}

    def replace(items: Iterable[Json], _version: int) -> None:
        listed = {item["metadata"]["name"]: item for item in items}
        for name in known.keys() - listed.keys():
            on_secret(DELETED, known.pop(name))
        for name, secret in listed.items():
            known[name] = _without_data(secret)
            on_secret(MODIFIED, secret)

    def change(event_type: str, secret: Json) -> None:
        known.pop(secret["metadata"]["name"], None)
        if event_type != DELETED:
            known[secret["metadata"]["name"]] = _without_data(secret)
        on_secret(event_type, secret)

    return Reflector(cluster, SECRETS, namespace, on_list=replace, on_event=change)


def _without_data(secret: Json) -> Json:
    """Return what it takes to tell that a Secret is gone."""
    return {"metadata": {key: secret["metadata"][key] for key in ("namespace", "name", "resourceVersion")}}
