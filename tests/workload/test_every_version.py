"""
The same specs for every sampled version of vLLM: arguments that it takes, or a refusal with its number.

The stand-in engine is the judge: it takes the flags of a version as vLLM's own parser does, prefixes and all.
"""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e.engine.flags.parser import parse
from e2e.engine.launch.config import resolve
from e2e.engine.launch.contradictions import first_contradiction
from e2e.engine.launch.settings import from_environment
from e2e.engine.release import Release
from tests.workload.fleets import container, engine_cache, fleet, setting

from modelfleet.api.catalogue import EngineFlags, EngineVersion
from modelfleet.api.catalogue.engine_version import OLDEST
from modelfleet.api.v1alpha1.cache_policy import CachePolicy, EngineCache
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.cache_policies import in_force
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import Plan, plan

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
TABLE = resources.files("modelfleet.api.catalogue").joinpath("data", "vllm_flags.json")
SAMPLED = [text for text in json.loads(TABLE.read_text())["versions"] if EngineVersion.parse(text) >= OLDEST]
NEWER_THAN_THE_OLDEST = {"cache-policy": "0.11.2"}
"""Samples that ask for what the oldest versions lack, and the first sampled version that has it."""

ENGINES: dict[str, dict[str, Any]] = {
    "pipeline parallel": {"pipelineParallelSize": 2},
    "data parallel": {"dataParallelSize": 2},
    "lengths": {"maxModelLen": 8192, "maxNumSeqs": 64, "maxNumBatchedTokens": 8192},
    "formats": {"dtype": "bfloat16", "quantization": "fp8", "kvCacheDtype": "fp8_e4m3"},
    "chunked prefill": {"chunkedPrefill": True},
    "no chunked prefill": {"chunkedPrefill": False, "maxModelLen": 4096, "maxNumBatchedTokens": 4096},
    "eager": {"enforceEager": True},
    "tools": {"toolCallParser": "llama3_json", "reasoningParser": "deepseek_r1"},
    "template": {"chatTemplate": "{% for m in messages %}{{ m.content }} $$x$$ {% endfor %}"},
    "lookup": {"speculative": {"method": "Ngram"}},
    "head": {"speculative": {"method": "Eagle3", "model": "hf://team/head"}},
    "draft": {"speculative": {"method": "DraftModel", "model": "hf://Qwen/Qwen3-0.6B"}},
    "multi-token prediction": {"speculative": {"method": "Mtp"}},
}
MODELS: dict[str, dict[str, Any]] = {
    "bucket": {"source": "gs://models/llama"},
    "adapters": {"adapters": [{"name": "sql", "source": "hf://team/sql", "rank": 48}]},
    "names": {"servedNames": ["chat", "team/chat"], "revision": "main"},
}
CACHES: dict[str, dict[str, Any]] = {
    "prefixes": {"prefixCaching": True},
    "no prefixes": {"prefixCaching": False},
    "offload": {"kvOffload": {"cpuGiB": 8}},
}

Spec = tuple[str, ModelDeployment, EngineCache | None]


def specs(version: str) -> Iterator[Spec]:
    """Yield fleets of one idea each, on the image of *version*."""
    image = {"image": f"vllm/vllm-openai:v{version}"}
    yield "smallest", fleet(engine=image), None
    yield from ((name, fleet(engine=image | engine), None) for name, engine in ENGINES.items())
    yield from ((name, fleet(engine=image, model=model), None) for name, model in MODELS.items())
    yield from ((name, fleet(engine=image), engine_cache(**cache)) for name, cache in CACHES.items())


def samples(version: str) -> Iterator[Spec]:
    """Yield the fleets of the samples, on the image of *version*."""
    for path in sorted(SAMPLES.glob("*.yaml")):
        documents = [*yaml.safe_load_all(path.read_text())]
        policies = [CachePolicy.model_validate(one) for one in documents if one["kind"] == "CachePolicy"]
        for one in documents:
            if one["kind"] == "ModelDeployment":
                engine = one["spec"].get("engine", {}) | {"image": f"vllm/vllm-openai:v{version}"}
                wanted = ModelDeployment.model_validate(one | {"spec": one["spec"] | {"engine": engine}})
                policy = in_force(policies, wanted.metadata.name)
                yield path.stem, wanted, policy.spec.engine if policy else None


