"""Progress of a job, against a stand-in server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cometary.connector import Connector
from cometary.errors import UsageError
from tests.connector.stand_in import StandIn


def sent(stand_in: StandIn) -> list[Any]:
    return [json.loads(each.body) for each in stand_in.received]


def test_r27_of_what_a_job_says_the_newest_is_sent_and_then_that_it_is_done(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url) as connector, connector.progress("process/7", every=60) as job:
        while not stand_in.received:
            pass  # until the beginning is told
        for percent in range(100):
            job.update(percent / 100, text=f"{percent} %")
    messages = [each["message"] for each in sent(stand_in)]
    assert {each["path"] for each in sent(stand_in)} == {"process/7"}
    assert messages == [{"progress": 0}, {"progress": 1, "text": "99 %", "done": True}]


def test_a_job_that_fails_says_so(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})

    def fail(connector: Connector) -> None:
        with connector.progress("a") as job:
            job.update(0.5)
            raise LookupError

    with Connector(stand_in.url) as connector, pytest.raises(LookupError):
        fail(connector)
    assert sent(stand_in)[-1]["message"] == {"progress": 0.5, "failed": True}


def test_a_job_does_not_fail_because_the_push_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with Connector("http://127.0.0.1:9") as connector, connector.progress("a", every=0) as job:
        job.update(0.5)
    assert "progress was not sent" in caplog.text


def test_what_nothing_can_carry_is_refused_where_it_is_said(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url) as connector, connector.progress("a") as job:
        with pytest.raises(TypeError):
            job.update(0.5, text=object())
        job.update(0.6)
    assert sent(stand_in)[-1]["message"] == {"progress": 1, "done": True}


def test_what_is_not_a_path_is_refused_at_once() -> None:
    with Connector("http://127.0.0.1:9") as connector, pytest.raises(UsageError):
        connector.progress("")
