"""The accelerator catalogue: what a node of each kind has, how its pods find it, and what it costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from modelfleet.api.catalogue.errors import CatalogueError, containing, nearest, quoted, read_entry
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.types import Int, Label, ListOf, Quantity, StringMap, text
from modelfleet.api.v1alpha1.model_deployment.hardware import Toleration

GIB = 1024
"""MiB in one GiB."""
LARGE_MEMORY_MIB = 70 * GIB
"""From here on vLLM batches for a large accelerator; read from the batching defaults of vLLM 0.33."""


class HourlyCents(ApiModel):
    """What one accelerator costs for an hour, in cents of the platform's currency."""

    on_demand: Annotated[Int, Field(ge=0, le=10_000_000)]
    """onDemand is the price of an accelerator on a node that stays."""
    spot: Annotated[Int, Field(ge=0, le=10_000_000)]
    """spot is the price of an accelerator on an interruptible node."""


class SpotCapacity(ApiModel):
    """What pods with `capacityType: Spot` get besides."""

    node_labels: StringMap = Field(default_factory=dict)
    """nodeLabels are labels an interruptible node must have."""
    tolerations: Annotated[tuple[Toleration, ...], ListOf(32)] = ()
    """tolerations are taints of interruptible nodes the pods accept."""


class Accelerator(ApiModel):
    """One kind of accelerator, and the nodes that have it."""

    name: Label
    """name is what `hardware.accelerator` says."""
    resource_name: Annotated[str, text(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")]
    """resourceName is the extended resource a pod asks for, such as `nvidia.com/gpu`."""
    memory_mib: Annotated[Int, Field(ge=1024, le=100_000_000, alias="memoryMiB")]
    """memoryMiB is the memory of one accelerator as the engine sees it: the total of `torch.cuda.mem_get_info`."""
    gpus_per_node: Annotated[Int, Field(ge=1, le=64)]
    """gpusPerNode is how many of them one node has; a pod cannot have more."""
    batching: Literal["Standard", "Large"] | None = None
    """batching is the class of vLLM's batching defaults. Absent means Large from 70 GiB on, otherwise Standard."""
    node_labels: StringMap = Field(default_factory=dict)
    """nodeLabels are labels a node with this accelerator has, used as node selector."""
    tolerations: Annotated[tuple[Toleration, ...], ListOf(32)] = ()
    """tolerations are taints of such nodes the pods accept."""
    spot: SpotCapacity = SpotCapacity()
    """spot is what pods with `capacityType: Spot` get besides."""
    hourly_cents: HourlyCents
    """hourlyCents is what one accelerator costs for an hour."""
    cpu_per_accelerator: Quantity | None = None
    """cpuPerAccelerator is the CPU request of a pod for each accelerator it has. Absent means none."""
    memory_per_accelerator: Quantity | None = None
    """memoryPerAccelerator is the memory request of a pod for each accelerator it has. Absent means none."""

    @property
    def batches_large(self) -> bool:
        """Return whether vLLM takes its larger batching defaults on this accelerator."""
        if self.batching is not None:
            return self.batching == "Large"
        return self.memory_mib >= LARGE_MEMORY_MIB


@dataclass(frozen=True)
class AcceleratorCatalogue:
    """Every known accelerator by name."""

    entries: Mapping[str, Accelerator]

    def find(self, name: str) -> Accelerator:
        """Return the accelerator called *name*; raise CatalogueError with the nearest names."""
        if (entry := self.entries.get(name)) is not None:
            return entry
        near = containing(name, self.entries) or nearest(name, self.entries)
        meant = f"did you mean {quoted(near)}?" if near else f"known are {quoted(self.names)}"
        raise CatalogueError(f'"{name}" is not in the accelerator catalogue: {meant}')

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(sorted(self.entries))

    def __iter__(self) -> Iterator[Accelerator]:
        return (self.entries[name] for name in self.names)


def read_accelerators(data: Mapping[str, Any], *, where: str = "accelerators") -> AcceleratorCatalogue:
    """Return the catalogue of *data*, `{name: fields}`; raise CatalogueError naming the entry and the field."""
    entries = {
        name: read_entry(Accelerator, named(name, fields, where), f"{where}.{name}") for name, fields in data.items()
    }
    return AcceleratorCatalogue(MappingProxyType(entries))


def named(name: str, fields: Any, where: str) -> dict[str, Any]:
    """Return *fields* with the name of their entry; raise CatalogueError when they are not fields, or name another."""
    if not isinstance(fields, Mapping):
        raise CatalogueError(f"`{where}.{name}` must be an object")
    if fields.get("name", name) != name:
        raise CatalogueError(f'`{where}.{name}.name` must be "{name}" or absent, not "{fields["name"]}"')
    return {**fields, "name": name}