def arguments(planned: Plan) -> list[str]:
    """Return what the kubelet hands to the engine."""
    deployment = next(child for child in children(planned) if child["kind"] == "Deployment")
    [engine] = deployment["spec"]["template"]["spec"]["containers"]
    return [word.replace("$$", "$") for word in engine["args"]]


def refusal_of_the_engine(words: list[str], version: str) -> str | None:
    """Return why vLLM of *version* would not start with *words*."""
    release, settings = Release.parse(version), from_environment({})
    try:
        flags = parse(["serve", *words], release=release)
    except SystemExit as end:
        return f"exit code {end.code}"
    found = first_contradiction(resolve(flags, release=release, settings=settings), settings)
    return found.error if found else None


@pytest.mark.parametrize("version", SAMPLED)
def test_every_sample_starts_on_every_version_it_claims(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused = {}
    for name, wanted, cache in samples(version):
        planned = plan(wanted, cache, setting())
        if isinstance(planned, Plan):
            refused[name] = refusal_of_the_engine(arguments(planned), version)
        else:
            refused[name] = planned.accepted.message
            is_claimed = EngineVersion.parse(NEWER_THAN_THE_OLDEST.get(name, "0.0.0")) <= EngineVersion.parse(version)

            assert not is_claimed, planned.accepted.message
            assert f"the image is vLLM {version}" in planned.accepted.message

    assert {name for name, why in refused.items() if why} <= set(NEWER_THAN_THE_OLDEST), (
        refused,
        capsys.readouterr().err,
    )


@pytest.mark.parametrize("version", SAMPLED)
def test_a_spec_has_only_flags_of_its_version_or_is_refused_with_its_number(version: str) -> None:
    flags = EngineFlags.for_version(EngineVersion.parse(version))
    for name, wanted, cache in specs(version):
        planned = plan(wanted, cache, setting())
        if isinstance(planned, Plan):
            unknown = [word for word in arguments(planned) if word.startswith("--") and not flags.has(word)]

            assert (name, unknown, refusal_of_the_engine(arguments(planned), version)) == (name, [], None)
        else:
            assert (name, planned.accepted.reason.value) == (name, "EngineVersion")
            assert planned.accepted.message.endswith(f"and the image is vLLM {version}.")


def test_which_ideas_are_older_than_which_versions() -> None:
    first: dict[str, str] = {}
    for version in SAMPLED:
        for name, wanted, cache in specs(version):
            if isinstance(plan(wanted, cache, setting()), Plan):
                first.setdefault(name, version)

    assert {name: version for name, version in first.items() if version != "0.9.2"} == {
        "draft": "0.14.1",
        "multi-token prediction": "0.11.0",
        "bucket": "0.11.0",
        "offload": "0.11.2",
    }


@pytest.mark.parametrize(
    ("version", "drains_by_itself", "logs_probes"),
    [("0.15.1", False, True), ("0.16.0", False, False), ("0.17.1", False, False), ("0.18.1", True, False)],
)
def test_what_a_version_lacks_is_done_another_way(version: str, *, drains_by_itself: bool, logs_probes: bool) -> None:
    engine = container(fleet(engine={"image": f"vllm/vllm-openai:v{version}"}))

    assert ("--shutdown-timeout" in engine["args"]) is drains_by_itself
    assert engine["lifecycle"]["preStop"]["exec"]["command"][-1] == ("0" if drains_by_itself else "120")
    assert ("--disable-access-log-for-endpoints" not in engine["args"]) is logs_probes


def test_a_newer_version_than_the_newest_known_counts_as_that() -> None:
    newer, newest = (container(fleet(engine={"image": f"vllm/vllm-openai:v{v}"}))["args"] for v in ("0.99.0", "0.33.0"))

    assert newer == newest
