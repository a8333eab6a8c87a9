"""What the operator would say about names, routes and keys; it depends on the rest of the cluster, so it only warns."""

from collections.abc import Iterator, Sequence

from modelfleet.api.conditions import Reason
from modelfleet.cli.gateway_sources import objects_among
from modelfleet.cli.manifests import Manifest
from modelfleet.cli.remarks import Remark, about, about_spec
from modelfleet.gateway.lower.setting import Setting as GatewaySetting
from modelfleet.gateway.lower.whole import Lowered, lower
from modelfleet.workload.plan import Setting


def gateway_remarks(manifests: Sequence[Manifest], setting: Setting, *, knows_platform: bool) -> Iterator[Remark]:
    """
    Yield what RoutePolicies, Secrets with keys, and fleets about their names would be told.

    Without *knows_platform* nothing is said about hosts, which the platform allows.
    """
    objects, _ = objects_among(manifests)
    lowered = lower(objects, GatewaySetting(setting.platform.gateway, setting.catalogue.accelerators))
    for manifest in manifests:
        name = f"{manifest.namespace}/{manifest.name}"
        if manifest.kind == "RoutePolicy" and name in lowered.policies:
            yield from _about_policy(manifest, lowered, name, knows_platform=knows_platform)
        if manifest.kind == "ModelDeployment" and name in lowered.fleets:
            findings = lowered.fleets[name].findings
            yield from (
                about_spec(manifest, one.message, severity="warning") for one in findings if one.status == "False"
            )
        if manifest.kind == "Secret":
            for problem in lowered.secrets.get(name, ()):
                yield about(manifest, problem.message.removeprefix(f"Secret {name}: "), severity="warning")


def _about_policy(manifest: Manifest, lowered: Lowered, name: str, *, knows_platform: bool) -> Iterator[Remark]:
    for problem in lowered.policies[name].problems:
        if knows_platform or problem.reason != Reason.HOST_NOT_ALLOWED:
            yield about_spec(manifest, problem.message, severity="warning")
