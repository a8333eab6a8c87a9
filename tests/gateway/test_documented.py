"""The page about the gateway lists every error that clients may see, and every path that is served."""

import re
from collections.abc import Iterator
from pathlib import Path

from modelfleet.controller import serve
from modelfleet.gateway import render
from modelfleet.gateway.ir import Frame
from modelfleet.gateway.paths import PATHS
from modelfleet.gateway.render.local_replies import Reply, replies
from modelfleet.gateway.render.relay import WITHOUT_KEY

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
ROW = re.compile(r"^\| (\d{3}|any) \| (?:`(\w+)`|–) \|", re.MULTILINE)
FOR_OPERATORS = {"unknown_client"}
"""What a gateway with a wrong certificate is answered, and no client ever sees."""


def test_every_error_is_documented_and_no_other() -> None:
    documented = {code for _, code in ROW.findall(PAGE)}

    assert documented == {*of_envoy(), *of_scripts(), *of_the_operator()}


def test_documented_statuses_are_those_of_the_errors() -> None:
    documented = {*ROW.findall(PAGE)}
    known = {
        (str(status), reply.code or "") for reply in (*replies(Frame()), WITHOUT_KEY) if (status := status_of(reply))
    }

    assert known <= documented


def test_every_path_is_documented_and_no_other() -> None:
    [served] = re.findall(r"## What is served\n(.*?)\n## ", PAGE, re.DOTALL)
    documented = {path for path in re.findall(r"`(?:GET )?(/[\w/]+)`", served) if path != "/v1/messages/"}

    assert documented == {entry.path for entry in PATHS}


def of_envoy() -> Iterator[str]:
    """Yield the codes of what Envoy answers itself."""
    for reply in (*replies(Frame()), WITHOUT_KEY):
        yield reply.code or ""


def of_scripts() -> Iterator[str]:
    """Yield the codes of what our scripts answer."""
    for script in (Path(render.__file__).parent / "lua").glob("*.lua"):
        text = script.read_text()
        yield from re.findall(r'refuse\(handle, "\d+", .*?(?<!nil), "(\w+)"(?:, "\w+")?\)$', text, re.MULTILINE)
        yield from (code for pair in re.findall(r'and "(\w+)" or "(fallback)"', text) for code in pair)


def of_the_operator() -> Iterator[str]:
    """Yield the codes of what the operator answers clients."""
    for module in Path(serve.__file__).parent.rglob("*.py"):
        yield from {*re.findall(r'code="(\w+)"', module.read_text())} - FOR_OPERATORS


def status_of(reply: Reply) -> int | None:
    """Return the status of *reply* where it has one alone: its own, or the one that it is about."""
    about = reply.about.get("status_code_filter", {}).get("comparison", {})
    return reply.status or (about["value"]["default_value"] if about.get("op") == "EQ" else None)
