"""The gateway, as its clients meet it and as the platform team looks into it."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import anthropic
import httpx
import openai

from e2e.cluster import Json, Namespace, eventually, name_of, ready
from e2e.installation import OPERATOR_NAMESPACE
from e2e.lab import Lab

API_VERSION = "modelfleet.dev/v1alpha1"
CHAT = "/v1/chat/completions"
DEPLOYMENT = "modelfleet-gateway"
GATEWAYS = "app.kubernetes.io/component=gateway"
HEALTH_PORT = 8081
OK = 200
TIMEOUT_SECONDS = 60
PROGRAMMED_SECONDS = 30
MESSAGES = [{"role": "user", "content": "ping"}]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway of a lab, asked by who has a key of *namespace*."""

    namespace: Namespace

    @property
    def lab(self) -> Lab:
        """The lab it runs in."""
        return self.namespace.lab

    @property
    def key(self) -> str:
        """The key of the user "tester", in the Secret that `keys` returns; 16 characters are the least."""
        return f"key-of-tester-in-{self.namespace.name}"

    @property
    def home(self) -> Namespace:
        """The namespace its pods run in."""
        return Namespace(self.lab, OPERATOR_NAMESPACE)

    @property
    def origin(self) -> str:
        """The URL of its Service without a path, by address: the lab's DNS is not the test's."""
        return f"http://{self.home.get('services', DEPLOYMENT)['spec']['clusterIP']}"

    def pods(self) -> list[Json]:
        """Return its pods, those that are going left out."""
        pods = self.home.find_all("pods", selector=GATEWAYS)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def are_ready(self, count: int = 2) -> bool:
        """Return whether *count* pods exist, all of them Ready."""
        pods = self.pods()
        return len(pods) == count and all(map(ready, pods))

    def ask(
        self,
        model: str,
        *,
        key: str | None = "",
        path: str = CHAT,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        """Return the answer to one request, for a short chat completion if nothing else is said; None shows no key."""
        content = {"model": model, "messages": MESSAGES, "max_tokens": 4, **body}
        return self.send("POST", path, key=key, headers=headers, json=content)

    def send(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Return the answer to any request, over a connection of its own."""
        shown = {} if key is None else {"authorization": f"Bearer {key or self.key}"}
        origin = self.origin
        with self.lab.network(), httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as http:
            return http.request(method, origin + path, headers={**shown, **(headers or {})}, **content)

    @contextmanager
    def openai(self, key: str = "", **options: Any) -> Iterator[openai.OpenAI]:
        """Give the official client to the body, which runs where the gateway answers."""
        origin = self.origin
        with self.lab.network(), openai.OpenAI(api_key=key or self.key, base_url=f"{origin}/v1", **options) as client:
            yield client

    @contextmanager
    def anthropic(self, key: str = "", **options: Any) -> Iterator[anthropic.Anthropic]:
        """Give Anthropic's official client to the body, which runs where the gateway answers."""
        origin = self.origin
        with self.lab.network(), anthropic.Anthropic(api_key=key or self.key, base_url=origin, **options) as client:
            yield client

    def statistics(self, pod: Json) -> dict[str, float]:
        """Return a pod's statistics by name and labels, as Prometheus reads them."""
        return metrics(self.lab, pod, HEALTH_PORT, "/stats/prometheus")

    def updates(self) -> dict[str, float]:
        """Return how many updates of its configuration each pod has taken, those of addresses left out."""
        return {name_of(pod): sum(_updates(self.statistics(pod))) for pod in self.pods()}

    def keys(self, team: str = "") -> Json:
        """Return the Secret with `key`, which belongs to *team*."""
        return keys("tester", team=team, tester=self.key)

    def wait_programmed(self, *policies: str) -> None:
        """Wait until every gateway works by the latest generation of RoutePolicies."""
        for policy in policies:
            self._wait_programmed(policy)

    def _wait_programmed(self, policy: str) -> None:
        def is_programmed() -> bool:
            found.append(self.namespace.get("routepolicies", policy))
            condition = condition_of(found[-1], "Programmed")
            generation = found[-1]["metadata"]["generation"]
            return condition.get("status") == "True" and condition["observedGeneration"] == generation

        found: list[Json] = []
        try:
            eventually(is_programmed, seconds=PROGRAMMED_SECONDS, what=f"gateways that work by {policy}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its status was {json.dumps(found[-1].get('status'), indent=1)}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request of a burst came to."""

    status: int
    """0 where there was no answer."""
    body: str
    retry_after: str = ""

    @property
    def fleet(self) -> str:
        """Return who answered: an engine's `model` is its fleet's own name; the whole error where nobody did."""
        return str(json.loads(self.body)["model"]) if self.status == OK else str(self)

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]}"


@dataclass
class Burst:
    """Chat completions asked at once, one for each of *headers*, over connections of their own; ends with the last."""

    gateway: Gateway
    model: str
    headers: Sequence[Mapping[str, str]]
    body: Mapping[str, Any] = field(default_factory=dict)
    """body has fields that differ from those of a short chat completion."""
    answers: list[Answer] = field(default_factory=list)
    """answers are in the order of *headers* once the context has ended."""
    ended: int = 0
    """ended is how many requests have their answer by now."""
    _started: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._url = self.gateway.origin + CHAT
        self._thread = threading.Thread(target=self._run, name="burst")
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Wait for the last answer, which is given up when the body failed."""
        if error:
            with suppress(RuntimeError):  # that the loop is closed: the last answer is there already
                self._loop.call_soon_threadsafe(self._asking.cancel)
        self._thread.join()

    def _run(self) -> None:
        with self.gateway.lab.network(), suppress(asyncio.CancelledError), asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._asking = self._loop.create_task(self._ask_all())
            self._started.set()
            self.answers += self._loop.run_until_complete(self._asking)

    async def _ask_all(self) -> list[Answer]:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        shown = {"Authorization": f"Bearer {self.gateway.key}"}
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=shown) as session:
            return await asyncio.gather(*(self._ask(session, headers) for headers in self.headers))

    async def _ask(self, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> Answer:
        body = {"model": self.model, "messages": MESSAGES, "max_tokens": 4, **self.body}
        try:
            async with session.post(self._url, json=body, headers=headers) as answer:
                self.ended += 1
                return Answer(answer.status, await answer.text(), answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(0, f"{type(error).__name__}: {error}")


def policy(name: str, *rules: Json, models: tuple[str, ...] = (), **spec: Any) -> Json:
    """Return a RoutePolicy for *models*, by default the one called like it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RoutePolicy",
        "metadata": {"name": name},
        "spec": {"models": list(models or (name,)), "rules": list(rules), **spec},
    }


