"""The first request that the notes tell people to send arrives."""

import re

from charts.generate.files import CHART

from modelfleet.workload.children.service import SERVICE_PORT


def test_the_port_that_is_forwarded_is_the_services() -> None:
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    [(local, remote)] = re.findall(r"port-forward service/\S+ (\d+):(\d+)", notes)

    assert int(remote) == SERVICE_PORT
    assert f"http://127.0.0.1:{local}/v1/" in notes
