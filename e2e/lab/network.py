"""
The lab's network namespace: one island, with one link to the machine it lives on.

Inside: the node's address on a bridge that is always up, pods behind point-to-point links (so that every packet between
pods passes the node's firewall hooks, without a bridge module in the kernel), services, and a default route that ends
at the node. Nothing is forwarded to the outside. All labs use the same addresses inside.

The link to the host is link-local (RFC 3927): nothing sent to a lab that is gone is ever routed anywhere.
"""

import os
from pathlib import Path

from e2e.lab import netns
from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.layout import LABS, Layout, existing
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress

NODE_ADDRESS = "10.10.0.1"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
OUTSIDE_ADDRESS = "192.0.2.10"

_FIRST_LINK = 64
_SLOTS = 64
"""Third octets 64 to 127 of 169.254.0.0/16: clouds keep their metadata services at 169.254.169.254 and above."""


def claim_slot(layout: Layout, *, progress: Progress) -> int:
    """Give the lab the lowest number that no other lab has, and write it down."""
    with exclusive("slots", progress=progress):
        LABS.mkdir(parents=True, exist_ok=True)
        taken = {_slot(other) for other in existing()}
        free = next((slot for slot in range(_SLOTS) if slot not in taken), None)
        if free is None:
            raise LabError(f"at most {_SLOTS} labs can run at once; end one with `python -m e2e.lab down --name NAME`")
        layout.root.mkdir(parents=True)
        layout.slot_file.write_text(str(free))
    return free


def outer_address(layout: Layout) -> str:
    """Return the lab's address as the host sees it."""
    return f"{_link(layout)}.2"


def create(layout: Layout) -> None:
    """Make the namespace with its addresses and the link to the host."""
    layout.namespace_path.touch()
    run(("unshare", f"--net={layout.namespace_path}", "true"))
    device = _device(layout)
    run(netns.command(layout, ("ip", "-batch", "-")), stdin=_inside(layout))
    outside = (
        f"addr add {_link(layout)}.1/30 dev {device}",
        f"link set {device} alias {layout.cluster}",
        f"link set {device} up",
    )
    run(("ip", "-batch", "-"), stdin="\n".join(outside) + "\n")
    run(netns.command(layout, ("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")))


def add_outside(layout: Layout, host: str) -> str:
    """Return the address, of a range for examples (RFC 5737), at which pods find *host* from now on: on the node."""
    run(netns.command(layout, ("ip", "address", "replace", f"{OUTSIDE_ADDRESS}/32", "dev", "node0")))
    layout.outside_hosts.write_text(f"{OUTSIDE_ADDRESS} {host}\n")
    return OUTSIDE_ADDRESS


def remove(layout: Layout) -> None:
    """
    Remove the link to the host; the namespace itself ends with its last process and its mount.

    The kernel would remove the link too, but only once nothing holds the namespace any more.
    """
    if _slot(layout) is not None and Path("/sys/class/net", _device(layout)).exists():
        run(("ip", "link", "delete", _device(layout)), check=False)


def _inside(layout: Layout) -> str:
    commands = (
        "link set lo up",
        f"link add host0 type veth peer name {_device(layout)} netns {os.getpid()}",
        "link add node0 type bridge",
        f"addr add {NODE_ADDRESS}/24 dev node0",
        "link set node0 up",
        "route add default dev node0",
        f"addr add {outer_address(layout)}/30 dev host0",
        "link set host0 up",
    )
    return "\n".join(commands) + "\n"


def _link(layout: Layout) -> str:
    slot = _slot(layout)
    if slot is None:
        raise LabError(f"lab {layout.name!r} must have a slot before it has a network; run `up`")
    return f"169.254.{_FIRST_LINK + slot}"


def _device(layout: Layout) -> str:
    """Return the host's end of the link."""
    return f"modelfleet{_slot(layout)}"


def _slot(layout: Layout) -> int | None:
    try:
        return int(layout.slot_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
