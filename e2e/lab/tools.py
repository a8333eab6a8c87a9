"""The programs a lab is made of: what they are called, which version, and where each way of getting them finds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

KUBERNETES = "1.36.3"
_KUBERNETES_STAGING = "0.36.3"
"""The version under which the modules of Kubernetes' own staging directory are published."""


@dataclass(frozen=True, slots=True)
class Module:
    """How to build the tool with Go; ``{version}`` stands for the tool's version."""

    path: str
    packages: tuple[str, ...]
    """In the order of the tool's binaries."""
    staging_version: str = ""
    """What to put in place of requirements on ``v0.0.0``, which exist inside the project's repository only."""
    link_flags: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """
    Where the project publishes the tool; ``{version}``, ``{arch}`` and ``{binary}`` are filled in.

    *checksum* is a file of lines that begin with a SHA-256, followed by the file's name if it is about several.
    """

    url: str
    checksum: str
    members: Mapping[str, str] = field(default_factory=dict)
    """For an archive: where each binary is in it. Empty: *url* is the binary itself."""

    @property
    def is_archive(self) -> bool:
        """Whether one download holds every binary."""
        return bool(self.members)


@dataclass(frozen=True, slots=True)
class Tool:
    """A set of programs that come together, in one version."""

    name: str
    version: str
    binaries: tuple[str, ...]
    module: Module
    release: Release | None = None
    """None when the project publishes no checksum: then the build, whose sources Go verifies, is the safer way."""
    version_command: tuple[str, ...] = ("--version",)
    minimum: tuple[int, int] = (0, 0)
    """The oldest major and minor version that is accepted from PATH."""
    family: str = ""
    """Tools of one family share a folder in the cache."""

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} v{self.version}"

    @property
    def folder(self) -> str:
        """Name of the tool's folder in the cache."""
        return f"{self.family or self.name}-v{self.version}"


def _kubernetes_module(binaries: tuple[str, ...]) -> Module:
    major, minor, _ = KUBERNETES.split(".")
    stamps = {  # without them every program calls itself v0.0.0
        "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": f"v{KUBERNETES}",
    }
    return Module(
        path="k8s.io/kubernetes",
        packages=tuple(f"k8s.io/kubernetes/cmd/{binary}" for binary in binaries),
        staging_version=_KUBERNETES_STAGING,
        link_flags=" ".join(f"-X {name}={value}" for name, value in stamps.items()),
    )


_KUBERNETES_RELEASE = Release(
    url="https://dl.k8s.io/v{version}/bin/linux/{arch}/{binary}",
    checksum="https://dl.k8s.io/v{version}/bin/linux/{arch}/{binary}.sha256",
)
_SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
_GITHUB = "https://github.com"

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="etcd",
        version="3.6.8",
        binaries=("etcd",),
        minimum=(3, 5),
        module=Module("go.etcd.io/etcd/server/v3", ("go.etcd.io/etcd/server/v3",)),
        release=Release(
            url=f"{_GITHUB}/etcd-io/etcd/releases/download/v{{version}}/etcd-v{{version}}-linux-{{arch}}.tar.gz",
            checksum=f"{_GITHUB}/etcd-io/etcd/releases/download/v{{version}}/SHA256SUMS",
            members={"etcd": "etcd-v{version}-linux-{arch}/etcd"},
        ),
    ),
    Tool(
        name="kubernetes",
        version=KUBERNETES,
        binaries=_SERVERS,
        minimum=(1, 34),
        module=_kubernetes_module(_SERVERS),
        release=_KUBERNETES_RELEASE,
    ),
    Tool(
        name="kubectl",
        family="kubernetes",
        version=KUBERNETES,
        binaries=("kubectl",),
        minimum=(1, 34),
        version_command=("version", "--client"),
        module=_kubernetes_module(("kubectl",)),
        release=_KUBERNETES_RELEASE,
    ),
    Tool(
        name="containerd",
        version="2.4.2",
        binaries=("containerd", "containerd-shim-runc-v2", "ctr"),
        minimum=(2, 1),
        module=Module(
            "github.com/containerd/containerd/v2",
            tuple(
                f"github.com/containerd/containerd/v2/cmd/{name}"
                for name in ("containerd", "containerd-shim-runc-v2", "ctr")
            ),
            link_flags="-X github.com/containerd/containerd/v2/version.Version=v{version}",
        ),
        release=Release(
            url=f"{_GITHUB}/containerd/containerd/releases/download/v{{version}}/containerd-static-{{version}}-linux-{{arch}}.tar.gz",
            checksum=f"{_GITHUB}/containerd/containerd/releases/download/v{{version}}/containerd-static-{{version}}-linux-{{arch}}.tar.gz.sha256sum",
            members={name: f"bin/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
        ),
    ),
    Tool(
        name="coredns",
        version="1.15.0",
        binaries=("coredns",),
        minimum=(1, 11),
        version_command=("-version",),
        module=Module("github.com/coredns/coredns", ("github.com/coredns/coredns",)),
        release=Release(
            url=f"{_GITHUB}/coredns/coredns/releases/download/v{{version}}/coredns_{{version}}_linux_{{arch}}.tgz",
            checksum=f"{_GITHUB}/coredns/coredns/releases/download/v{{version}}/coredns_{{version}}_linux_{{arch}}.tgz.sha256",
            members={"coredns": "coredns"},
        ),
    ),
    Tool(
        name="kwok",
        version="0.8.0",
        binaries=("kwok",),
        minimum=(0, 7),
        module=Module("sigs.k8s.io/kwok", ("sigs.k8s.io/kwok/cmd/kwok",)),
    ),
    Tool(
        name="helm",
        version="4.3.1",
        binaries=("helm",),
        minimum=(3, 18),
        version_command=("version", "--short"),
        module=Module(
            "helm.sh/helm/v4",
            ("helm.sh/helm/v4/cmd/helm",),
            link_flags="-X helm.sh/helm/v4/internal/version.version=v{version}",
        ),
        release=Release(
            url="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
            checksum="https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz.sha256sum",
            members={"helm": "linux-{arch}/helm"},
        ),
    ),
)

API = ("etcd", "kubernetes", "kubectl")
"""What a control plane alone needs."""
NODE = (*API, "containerd", "coredns")


def named(names: tuple[str, ...]) -> tuple[Tool, ...]:
    """Return the tools called *names*, in the order of the table."""
    return tuple(tool for tool in TOOLS if tool.name in names)


def built_name(package: str) -> str:
    """Return the file that ``go build`` writes for *package*: the last part of its path that is no major version."""
    path = PurePosixPath(package)
    return path.parent.name if path.name[:1] == "v" and path.name[1:].isdigit() else path.name
