"""`modelfleet gateway` says what names mean and what a request meets, and never shows a key."""

import json
from pathlib import Path

import pytest
import yaml
from tests.cli.running import FLEET, modelfleet

KEY = "sk-0123456789abcdef"
POLICY = """\
apiVersion: modelfleet.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat, namespace: models}
spec:
  models: [chat]
  auth: {apiKeys: {secretSelector: {matchLabels: {tier: gold}}}}
  rules:
  - name: small
    match: {promptBytesAtMost: 8000, headers: [{name: x-tier, exact: gold}]}
    backends: [{modelDeployment: llama-8b}]
  - name: rest
    backends: [{modelDeployment: llama-8b}]
    fallback:
    - external: {url: "https://api.example.com/v1", apiKeySecretRef: {name: openai}}
    - static: {status: 503, message: later}
  limits: [{per: User, requestsPerMinute: 60}]
"""
SECRET = f"""\
apiVersion: v1
kind: Secret
type: modelfleet.dev/api-keys
metadata:
  name: clients
  namespace: models
  labels: {{tier: gold, modelfleet.dev/team: search, modelfleet.dev/priority: Low}}
stringData: {{ada: {KEY}}}
---
apiVersion: v1
kind: Secret
type: modelfleet.dev/provider-key
metadata: {{name: openai, namespace: models}}
stringData: {{api-key: {KEY}}}
"""
ALL = f"{FLEET}---\n{POLICY}---\n{SECRET}"
ALLOWED = "gateway: {allowedHosts: [api.example.com]}\n"


@pytest.fixture
def values(tmp_path: Path) -> Path:
    """Return a platform file that allows the provider."""
    path = tmp_path / "platform.yaml"
    path.write_text(ALLOWED)
    return path


def test_prints_what_every_name_means(values: Path) -> None:
    result = modelfleet("gateway", "-f", "-", "--values", values, stdin=ALL)

    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split("   ") for line in result.stdout.splitlines()]
    assert lines[0][0] == "MODEL"
    assert "keys of namespace models" in result.stdout
    assert "models/llama-8b ×2 → api.example.com" in result.stdout
    assert "60 requests a minute per user" in result.stdout
    assert "reached through RoutePolicy models/chat alone" in result.stdout


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_the_same_as_data(values: Path, output: str) -> None:
    result = modelfleet("gateway", "-f", "-", "--values", values, "-o", output, stdin=ALL)

    data = json.loads(result.stdout) if output == "json" else yaml.safe_load(result.stdout)
    assert [row["rule"] for row in data["routes"]] == ["small", "rest"]
    assert data["routes"][0]["models"] == ["chat"]
    assert {one["name"] for one in data["unreachable"]} == {"llama-8b", "models/llama-8b"}
    assert data["findings"] == []


def test_request_is_explained(values: Path) -> None:
    asked = ("--as", "ada@search", "--model", "chat", "--prompt-bytes", "9000", "--header", "x-tier=gold")

    result = modelfleet("gateway", "-f", "-", "--values", values, *asked, stdin=ALL)

    steps = [line.split("   ", 1) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [what.strip() for step, what in steps if step == "not"] == [
        "rule small: the body must have at most 8000 bytes, found 9000"
    ]
    assert '"ada" of team "search", priority Low, by models/clients' in result.stdout
    assert "decides by its rule rest" in result.stdout
    assert '60 requests a minute per user, here "ada"' in result.stdout
    assert [what.strip() for step, what in steps if step.startswith("try")] == [
        "models/llama-8b",
        "models/llama-8b",
        "api.example.com",
    ]


def test_header_and_size_choose_the_rule(values: Path) -> None:
    asked = ("--as", "ada", "--model", "chat", "--prompt-bytes", "8000", "--header", "X-Tier=gold")

    result = modelfleet("gateway", "-f", "-", "--values", values, *asked, "-o", "json", stdin=ALL)

    assert {"step": "rule", "what": "policy/models/chat decides by its rule small"} in json.loads(result.stdout)[
        "steps"
    ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(("--model", "chat"), "401: this model needs a key", id="nobody"),
        pytest.param(("--model", "unknown", "--as", "ada"), '404: no model is called "unknown"', id="unknown model"),
        pytest.param(("--model", "chat", "--as", "eve", "--prompt-bytes", "99999999999"), "413:", id="too large"),
    ],
)
def test_request_that_is_refused_says_why_and_ends_with_1(values: Path, asked: tuple[str, ...], words: str) -> None:
    result = modelfleet("gateway", "-f", "-", "--values", values, *asked, stdin=ALL)

    assert result.exit_code == 1
    assert words in result.stdout


