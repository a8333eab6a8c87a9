"""A lab's paths and names."""

import pytest
from e2e.lab import LabError
from e2e.lab.layout import Layout

LONGEST_SOCKET_PATH = 107


@pytest.mark.parametrize("name", ["", "Upper", "-dash", "dash-", "a/b", "a" * 17, "a b"])
def test_a_name_that_is_no_path_and_no_label_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="name must be"):
        Layout(name)


def test_sockets_of_the_longest_name_fit_the_kernels_limit() -> None:
    layout = Layout("a" * 16)

    assert len(f"{layout.containerd_socket}.ttrpc") <= LONGEST_SOCKET_PATH


def test_two_labs_share_no_path() -> None:
    first, second = Layout("first"), Layout("second")

    assert not {first.root, first.kubeconfig, first.namespace_path, first.cgroup} & {
        second.root,
        second.kubeconfig,
        second.namespace_path,
        second.cgroup,
    }
