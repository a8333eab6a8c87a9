"""What the platform team set, from a file for the operator or from the chart's values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from modelfleet.api.catalogue import CatalogueError, load_catalogue
from modelfleet.api.platform import GatewaySettings, Platform
from modelfleet.api.schema.problems import explain
from modelfleet.workload.plan import Setting

FIELDS = ("catalogue", "network", "rollouts", "podMonitors", "gateway")
CHART_FIELDS = ("catalogue", "fleets", "rollouts", "gateway")
SAME_IN_CHART = ("enabled", "replicas", "names", "maxBodyBytes", "accessLog", "tracing", "tokenPrices")
"""Fields of `gateway` that mean the same in the chart's values and in the platform file."""

values_option = click.option(
    "--values",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the platform team sets: the operator's platform file, or the values of the chart.",
)


def setting(values: Path | None, *, pod_monitors: bool = False) -> Setting:
    """Return what surrounds fleets; *pod_monitors* says whether the cluster has that kind."""
    try:
        platform = Platform.model_validate(_read(values), extra="forbid")
        return Setting(platform, load_catalogue(platform.catalogue), has_pod_monitors=pod_monitors)
    except ValidationError as error:
        raise click.ClickException(f"{values}: {explain(error)}") from error
    except (CatalogueError, yaml.YAMLError) as error:
        raise click.ClickException(f"{values}: {error}") from error


def _read(values: Path | None) -> dict[str, Any]:
    content = yaml.safe_load(values.read_text(encoding="utf-8")) if values else {}
    if not isinstance(content, Mapping):
        raise click.ClickException(f"{values}: must be an object with {', '.join(f'`{name}`' for name in FIELDS)}")
    if content.keys() <= set(FIELDS) and not _is_charts_gateway(content.get("gateway")):
        return dict(content)
    if not content.keys() & set(CHART_FIELDS):
        raise click.ClickException(
            f"{values}: must have one of {', '.join(f'`{name}`' for name in (*FIELDS, 'fleets'))}, "
            f"found {', '.join(f'`{name}`' for name in content)}"
        )
    return _from_chart(content)


def _from_chart(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the chart's values that the chart hands to the operator."""
    fleets = values.get("fleets") or {}
    network = dict(fleets.get("network") or {})
    if isinstance(peers := network.get("allowedPeers"), Mapping):
        network["allowedPeers"] = [peers[name] for name in sorted(peers)]
    platform = {"catalogue": values.get("catalogue"), "rollouts": values.get("rollouts"), "network": network}
    return platform | {"podMonitors": fleets.get("podMonitors"), "gateway": _gateway_from_chart(values)}


def _is_charts_gateway(gateway: Any) -> bool:
    """Whether *gateway* has fields that the chart's values have and the platform file has not, or has otherwise."""
    if not isinstance(gateway, Mapping):
        return False
    known = {field.alias for field in GatewaySettings.model_fields.values()}
    return bool(gateway.keys() - known) or isinstance(gateway.get("clientTls"), Mapping)


def _gateway_from_chart(values: Mapping[str, Any]) -> dict[str, Any]:
    gateway: Mapping[str, Any] = values.get("gateway") or {}
    parts = {name: gateway.get(name) or {} for name in ("auth", "external", "clientTls", "autoscaling")}
    settings = {name: gateway.get(name) for name in SAME_IN_CHART} | {
        "authRequired": parts["auth"].get("required"),
        "allowedHosts": parts["external"].get("allowedHosts"),
        "clientTls": bool(parts["clientTls"].get("secretName")),
        "secretNamespaces": (values.get("secrets") or {}).get("namespaces"),
    }
    if parts["autoscaling"].get("enabled"):
        settings["replicas"] = parts["autoscaling"].get("minReplicas")
    return settings
