"""The reference pages say of every field what the schema says."""

import re

import pytest
from tests.api.specs.manifests import schema_of, schema_paths

from modelfleet.api import reference
from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.crd import Kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_page_has_a_section_for_every_object_and_a_row_for_every_field(kind: Kind) -> None:
    page = reference.kind_page(kind)
    headings = set(re.findall(r"^## (.+)$", page, re.MULTILINE))

    for path in schema_paths(schema_of(kind.name)):
        parent, _, name = path.rpartition(".")
        is_row = parent and not name.endswith(("[]", "{}"))
        assert not is_row or parent in headings, path
        assert not is_row or f"| `{name}`" in page, path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_links_of_a_page_lead_to_its_headings(kind: Kind) -> None:
    page = reference.kind_page(kind)
    anchors = {re.sub(r"[^a-z0-9]", "", heading.lower()) for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}

    assert set(re.findall(r"\(#([^)]+)\)", page)) <= anchors


def test_rows_show_default_bounds_and_choices() -> None:
    page = reference.kind_page(KINDS[0])

    assert "| `gpuMemoryPercent` | integer | `90` | 1 to 99 |" in page
    assert "| `fitCheck` | `Enforce`, `Warn` | `Enforce` |" in page
    assert "| `source` (required) | string |" in page


def test_placeholders_do_not_look_like_html() -> None:
    page = reference.kind_page(KINDS[0])
    outside_code = "".join(page.split("`")[::2])

    assert "<organisation>" not in outside_code
    assert "&lt;organisation>" in page


def test_index_names_every_page() -> None:
    pages = reference.pages()

    assert all(f"({name})" in pages["README.md"] for name in pages if name != "README.md")
