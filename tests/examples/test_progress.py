"""The example of a job that says how far it is."""

from __future__ import annotations

from cometary import Connector
from examples.progress import work
from tests.examples.sessions import ClientSession
from tests.servers import running_server


def test_who_waits_for_a_job_hears_how_far_it_is_and_that_it_is_done() -> None:
    with running_server("") as server, ClientSession(server.comet) as session:
        with Connector(server.control) as connector:
            connector.connect(session.sid, ["process/7"])
        work(server.control, "process/7")
        heard = session.hear()
        assert {path for path, _ in heard} == {"process/7"}
        while not (isinstance(heard[-1][1], dict) and "done" in heard[-1][1]):
            heard += session.hear()
        assert heard[-1][1] == {"progress": 1, "text": "step 999 of 1000", "done": True}
        assert len(heard) < 10
