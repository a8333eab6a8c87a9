"""Generated files hold what their sources say; `make generate` refreshes them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from charts.generate.crds import crd_template
from charts.generate.files import CHART, INSTALL, ROOT, chart_files, manifest_files
from charts.generate.readme import with_values_table
from charts.generate.schema import values_schema
from charts.generate.values import Value
from tests.chart.rendering import Helm, Object, find, parsed

from modelfleet import __version__

CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: a.b\nspec:\n  group: b\n"


def by_name(text: str) -> dict[tuple[str, str, str], Any]:
    return {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in parsed(text)}


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in chart_files()])
def test_the_chart_is_current(path: Path) -> None:
    assert path.read_text() == chart_files()[path]


def test_no_template_of_a_crd_is_left_over() -> None:
    assert {path.name for path in (CHART / "templates" / "crds").iterdir()} == {
        path.name for path in (ROOT / "crds").glob("*.yaml")
    }


def test_the_install_manifest_is_current(helm: Helm) -> None:
    assert by_name(INSTALL.read_text()) == by_name(manifest_files(helm=helm.binary)[INSTALL])


def test_the_install_manifest_begins_with_its_namespace() -> None:
    first = parsed(INSTALL.read_text())[0]

    assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "modelfleet-system")


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sorted((ROOT / "crds").glob("*.yaml"))])
def test_a_crd_is_installed_as_it_is_generated(default_objects: list[Object], path: Path) -> None:
    crd = yaml.safe_load(path.read_text())
    installed = find(default_objects, "CustomResourceDefinition", crd["metadata"]["name"])

    assert installed["spec"] == crd["spec"]
    assert installed["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_crds_can_be_left_out_or_go_with_the_release(helm: Helm) -> None:
    def crds(**values: bool) -> list[Object]:
        return [obj for obj in helm.render({"crds": values}) if obj["kind"] == "CustomResourceDefinition"]

    assert crds(enabled=False) == []
    assert all("annotations" not in crd["metadata"] for crd in crds(keep=False))


def test_braces_in_a_description_are_not_taken_for_a_template() -> None:
    template = crd_template(CRD + "  description: a {{placeholder}} in a chat template\n")

    assert 'a {{ "{{" }}placeholder}} in' in template


def test_metadata_beyond_the_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a name and nothing else"):
        crd_template(CRD.replace("name: a.b\n", "name: a.b\n  labels: {}\n"))


def test_a_value_of_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="must have its shape in `SHAPES`"):
        values_schema([Value(("new", "list"), [], "Something new.")])


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="the README must contain the lines"):
        with_values_table("# modelfleet\n", [])
