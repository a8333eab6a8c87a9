"""Which pods come and go when the fleet is to have another size: those that cost the least to lose, and never twice."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelfleet.scaling.simulation.pod import Pod


@dataclass(frozen=True, slots=True)
class Resizing:
    """What to do for a size."""

    create: int = 0
    undrain: tuple[Pod, ...] = ()
    drain: tuple[Pod, ...] = ()
    delete: tuple[Pod, ...] = ()
    """Pods that have served nothing yet."""


def resizing(pods: Iterable[Pod], *, size: int, most: int) -> Resizing:
    """
    Return how *pods* become *size* that serve or will.

    Draining ones serve again before new ones are bought, the last to drain first. *most* counts every pod there is,
    draining ones too. Down, pods without a node go first, then those that load, then the ones with the fewest requests.
    """
    alive = [pod for pod in pods if pod.gone_at is None]
    draining = [pod for pod in alive if pod.is_draining]
    kept = [pod for pod in alive if not pod.is_draining]
    if size >= len(kept):
        back = sorted(draining, key=lambda pod: -(pod.draining_since or 0.0))[: size - len(kept)]
        wanted = size - len(kept) - len(back)
        return Resizing(create=max(0, min(wanted, most - len(alive))), undrain=tuple(back))
    loading = sorted((pod for pod in kept if pod.is_loading), key=lambda p: (p.scheduled_at is not None, -p.created))
    serving = sorted((pod for pod in kept if not pod.is_loading), key=lambda p: (p.replica.outstanding, -p.created))
    victims = [*loading, *serving][: len(kept) - size]
    return Resizing(
        drain=tuple(pod for pod in victims if not pod.is_loading),
        delete=tuple(pod for pod in victims if pod.is_loading),
    )
