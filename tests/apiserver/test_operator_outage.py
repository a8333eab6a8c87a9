"""The API server goes away and comes back: the operator lives through it, and misses nothing."""

from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.namespace import Namespace, template
from tests.apiserver.operator_process import Operator, Operators
from tests.apiserver.proxy import proxy
from tests.apiserver.waiting import eventually

IMPATIENT = """
from modelfleet.controller.watch import embedded
embedded.INACTIVITY_SECONDS = 2.0
"""
"""An operator that takes a silent watch for dead after seconds, rather than after the minute between bookmarks."""

REFUSED = {"hardware": {"accelerator": "unheard-of"}}
"""A fleet about which an operator asks the API server nothing."""
PROMPT_SECONDS = 5


def test_operator_outlives_the_api_server(namespace: Namespace, operator: Operator, plane: ControlPlane) -> None:
    namespace.fleet("before")
    namespace.fleet("asleep", replicas=0)
    namespace.await_deployment("before")
    namespace.await_deployment("asleep")

    plane.kill()
    operator.await_word("no longer leading")
    health = operator.get("/healthz"), operator.get("/readyz")
    plane.start()
    namespace.fleet("meanwhile")
    namespace.edit("before", engine={"maxModelLen": 4096})
    namespace.delete("Service", "asleep")

    namespace.await_deployment("meanwhile", replicas=1)
    eventually(lambda: "4096" in template(namespace.get("Deployment", "before"))["args"], "the new argument")
    eventually(lambda: namespace.find("Service", "asleep"), "the Service is back")
    namespace.await_report("meanwhile")
    assert [answer.status_code for answer in health] == [200, 200]
    assert operator.process.poll() is None


def test_operator_learns_what_it_missed_while_it_was_cut_off(
    namespace: Namespace, nobody: Operators, plane: ControlPlane
) -> None:
    with proxy(plane.connection.server) as way:
        operator = nobody.start(server=way.address)
        operator.await_leading()
        for name in ("changed", "deleted", "robbed"):
            namespace.fleet(name)
            namespace.await_deployment(name)

        way.cut()
        namespace.fleet("made")
        namespace.edit("changed", replicas=3)
        namespace.delete("ModelDeployment", "deleted")
        namespace.delete("Service", "robbed")
        way.mend()

        namespace.await_deployment("made", replicas=1)
        namespace.await_deployment("changed", replicas=3)
        eventually(lambda: namespace.find("Service", "robbed"), "the Service is back")
        known = "modelfleet_cache_objects"
        eventually(lambda: operator.metric(known, resource="modeldeployments") == 3, "three fleets are known")
        assert operator.process.poll() is None
        way.cut()
        assert operator.stop() < PROMPT_SECONDS
        assert operator.process.returncode == 0


def test_operator_notices_watches_that_fell_silent(
    namespace: Namespace, nobody: Operators, plane: ControlPlane
) -> None:
    with proxy(plane.connection.server) as way:
        operator = nobody.start(server=way.address, prelude=IMPATIENT, read_only=True)
        operator.await_ready()
        namespace.fleet("early", **REFUSED)
        await_report_on(operator, "early")

        way.fall_silent()
        namespace.fleet("late", **REFUSED)

        await_report_on(operator, "late")
        operator.stop()


def test_operator_that_never_reached_anybody_ends_when_it_is_told(nobody: Operators, plane: ControlPlane) -> None:
    with proxy(plane.connection.server) as way:
        way.cut()
        operator = nobody.start(server=way.address)
        operator.await_word("serving health and metrics")

        not_ready = operator.get("/readyz")
        seconds = operator.stop()

        assert (not_ready.status_code, not_ready.text) == (503, "caches: not everything was listed yet\n")
        assert operator.process.returncode == 0
        assert seconds < PROMPT_SECONDS


def await_report_on(operator: Operator, name: str) -> None:
    """Return once a read-only operator has said what it would report on a fleet."""
    said = "would report"
    eventually(lambda: name in {record["object"] for record in operator.said(said)}, f"a report on {name}")
