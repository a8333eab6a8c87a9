"""`modelfleet crds` prints what the chart and `crds/` hold."""

import json
from pathlib import Path

import yaml
from tests.cli.running import modelfleet

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.crd import crd
from modelfleet.cli.crds import files


def test_prints_a_yaml_stream() -> None:
    result = modelfleet("crds")

    assert list(yaml.safe_load_all(result.output)) == [crd(kind) for kind in KINDS]


def test_prints_one_list_as_json() -> None:
    assert json.loads(modelfleet("crds", "-o", "json").output)["items"] == [crd(kind) for kind in KINDS]


def test_writes_one_file_per_kind(tmp_path: Path) -> None:
    result = modelfleet("crds", "--output-dir", tmp_path / "new")

    assert result.output == ""
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == files()


def test_files_have_no_anchors() -> None:
    assert not any("&id" in text or "*id" in text for text in files().values())
