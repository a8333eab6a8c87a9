"""Which files are generated, and what they must hold."""

import json
from pathlib import Path

from charts.generate.crds import crd_template
from charts.generate.install import install_manifest
from charts.generate.readme import with_values_table
from charts.generate.schema import values_schema
from charts.generate.values import documented_values

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "modelfleet"
INSTALL = ROOT / "manifests" / "install.yaml"


def chart_files() -> dict[Path, str]:
    """Return the text of every generated file of the chart."""
    values = documented_values((CHART / "values.yaml").read_text())
    schema = json.dumps(values_schema(values), indent=2, ensure_ascii=False)
    readme = CHART / "README.md"
    return {
        **{CHART / "templates" / "crds" / crd.name: crd_template(crd.read_text()) for crd in ROOT.glob("crds/*.yaml")},
        CHART / "values.schema.json": f"{schema}\n",
        readme: with_values_table(readme.read_text(), values),
    }


def manifest_files(*, helm: Path) -> dict[Path, str]:
    """Return the text of every manifest made from the chart, whose own files must be current."""
    return {INSTALL: install_manifest(CHART, helm=helm)}
