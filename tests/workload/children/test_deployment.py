"""The Deployment's annotations tell whose change a new template is, and keep the size that was chosen."""

from typing import Any

import pytest
from tests.workload.fleets import child, engine_cache, fleet

from modelfleet.workload import pod
from modelfleet.workload.children import deployment
from modelfleet.workload.updates import is_operators_change

PREFIX = "modelfleet.dev/"


def made(*arguments: Any, **spec: Any) -> Any:
    return child("Deployment", fleet(**spec), *arguments)


def annotation(name: str, of: Any) -> str:
    return str(of["metadata"]["annotations"][PREFIX + name])


def test_a_constant_that_changes_is_the_operators_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made()
    monkeypatch.setattr(pod, "POD_SECURITY", pod.POD_SECURITY | {"runAsUser": 3000})

    assert is_operators_change(before, made())


def test_what_is_not_in_the_pods_is_nobodys_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made()
    monkeypatch.setattr(deployment, "HISTORY", 9)

    assert made() != before
    assert not is_operators_change(before, made())


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"engine": {"dtype": "auto", "pipelineParallelSize": 1}}, id="defaults written out"),
        pytest.param({"engine": {"image": "vllm/vllm-openai:v0.33.0"}}, id="the default image written out"),
        pytest.param({"weights": {}, "pod": {}, "rollout": {}}, id="empty objects"),
        pytest.param({"replicas": 7}, id="another size"),
        pytest.param({"suspend": True}, id="suspended"),
    ],
)
def test_the_declaration_is_the_same(spec: dict[str, Any]) -> None:
    assert annotation("input-hash", made(**spec)) == annotation("input-hash", made())


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"engine": {"image": "vllm/vllm-openai:v0.32.0"}}, id="another image"),
        pytest.param({"engine": {"dtype": "float16"}}, id="an option"),
        pytest.param({"pod": {"labels": {"team": "a"}}}, id="a label"),
        pytest.param({"weights": {"cache": {"ephemeral": {}}}}, id="a choice that was absent"),
    ],
)
def test_the_declaration_is_another(spec: dict[str, Any]) -> None:
    assert annotation("input-hash", made(**spec)) != annotation("input-hash", made())


def test_a_policy_is_part_of_the_declaration() -> None:
    hashes = {annotation("input-hash", made(cache)) for cache in (None, engine_cache(prefixCaching=True))}

    assert len(hashes) == 2


def test_the_image_is_declared_also_where_it_is_the_default_of_this_version(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def digest(value: Any) -> str:
        seen.append(value)
        return ""

    monkeypatch.setattr(deployment, "digest", digest)
    made(engine={"dtype": "float16"})

    [declared] = [value for value in seen if "image" in value]

    assert declared["image"] == "vllm/vllm-openai:v0.33.0"
    assert declared["spec"]["engine"] == {"dtype": "float16"}


def test_the_chosen_size_is_kept_with_what_justifies_it() -> None:
    one, four = made(), made(engine={"tensorParallelSize": 4})

    assert [annotation("tensor-parallel-size", of) for of in (one, four)] == ["1", "4"]
    assert annotation("tensor-parallel-inputs", one) != annotation("tensor-parallel-inputs", four)


def test_the_template_is_what_its_digest_says() -> None:
    assert annotation("template-hash", made(replicas=9)) == annotation("template-hash", made())
    assert annotation("template-hash", made(engine={"dtype": "float16"})) != annotation("template-hash", made())
