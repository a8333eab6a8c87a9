import time
from e2e.lab import audit
from tests.apiserver.test_operator_leadership import pair, survivors, CROWD, written_twice, eventually
import pytest
@pytest.mark.parametrize("n", range(8))
def test_rv(namespace, pair, plane, n):
    mark = audit.position(plane.audit_log)
    names = [f"fleet-{number}" for number in range(CROWD)]
    for name in names: namespace.fleet(name)
    eventually(lambda: namespace.find("Deployment", names[0]), "x")
    pair.leader.kill()
    pair.follower.await_leading()
    for name in names:
        namespace.await_deployment(name, replicas=1); namespace.await_report(name)
    writes = audit.writes(plane.audit_log, after=mark)
    tw = written_twice(writes)
    print("USERS", pair.users, "TWICE", tw)
    for (r, nme) in list(tw)[:3]:
        for w in writes:
            if w.resource==r and w.name==nme: print(w)
