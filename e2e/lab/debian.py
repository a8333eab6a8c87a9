"""Programs that the lab takes from Debian."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from e2e.lab.errors import LabError
from e2e.lab.progress import Progress

_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/lib/cni"

LAB_PACKAGES: Mapping[str, str] = {
    "runc": "runc",
    "ptp": "containernetworking-plugins",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
}
"""A program of each package: what a running lab needs."""

IMAGE_PACKAGES: Mapping[str, str] = {"mmdebstrap": "mmdebstrap", "buildah": "buildah"}
"""What making images needs."""


def ensure(packages: Mapping[str, str], *, progress: Progress) -> None:
    """Install the Debian packages whose programs are missing; LabError when that cannot be done."""
    missing = sorted({package for program, package in packages.items() if not _is_there(program)})
    if not missing:
        return
    command = f"apt-get install {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise LabError(f"{', '.join(missing)} must be installed (the names are Debian's), and apt-get was not found")
    progress.note(f"installing Debian packages: {' '.join(missing)}")
    with progress.step(command):
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *missing)


def _is_there(program: str) -> bool:
    return shutil.which(program, path=_SEARCH) is not None


def _apt(*arguments: str) -> None:
    prefix = () if os.geteuid() == 0 else ("sudo",)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    words = [*prefix, "apt-get", "--quiet", *arguments]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(words)}` must succeed, it ended with code {done.returncode}: {done.stderr[-2000:]}")
