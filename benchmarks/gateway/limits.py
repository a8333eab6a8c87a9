"""What the kernel lets one process have."""

import contextlib
import resource

FILES = 65_536


def most_files() -> int:
    """
    Let this process, and those it starts, open `FILES` files, or as many as it may where that is fewer.

    Returns how many those are.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, most), max(FILES, most)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
