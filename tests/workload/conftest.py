"""Generated examples are the same in every run, and a busy machine fails none of them."""

from hypothesis import settings

settings.register_profile("workload", deadline=None, derandomize=True)
settings.load_profile("workload")
