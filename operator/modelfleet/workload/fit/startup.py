"""How long a start may take: the budget of the start-up probe."""


def startup_budget_seconds(weights_bytes: int, *, gpus: int = 1, downloads: bool = True, compiles: bool = True) -> int:
    """
    Return how many seconds a pod may take from its start to ready.

    *weights_bytes* is the size of all weights on disk, *gpus* how many accelerators load them side by side; *downloads* is
    False when they are on a volume already, *compiles* False when the engine runs eagerly.
    """
    raise NotImplementedError
