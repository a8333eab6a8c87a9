"""The API server and the models agree on every generated object: taken or refused, why, and with which defaults."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import httpx
import pytest
from tests.api.specs.case import Case
from tests.api.specs.manifests import Spec, model_of
from tests.api.specs.rules import CASES
from tests.api.specs.walk import names, several_changes, single_changes
from tests.apiserver.client import Client

from modelfleet.api.schema.problems import Problem, lint

CONCURRENCY = 6
COMBINATIONS = 500
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both said about one spec."""

    spec: Spec
    problems: tuple[Problem, ...]
    answer: httpx.Response

    @property
    def models_take_it(self) -> bool:
        """Whether the models found nothing wrong."""
        return not self.problems

    @property
    def server_takes_it(self) -> bool:
        """Whether the API server would store it."""
        return self.answer.status_code == httpx.codes.CREATED

    @property
    def server_message(self) -> str:
        """Return what the API server says, with quotes as its author wrote them."""
        return str(self.answer.json().get("message", "")).replace('\\"', '"')

    def __str__(self) -> str:
        """Return both sides, for the report of a failure."""
        models = "; ".join(map(str, self.problems)) or "taken"
        return f"{self.spec.label}\n  models: {models}\n  server: {self.server_message or 'taken'}"


def judged(api: Client, specs: Iterable[Spec]) -> list[Verdict]:
    """Return the verdicts of both sides."""

    def judge(spec: Spec) -> Verdict:
        return Verdict(spec, lint(model_of(spec.manifest["kind"]), spec.manifest), api.dry_run(spec.manifest))

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(judge, specs))


@pytest.fixture(scope="module")
def verdicts(api: Client) -> list[Verdict]:
    """Return the verdicts on all generated specs."""
    return judged(api, chain(single_changes(), names(), several_changes(COMBINATIONS)))


def test_thousands_of_specs_are_judged_and_both_verdicts_occur(verdicts: list[Verdict]) -> None:
    taken = sum(verdict.server_takes_it for verdict in verdicts)

    assert taken >= 1000
    assert len(verdicts) - taken >= 1000


def test_api_server_and_models_take_the_same_specs(verdicts: list[Verdict]) -> None:
    disagreements = [str(verdict) for verdict in verdicts if verdict.models_take_it != verdict.server_takes_it]

    assert not disagreements, "\n".join(disagreements[:SHOWN])


def test_api_server_and_models_fill_in_the_same_defaults(verdicts: list[Verdict]) -> None:
    taken = (verdict for verdict in verdicts if verdict.models_take_it and verdict.server_takes_it)
    differences = [
        f"{verdict.spec.label}\n  models: {ours}\n  server: {theirs}"
        for verdict in taken
        if (ours := _as_models_read(verdict.spec)) != (theirs := pruned(verdict.answer.json()["spec"]))
    ]

    assert not differences, "\n".join(differences[:SHOWN])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message)
def test_both_refuse_what_breaks_a_rule_with_the_same_words(api: Client, case: Case) -> None:
    for verdict in judged(api, case.specs_that_break_it()):
        said = [problem.message for problem in verdict.problems if problem.message.startswith(case.message)]

        assert len(said) == 1, verdict
        assert _rule_text(said[0]) in verdict.server_message, verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message)
def test_both_take_what_just_keeps_a_rule(api: Client, case: Case) -> None:
    for verdict in judged(api, case.specs_that_keep_it()):
        assert verdict.models_take_it, verdict
        assert verdict.server_takes_it, verdict


def _rule_text(message: str) -> str:
    """Return the rule's own words: the API server names a found text itself, before the message."""
    return message.partition("; found ")[0] if '; found "' in message else message


def _as_models_read(spec: Spec) -> Any:
    model = model_of(spec.manifest["kind"]).model_validate(spec.manifest)
    return pruned(model.model_dump(mode="json", exclude_none=True)["spec"])


def pruned(value: Any) -> Any:
    """Return *value* without nulls, empty lists and empty objects: absent says the same."""
    if isinstance(value, list):
        return [pruned(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: pruned(child) for key, child in value.items()}
    return {key: child for key, child in kept.items() if child not in (None, [], {})}
