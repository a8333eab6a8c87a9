"""What one lab could leave behind, as a value to compare before and after."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from e2e.lab import host
from e2e.lab.layout import LABS, Layout, existing


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything that a lab makes, wherever it is; other labs on the machine do not count."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    links: tuple[str, ...]
    control_groups: tuple[str, ...]
    files: tuple[str, ...]
    kernel_settings: tuple[str, ...]
    """Only while there is no other lab: they share them."""

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Return what *layout* has on the machine at this moment."""
        others = [other for other in existing() if other != layout]
        return cls(
            processes=tuple(_command_lines(layout)),
            mounts=tuple(_mounts(layout)),
            links=tuple(_links(layout)),
            control_groups=tuple(map(str, Path("/sys/fs/cgroup").glob(f"**/{layout.cgroup}"))),
            files=tuple(_files(layout, alone=not others)),
            kernel_settings=() if others else tuple(map(host.setting, host.KERNEL_SETTINGS)),
        )


def _command_lines(layout: Layout) -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{layout.root}/" in words:
            found.append(words)
    return found


def _mounts(layout: Layout) -> list[str]:
    targets = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [target for target in targets if target.startswith(f"{layout.root}/")]


def _links(layout: Layout) -> list[str]:
    found: list[str] = []
    for path in Path("/sys/class/net").glob("modelfleet*/ifalias"):
        try:
            alias = path.read_text().strip()
        except OSError:  # another lab's, which goes just now
            continue
        if alias == layout.cluster:
            found.append(path.parent.name)
    return found


def _files(layout: Layout, *, alone: bool) -> list[str]:
    shared = (str(LABS), *host.FIXED_PLACES) if alone else ()
    return [place for place in (str(layout.root), *shared) if Path(place).exists()]
