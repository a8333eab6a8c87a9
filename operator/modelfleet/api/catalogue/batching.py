"""How much one step of vLLM processes unless it is told otherwise."""

from modelfleet.api.catalogue.accelerators import GIB, Accelerator
from modelfleet.api.catalogue.engine_version import EngineVersion

HUGE_MEMORY_MIB = 160 * GIB
LARGER_BATCHES = EngineVersion(0, 28, 0)
"""From here on accelerators with 160 GiB or more batch 16384 tokens; read from the defaults of vLLM 0.33."""
FEWEST_REQUESTS = 256
"""The smallest of vLLM's defaults for concurrent requests."""


def default_batching(accelerator: Accelerator, version: EngineVersion) -> tuple[int, int]:
    """Return vLLM's defaults for batched tokens and concurrent requests; read from the source of vLLM 0.33."""
    if not accelerator.batches_large:
        return 2048, FEWEST_REQUESTS
    is_huge = accelerator.memory_mib >= HUGE_MEMORY_MIB and version >= LARGER_BATCHES
    return (16384 if is_huge else 8192), 1024
