"""The real node: containerd and the kubelet."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from e2e.lab import cgroups, network
from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.layout import NODE_NAME, Layout
from e2e.lab.node_shape import NodeShape
from e2e.lab.processes import Component

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
_CNI_PLUGINS = Path("/usr/lib/cni")
"""Where Debian's package containernetworking-plugins puts them."""

_IDLE_PLUGINS = (
    "io.containerd.nri.v1.nri",  # would make a socket at a fixed place, which two labs cannot share
    "io.containerd.internal.v1.opt",  # would make /opt/containerd
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.snapshotter.v1.zfs",
)


def containerd(layout: Layout, binary: Path) -> Component:
    """Write containerd's configuration and return it."""
    layout.containerd.mkdir(parents=True, exist_ok=True)
    layout.cni.mkdir(parents=True, exist_ok=True)
    (layout.cni / "10-lab.conflist").write_text(json.dumps(_pod_network(layout)))
    config = layout.containerd / "config.toml"
    config.write_text(_containerd_config(layout))
    return Component("containerd", (str(binary), f"--config={config}"), path=str(binary.parent))


def kubelet(layout: Layout, binary: Path, *, shape: NodeShape) -> Component:
    """Write the kubelet's configuration and return it."""
    config = layout.kubelet / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(_kubelet_config(layout)))
    flags = (
        f"--config={config}",
        f"--kubeconfig={layout.kubelet / 'kubeconfig'}",
        f"--root-dir={layout.kubelet / 'root'}",
        f"--cert-dir={layout.kubelet / 'pki'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={network.NODE_ADDRESS}",
        f"--node-labels={','.join(f'{key}={value}' for key, value in shape.labels.items())}",
    )
    return Component("kubelet", (str(binary), *flags))


def import_archive(layout: Layout, ctr: Path, archive: Path) -> None:
    """Give the node the images of a docker-save *archive* under the names written in it."""
    run((ctr, "--address", layout.containerd_socket, "--namespace", "k8s.io", "images", "import", archive))


def _runc() -> str:
    found = shutil.which("runc", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise LabError("`runc` must be installed; run `python -m e2e.lab provision`")
    return found


def _pod_network(layout: Layout) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": network.POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.cni / "addresses"),
    }
    link = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    return {"cniVersion": "1.0.0", "name": layout.cluster, "plugins": [link]}


def _containerd_config(layout: Layout) -> str:
    home = layout.containerd
    return f"""\
version = 3
root = "{home}/root"
state = "{home}/state"
disabled_plugins = {json.dumps(_IDLE_PLUGINS)}
[grpc]
  address = "{layout.containerd_socket}"
[ttrpc]
  address = "{layout.containerd_socket}.ttrpc"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{_CNI_PLUGINS}"]
    conf_dir = "{layout.cni}"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "{_runc()}"
      Root = "{home}/runc"
      SystemdCgroup = false
"""


def _kubelet_config(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.root / "volume-plugins"),
        "clusterDNS": [network.DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup}/{cgroups.NODE}",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False,
        "failSwapOn": False,
        # The lab shares the machine's disk and memory with everything else: evict only when nothing is left.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 500,
        # What the kubelet reports always differs from what the node claims, so that it reports every time.
        "nodeStatusUpdateFrequency": "60s",
        "podPidsLimit": -1,
        "serializeImagePulls": False,
    }
