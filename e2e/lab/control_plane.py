"""etcd, API server, controller manager and scheduler."""

import json
from pathlib import Path

from e2e.lab import network
from e2e.lab.credentials import API_PORT
from e2e.lab.layout import Layout
from e2e.lab.processes import Component

_ETCD = "http://127.0.0.1:2379"

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
}
"""Writes only: reads are many times more, and nobody counts them."""
_NEVER_ROTATE = "--audit-log-maxsize=100000"  # MB: whoever counts must find every line in one file


def etcd(layout: Layout, binary: Path) -> Component:
    """Return the store; its data need not survive a crash of the machine, so it never waits for the disk."""
    flags = (
        f"--data-dir={layout.root / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Component("etcd", (str(binary), *flags))


def api_server(layout: Layout, binary: Path, *, audit: bool) -> Component:
    """Return the API server: RBAC and Node authorization, bearer tokens, and the audit log of writes if asked."""
    pki = layout.pki
    flags = (
        f"--etcd-servers={_ETCD}",
        f"--advertise-address={network.NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={network.SERVICE_RANGE}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-to-kubelet.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-to-kubelet.key'}",
        # Without this, `kubectl logs` looks for the node's name in a DNS that has never heard of it.
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
    )
    return Component("kube-apiserver", (str(binary), *flags, *(_audit_flags(layout) if audit else ())))


def controller_manager(layout: Layout, binary: Path) -> Component:
    """Return the built-in controllers, without the limits on requests that suit a server shared with others."""
    flags = (
        f"--kubeconfig={layout.inner_kubeconfig}",
        f"--service-account-private-key-file={layout.pki / 'sa.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        f"--flex-volume-plugin-dir={layout.root / 'volume-plugins'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    )
    return Component("kube-controller-manager", (str(binary), *flags))


def scheduler(layout: Layout, binary: Path) -> Component:
    """Return the scheduler."""
    flags = (f"--kubeconfig={layout.inner_kubeconfig}", "--leader-elect=false", "--secure-port=0")
    return Component("kube-scheduler", (str(binary), *flags, "--kube-api-qps=1000", "--kube-api-burst=2000"))


def _audit_flags(layout: Layout) -> tuple[str, ...]:
    policy = layout.root / "audit-policy.json"
    policy.write_text(json.dumps(_AUDIT_POLICY))
    return (f"--audit-policy-file={policy}", f"--audit-log-path={layout.audit_log}", _NEVER_ROTATE)
