"""What nodes claim to be."""

from e2e.lab import FakeNodes, NodeShape


def test_the_claim_is_written_into_capacity_and_allocatable() -> None:
    expression = NodeShape(gpus=4)._patch_expression()

    assert 'path: "/status/capacity/nvidia.com~1gpu", value: "4"' in expression
    assert 'path: "/status/allocatable/cpu", value: "192"' in expression


def test_a_node_claims_a_shape_once_every_resource_is_there() -> None:
    shape = NodeShape()

    assert shape.is_claimed_by({"status": {"allocatable": {**shape.resources, "pods": "500"}}})
    assert not shape.is_claimed_by({"status": {"allocatable": {"nvidia.com/gpu": "8", "cpu": "2"}}})


def test_fake_nodes_keep_real_pods_away_unless_asked() -> None:
    (tainted,) = FakeNodes(1).objects()
    (open_to_all,) = FakeNodes(1, tainted=False).objects()

    assert [taint["effect"] for taint in tainted["spec"]["taints"]] == ["NoSchedule"]
    assert open_to_all["spec"]["taints"] == []


def test_fake_nodes_look_like_the_real_one() -> None:
    first, second = FakeNodes(2, shape=NodeShape(gpus=4)).objects()

    assert [node["metadata"]["name"] for node in (first, second)] == ["fake-0", "fake-1"]
    assert first["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert first["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
