"""Which layers each pipeline stage has."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One pipeline stage: the embeddings are in the first, the output head and the sampler in the last."""

    layers: int
    is_first: bool
    is_last: bool


def stages(layers: int, pipeline_parallel_size: int) -> Iterator[Stage]:
    """
    Yield the stages of *layers* over *pipeline_parallel_size*, as vLLM splits them.

    Layers that are left over go one each to the stages before the last, from the back, since the first and the last
    have more to hold.
    """
    each, left = divmod(layers, pipeline_parallel_size)
    for i in range(pipeline_parallel_size):
        from_back = pipeline_parallel_size - 1 - i
        extra = 1 if 1 <= from_back <= left else 0
        yield Stage(each + extra, is_first=i == 0, is_last=from_back == 0)
