"""What the kernel lets one process have."""

import resource


def most_files() -> None:
    """Let this process, and those it starts, open as many files as the kernel allows it at most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
