"""A thousand malformed requests leave nothing behind; `make fuzz` sends a hundred times as many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import cast

import pytest

from tests.fuzzing.attack import Findings, answer, attack, case
from tests.fuzzing.bystander import post
from tests.fuzzing.campaign import Result, campaign
from tests.fuzzing.corpus import corpus
from tests.fuzzing.mutations import mutate
from tests.fuzzing.sessions import OPEN
from tests.fuzzing.target import RECOVERY, Footprint, Target, target


@pytest.fixture
def attacked() -> Iterator[Target]:
    with target() as running:
        yield running


async def test_a_thousand_malformed_requests_leave_nothing_behind(attacked: Target) -> None:
    result = await campaign(attacked, seed=2, malformed=1_000)
    assert result.faults == []
    assert result.findings.malformed >= 1_000
    assert len(result.findings.outcomes) > 8, "they do not get far"
    assert result.findings.exchanged > 0
    assert result.findings.heard > 1_000, "nobody shouts"
    assert result.findings.longest > 0


async def test_so_do_malformed_requests_on_other_wires(attacked: Target) -> None:
    for wire in sorted(OPEN.keys() - {"comet", "control"}):
        findings = Findings()
        await attack(attacked.ports, seed=3, malformed=60, findings=findings, wire=wire)
        assert findings.faults == []
        assert len(findings.outcomes) > 3, "they do not get far"
    assert attacked.logged() == ""


async def test_no_pause_keeps_a_session_of_bosh_beyond_a_campaign(attacked: Target) -> None:
    pause = next(entry for entry in corpus() if entry.name == "bosh/ok/pause.http")
    beyond = pause.content.replace(b"pause='10'", b"pause='%d'" % RECOVERY)
    assert beyond != pause.content
    answers = [
        await answer(attacked.ports, pause, content, await OPEN["bosh"](attacked.ports.comet))
        for content in (pause.content, beyond)
    ]
    assert answers == ["ok", "bad-request"]


async def test_workers_end_their_sessions_of_bosh(attacked: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    open_one = OPEN["bosh"]

    async def opening(port: int) -> bytes:
        opened.append(await open_one(port))
        return opened[-1]

    monkeypatch.setitem(cast("dict[str, object]", OPEN), "bosh", opening)
    await attack(attacked.ports, seed=3, malformed=20, findings=Findings(), wire="bosh")
    pause = next(entry for entry in corpus() if entry.name == "bosh/ok/pause.http")
    answers = {await answer(attacked.ports, pause, pause.content, sid) for sid in opened}
    assert answers == {"item-not-found"}


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    assert [case(1, number) for number in range(50)] == [case(1, number) for number in range(50)]
    assert case(1, 0) != case(2, 0)


def test_some_cases_are_as_costly_as_they_can_be() -> None:
    cases = [case(1, number) for number in range(2_000)]
    bodies = [content for _, content in cases if len(content) > 200_000]
    assert 1 <= len(bodies) <= 40
    assert {entry.interface for entry, content in cases if content in bodies} == {"comet", "control"}


async def test_a_handler_that_crashes_is_found(attacked: Target) -> None:
    sid = (await post(attacked.ports.comet, {"rid": 1}))["sid"]
    packet = {"path": "count", "message": "no number"}  # the one handler that does not check what it gets
    await post(attacked.ports.comet, {"sid": sid, "rid": 2, "packets": [packet]})
    assert "Traceback" in attacked.logged()


def test_what_an_attack_leaves_behind_is_found() -> None:
    before = Footprint(descriptors=10, memory=50_000_000, sessions=0)
    after = Footprint(descriptors=11, memory=90_000_000, sessions=1)
    some = Findings(Counter({"bad-request": 1}), exchanged=1)
    result = Result(some, before, after, log="Traceback", healthy=False, seconds=1)
    assert len(result.faults) == 5
    assert Result(some, before, before, log="", healthy=True, seconds=1).faults == []


def test_a_campaign_that_has_sent_nothing_has_failed() -> None:
    before = Footprint(descriptors=10, memory=50_000_000, sessions=0)
    result = Result(Findings(), before, before, log="", healthy=True, seconds=1)
    assert result.faults == ["nothing malformed was sent", "the bystanders exchanged nothing"]


async def test_answers_that_no_protocol_has_are_faults(
    attacked: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzzing.answers.CONDITIONS", {})
    findings = Findings()
    await attack(attacked.ports, seed=1, malformed=20, findings=findings)
    assert findings.faults
    assert "case " in findings.faults[0]


def test_mutations_come_in_all_sizes() -> None:
    lengths = {len(mutate(b"abc", "json", [b"other"], Random(number))) for number in range(500)}  # noqa: S311 - seeded
    assert min(lengths) < 3
    assert max(lengths) > 1_000
