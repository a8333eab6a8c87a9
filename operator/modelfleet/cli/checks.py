"""Every check `validate` makes: the schema, the objects beside each other, and what the operator would say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelfleet.api.kinds import KINDS
from modelfleet.api.names import API_VERSION, GROUP
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.problems import lint
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.cli.manifests import Manifest
from modelfleet.cli.remarks import Remark, about, about_spec
from modelfleet.workload.cache_policies import findings, in_force
from modelfleet.workload.plan import Plan, Refusal, Setting, plan

MODELS: dict[str, type[ApiModel]] = {kind.name: kind.model for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Objects:
    """The valid objects of our kinds among the manifests, each beside the manifest it was read from."""

    fleets: tuple[tuple[Manifest, ModelDeployment], ...]
    policies: tuple[tuple[Manifest, CachePolicy], ...]

    def policies_of(self, namespace: str) -> list[CachePolicy]:
        """Return the policies of *namespace*."""
        return [policy for _, policy in self.policies if policy.metadata.namespace == namespace]

    def plan(self, fleet: ModelDeployment, setting: Setting) -> Plan | Refusal:
        """Return the plan of *fleet* under the policy that is in force for it."""
        policy = in_force(self.policies_of(fleet.metadata.namespace), fleet.metadata.name)
        return plan(fleet, policy.spec.engine if policy else None, setting)


def is_ours(manifest: Manifest) -> bool:
    """Whether the object belongs to our API group."""
    return manifest.api_version.partition("/")[0] == GROUP


def schema_remarks(manifests: Iterable[Manifest]) -> Iterator[Remark]:
    """Yield what the API server would refuse."""
    for manifest in manifests:
        for path in manifest.repeated:
            yield about(manifest, "must not be set twice", path=path)
        if not is_ours(manifest):
            continue
        if manifest.api_version != API_VERSION or manifest.kind not in MODELS:
            found = f'found "{manifest.kind}" of "{manifest.api_version}"'
            yield about(manifest, f"`kind` must be {' or '.join(MODELS)} of {API_VERSION}, {found}", path=("kind",))
            continue
        for problem in lint(MODELS[manifest.kind], manifest.data):
            yield about(manifest, problem.message, path=problem.path)


def valid(manifests: Sequence[Manifest]) -> Objects:
    """Return the objects of our kinds that the API server would take."""
    good = [manifest for manifest in manifests if is_ours(manifest) and not [*schema_remarks([manifest])]]
    fleets = [(m, ModelDeployment.model_validate(m.data)) for m in good if m.kind == "ModelDeployment"]
    policies = [(m, CachePolicy.model_validate(m.data)) for m in good if m.kind == "CachePolicy"]
    return Objects(tuple(fleets), tuple(policies))


def repeated_objects(manifests: Iterable[Manifest]) -> Iterator[Remark]:
    """Yield the objects that an earlier manifest declares already."""
    first: dict[tuple[str, str, str], Manifest] = {}
    for manifest in filter(is_ours, manifests):
        earlier = first.setdefault((manifest.kind, manifest.namespace, manifest.name), manifest)
        if earlier is not manifest:
            where = f"{earlier.file}:{earlier.line()}"
            yield about(manifest, f"must not be declared twice; {where} declares it too", path=("metadata", "name"))


def operator_remarks(objects: Objects, setting: Setting) -> Iterator[Remark]:
    """Yield what the operator would write into conditions; what depends on the rest of the cluster only warns."""
    for manifest, fleet in objects.fleets:
        yield from _plan_remarks(manifest, objects.plan(fleet, setting))
    for manifest, policy in objects.policies:
        namespace = policy.metadata.namespace
        others = [other for other in objects.policies_of(namespace) if other is not policy]
        fleets = {fleet.metadata.name for _, fleet in objects.fleets if fleet.metadata.namespace == namespace}
        for finding in findings(policy, others, fleets):
            if finding.type in {"Accepted", "ResolvedRefs"} and finding.status == "False":
                yield about_spec(manifest, finding.message, severity="warning")


def _plan_remarks(manifest: Manifest, planned: Plan | Refusal) -> Iterator[Remark]:
    if isinstance(planned, Refusal):
        yield about_spec(manifest, planned.accepted.message)
    elif planned.sized.finding.status != "True":
        yield about_spec(manifest, planned.sized.finding.message, severity="warning")
