"""The metrics page against a page scraped from vLLM 0.32.0, and across releases."""

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.engine.servers import InProcess, start_in_process

_FACTS = json.loads((Path(__file__).parent / "data/metrics_0.32.0.json").read_text())
_NAMED = ("reason", "source", "sleep_state", "finished_reason", "generation")
_SAME_CACHE = ("--max-model-len", "2048", "--num-gpu-blocks-override", "128", "--block-size", "128")


async def _page(server: InProcess) -> dict[str, dict[str, object]]:
    """Return the page in the shape of the facts."""
    text = await (await server.client.get("/metrics")).text()
    families: dict[str, dict[str, object]] = {}
    for metric in text_string_to_metric_families(text):
        bounds: list[str] = []
        values: dict[str, set[str]] = {}
        names: list[str] | None = None
        for sample in metric.samples:
            labels = dict(sample.labels)
            bound = labels.pop("le", None)
            bounds += [bound] if bound is not None and bound not in bounds else []
            names = sorted(labels)
            for name in set(labels) & set(_NAMED):
                values.setdefault(name, set()).add(labels[name])
        family: dict[str, object] = {"type": metric.type, "labels": names or []}
        family |= {"empty": True} if names is None else {}
        family |= {"buckets": bounds} if bounds else {}
        families[metric.name] = family | ({"values": {k: sorted(v) for k, v in values.items()}} if values else {})
    return families


async def _names(servers: list[InProcess], release: str, *arguments: str) -> set[str]:
    servers.append(await start_in_process(*arguments, release=release))
    return {name.removeprefix("vllm:") for name in await _page(servers[-1]) if name.startswith("vllm:")}


async def test_the_page_of_0_32_has_the_families_labels_and_buckets_of_the_real_one(servers: list[InProcess]) -> None:
    servers.append(await start_in_process(*_SAME_CACHE, release="0.32.0"))
    page = await _page(servers[0])

    assert set(page) == set(_FACTS)
    assert {name: page[name] for name in page if page[name] != _FACTS[name]} == {}


async def test_a_later_release_has_the_same_page(servers: list[InProcess]) -> None:
    assert await _names(servers, "0.33.0") == await _names(servers, "0.32.0")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        pytest.param("gpu_cache_usage_perc", "0.9.2", "0.10.2", id="old KV usage"),
        pytest.param("kv_cache_usage_perc", "0.9.2", "0.33.0", id="KV usage"),
        pytest.param("gpu_prefix_cache_hits", "0.9.2", "0.11.2", id="old prefix hits"),
        pytest.param("time_per_output_token_seconds", "0.9.2", "0.11.2", id="old ITL"),
        pytest.param("inter_token_latency_seconds", "0.10.2", "0.33.0", id="ITL"),
        pytest.param("request_time_per_output_token_seconds", "0.11.0", "0.33.0", id="TPOT"),
        pytest.param("engine_sleep_state", "0.11.2", "0.33.0", id="sleep state"),
        pytest.param("num_requests_waiting_by_reason", "0.20.2", "0.33.0", id="waiting by reason"),
        pytest.param("request_num_preemptions", "0.30.0", "0.33.0", id="preemptions of a request"),
        pytest.param("admission_rejections", "0.32.0", "0.33.0", id="admission"),
    ],
)
async def test_a_family_exists_in_the_releases_that_have_it(
    servers: list[InProcess], name: str, first: str, last: str
) -> None:
    sampled = ["0.9.2", "0.10.2", "0.11.0", "0.11.2", "0.12.0", "0.19.1", "0.20.2", "0.29.0", "0.30.0", "0.31.0"]
    sampled += ["0.32.0", "0.33.0"]
    place = sampled.index
    edges = {first, last, *sampled[place(first) - 1 : place(first)], *sampled[place(last) + 1 : place(last) + 2]}
    having = {release for release in edges if name in await _names(servers, release)}

    assert having == {first, last}


async def test_hidden_metrics_come_back_on_request(servers: list[InProcess]) -> None:
    names = await _names(servers, "0.12.0", "--show-hidden-metrics-for-version=0.11")

    assert "time_per_output_token_seconds" in names


async def test_capacity_is_a_label_from_0_24(servers: list[InProcess]) -> None:
    servers.extend([await start_in_process(release=release) for release in ("0.23.0", "0.24.0")])
    older, newer = [(await _page(server))["vllm:cache_config_info"]["labels"] for server in servers]

    assert "kv_cache_size_tokens" not in str(older)
    assert "kv_cache_size_tokens" in str(newer)


async def test_disabled_statistics_leave_no_engine_metrics(servers: list[InProcess]) -> None:
    assert await _names(servers, "0.33.0", "--disable-log-stats") == set()


async def test_latency_buckets_can_be_given(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--custom-histogram-buckets", '{"request_latency":[0.1,1]}'))
    page = await _page(servers[0])

    assert page["vllm:request_queue_time_seconds"]["buckets"] == ["0.1", "1.0", "+Inf"]


async def test_two_ranks_show_two_engine_labels_and_drop_what_several_processes_cannot_have(
    servers: list[InProcess],
) -> None:
    servers.append(await start_in_process("-dp", "2"))
    text = await (await servers[0].client.get("/metrics")).text()

    assert 'vllm:num_requests_running{engine="1",model_name=' in text
    assert "_created" not in text
    assert "process_" not in text


async def test_a_finished_request_is_in_every_series_it_belongs_to(server: InProcess) -> None:
    body = {"prompt": "x" * 400, "max_tokens": 20, "ignore_eos": True}
    for _ in range(2):
        await server.client.post("/v1/completions", json=body)
    text = await (await server.client.get("/metrics")).text()
    values = {
        line.split("{")[0].split(":")[-1]: float(line.split()[-1]) for line in text.splitlines() if "engine=" in line
    }

    assert values["prompt_tokens_total"] == 200
    assert values["generation_tokens_total"] == 40
    assert values["prefix_cache_queries_total"] == 200
    assert values["prefix_cache_hits_total"] == 96
    assert values["request_generation_tokens_sum"] == 40
    assert values["inter_token_latency_seconds_count"] == 38
    assert values["time_to_first_token_seconds_count"] == 2
    assert values["num_requests_running"] == 0
    assert 'http_requests_total{handler="/v1/completions",method="POST",status="2xx"} 2.0' in text
