"""The accelerator catalogue."""

import pytest

from modelfleet.api.catalogue import Accelerator, CatalogueError, load_catalogue

CATALOGUE = load_catalogue().accelerators
ALL = [pytest.param(accelerator, id=accelerator.name) for accelerator in CATALOGUE]


def test_an_unknown_accelerator_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(CatalogueError, match='did you mean "nvidia-h100-80gb"'):
        CATALOGUE.find("nvidia-h100")


def test_a_name_that_looks_like_none_is_answered_with_all_of_them() -> None:
    with pytest.raises(CatalogueError, match=r"known are .*nvidia-l40s-48gb"):
        CATALOGUE.find("zzz")


@pytest.mark.parametrize("accelerator", ALL)
def test_the_engine_sees_less_than_the_name_says_and_more_than_nine_tenths(accelerator: Accelerator) -> None:
    gigabytes = int(accelerator.name.rpartition("-")[2].removesuffix("gb"))

    assert 0.9 * gigabytes * 1000**3 / 1024**2 < accelerator.memory_mib <= gigabytes * 1024


@pytest.mark.parametrize("accelerator", ALL)
def test_spot_capacity_is_cheaper_and_tolerated(accelerator: Accelerator) -> None:
    assert accelerator.hourly_cents.spot < accelerator.hourly_cents.on_demand
    assert accelerator.spot.tolerations


@pytest.mark.parametrize("accelerator", ALL)
def test_pods_tolerate_the_taint_of_their_own_resource(accelerator: Accelerator) -> None:
    assert accelerator.resource_name in {toleration.key for toleration in accelerator.tolerations}
    assert accelerator.node_labels


@pytest.mark.parametrize(
    ("name", "batches_large"),
    [("nvidia-a100-80gb", False), ("nvidia-l40s-48gb", False), ("nvidia-h100-80gb", True), ("amd-mi300x-192gb", True)],
)
def test_batching_follows_memory_except_on_the_a100(name: str, *, batches_large: bool) -> None:
    assert CATALOGUE.find(name).batches_large is batches_large


def test_a_catalogue_is_read_in_the_order_of_names() -> None:
    assert [accelerator.name for accelerator in CATALOGUE] == sorted(CATALOGUE.names)


def test_an_accelerator_is_written_as_the_chart_reads_it() -> None:
    written = CATALOGUE.find("nvidia-h100-80gb").model_dump(by_alias=True)

    assert {"resourceName", "memoryMiB", "gpusPerNode", "hourlyCents", "nodeLabels"} <= written.keys()