def test_key_of_another_namespace_does_not_open_the_model(values: Path) -> None:
    moved = SECRET.replace("namespace: models\n", "namespace: other\n", 1)
    mine = SECRET.partition("---\n")[0].replace("ada: " + KEY, "bob: sk-fedcba9876543210")

    result = modelfleet(
        "gateway",
        "-f",
        "-",
        "--values",
        values,
        "--as",
        "ada",
        "--model",
        "chat",
        stdin=f"{FLEET}---\n{POLICY}---\n{moved}---\n{mine}",
    )

    assert "403: the credentials of other/clients do not open this model" in result.stdout


def test_without_secrets_what_policies_name_is_taken_to_exist(values: Path) -> None:
    result = modelfleet(
        "gateway", "-f", "-", "--values", values, "--as", "ada@search", "--model", "chat", stdin=f"{FLEET}---\n{POLICY}"
    )

    assert result.exit_code == 0
    assert "taken to exist: keys of callers in namespace models, Secret models/openai" in result.stderr
    assert "api.example.com" in result.stdout


def test_what_objects_are_told_is_printed_and_ends_with_1() -> None:
    result = modelfleet("gateway", "-f", "-", stdin=ALL)

    assert result.exit_code == 1
    assert "RoutePolicy models/chat: ResolvedRefs=False HostNotAllowed:" in result.stderr


def test_invalid_object_is_told_and_the_others_are_shown() -> None:
    broken = POLICY.replace("name: chat", "name: broken").replace("weight", "w").replace("models: [chat]", "models: []")

    result = modelfleet("gateway", "-f", "-", stdin=f"{FLEET}---\n{broken}")

    assert result.exit_code == 1
    assert "RoutePolicy/broken: spec.models" in result.stderr
    assert "llama-8b" in result.stdout


def test_no_key_is_ever_printed(values: Path) -> None:
    twice = ALL + SECRET.partition("---\n")[0].replace("name: clients", "name: copies").join(("---\n", ""))
    for asked in ((), ("-o", "json"), ("-o", "yaml"), ("--model", "chat", "--as", "ada")):
        result = modelfleet("gateway", "-f", "-", "--values", values, *asked, stdin=twice)

        assert "DuplicateKey" in result.stderr
        assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_static_bootstrap_has_stand_ins_for_keys_and_needs_no_operator(values: Path, output: str) -> None:
    result = modelfleet("gateway", "-f", "-", "--values", values, "--envoy-bootstrap", "-o", output, stdin=ALL)

    bootstrap = json.loads(result.stdout) if output == "json" else yaml.safe_load(result.stdout)
    clusters = {cluster["name"] for cluster in bootstrap["static_resources"]["clusters"]}
    assert result.exit_code == 0
    assert clusters >= {"models/llama-8b", "operator-api", "gateway"}
    assert "not-shown-1" in result.stdout
    assert KEY not in result.stdout
    assert "gateway-tls" not in result.stdout


@pytest.mark.parametrize("header", ["x-tier", "=gold"])
def test_header_must_have_a_name_and_a_value(header: str) -> None:
    result = modelfleet("gateway", "-f", "-", "--model", "chat", "--header", header, stdin=ALL)

    assert result.exit_code == 2
    assert "must be NAME=VALUE" in result.stderr


def test_values_of_the_chart_are_understood(tmp_path: Path) -> None:
    chart = tmp_path / "values.yaml"
    chart.write_text("gateway: {auth: {required: false}, external: {allowedHosts: [api.example.com]}}\n")

    result = modelfleet("gateway", "-f", "-", "--values", chart, "--model", "llama-8b", stdin=f"{FLEET}---\n{SECRET}")

    assert result.exit_code == 0
    assert "or no credentials" in result.stdout


def test_cluster_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    result = modelfleet("gateway", "--kubeconfig", tmp_path / "missing")

    assert result.exit_code == 1
    assert "no API server to connect to" in result.stderr
