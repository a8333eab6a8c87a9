"""
How long a start may take: the budget of the start-up probe.

    import and configure     120 s   measured 48 + 46 s on a cold image (vLLM 0.29 on an L4)
    download                 weights at 125 MB/s, a full 1 Gbit/s link; hubs give more
    load                     weights at 250 MB/s; measured 550 MB/s from a network volume
    compile and capture      480 s   measured 145 to 213 s: torch.compile, profiling, autotuning, CUDA graphs
    warm up, eagerly         180 s   profiling and kernels compiled on first use

    every further GPU         15 s   its process, its share of the profiling, NCCL

The sum is generous, since a pod that is ended half-way starts over; a process that dies is noticed at once, whatever
the budget. Every rank reads every file, so more accelerators do not load faster.
"""

IMPORT_SECONDS = 120
DOWNLOAD_BYTES_PER_SECOND = 125_000_000
LOAD_BYTES_PER_SECOND = 250_000_000
COMPILE_SECONDS = 480
EAGER_SECONDS = 180
FURTHER_GPU_SECONDS = 15
STEP_SECONDS = 60
"""Budgets are whole minutes, so that a slightly different prediction does not change pods."""


def startup_budget_seconds(weights_bytes: int, *, gpus: int = 1, downloads: bool = True, compiles: bool = True) -> int:
    """
    Return how many seconds a pod may take from its start to ready, in whole minutes.

    *weights_bytes* is the size of all weights on disk, *gpus* the accelerators of the pod; *downloads* is False when
    the weights are on a volume already, *compiles* False when the engine runs eagerly.
    """
    download = weights_bytes / DOWNLOAD_BYTES_PER_SECOND if downloads else 0.0
    load = weights_bytes / LOAD_BYTES_PER_SECOND
    prepare = (COMPILE_SECONDS if compiles else EAGER_SECONDS) + FURTHER_GPU_SECONDS * (gpus - 1)
    seconds = IMPORT_SECONDS + download + load + prepare
    return int(-(-seconds // STEP_SECONDS)) * STEP_SECONDS