def rule(name: str, *fleets: str, fallback: tuple[Json, ...] = (), **more: Any) -> Json:
    """Return a rule that shares requests among *fleets*, each given as `name` or `name=weight`."""
    shares = [fleet.partition("=") for fleet in fleets]
    backends = [{"modelDeployment": fleet, "weight": int(weight or 1)} for fleet, _, weight in shares]
    return {"name": name, "backends": backends, "fallback": list(fallback), **more}


def keys(name: str, *, team: str = "", labels: Mapping[str, str] | None = None, **users: str) -> Json:
    """Return a Secret with the key of each user."""
    said = {"modelfleet.dev/team": team} if team else {}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "modelfleet.dev/api-keys",
        "metadata": {"name": name, "labels": {**said, **(labels or {})}},
        "stringData": users,
    }


def condition_of(thing: Json, kind: str) -> Json:
    """Return an object's condition, empty while there is none."""
    conditions = thing.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _updates(statistics: Mapping[str, float]) -> Iterator[float]:
    """Yield the updates of each kind; the marker of a version, which goes before those of addresses too, is runtime."""
    for name, value in statistics.items():
        if "update_success" in name and not name.startswith(("envoy_cluster_update", "envoy_runtime_update")):
            yield value


def metrics(lab: Lab, pod: Json, port: int, path: str = "/metrics") -> dict[str, float]:
    """Return the samples of a pod's page for Prometheus, by name and labels; empty while nobody answers in time."""
    url = f"http://{pod['status'].get('podIP')}:{port}{path}"
    found = lab.run_in(["curl", "--silent", "--max-time", "5", url], check=False)
    page = "" if found.returncode else found.stdout
    lines = (line.rpartition(" ") for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def running(namespace: Namespace, fleet: str) -> float:
    """Return how many requests the engines of a fleet work on."""
    pages = [metrics(namespace.lab, pod, 8000) for pod in namespace.pods(fleet)]
    return sum(value for page in pages for name, value in page.items() if name.startswith("vllm:num_requests_running"))


def seconds_since(moment: float) -> float:
    """Return the seconds since *moment* of the monotonic clock."""
    return time.monotonic() - moment
