"""The example of the library's page runs, and scales."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/autoscaling-library.md"


def test_the_example_grows_with_its_load(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[-1]
    exec(compile(example, str(PAGE), "exec"), {})  # noqa: S102 - the page's own text
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) < 12
    assert any("MoreTraffic" in line and int(line.split(" s ")[0]) >= 900 for line in lines)
