"""What operators tell a server that runs: to drain, to read its configuration again; and whether it is ready."""

from __future__ import annotations

import pytest

from cometary.doors.control.operations import ReadinessEndpoint
from cometary.doors.door import Operations
from cometary.errors import ConfigError
from cometary.server.reloading import Reloaded
from cometary.transport.http.exchange import Exchange
from tests.doors.control.answered import Answered
from tests.protocol.client import Recorder, World, serving


async def readiness(world: World) -> tuple[int, object]:
    answer = await (await world.connect(control=True)).get("/readyz")
    return answer.status, answer.body


async def test_a_server_that_drains_is_not_ready_and_tells_all_sessions_to_come_back() -> None:
    recorder = Recorder()
    async with serving(recorder.app, drain=10) as world:
        client = await world.open()
        held = await client.hold()
        assert await readiness(world) == (200, {"status": "ready"})
        control = await world.connect(control=True)
        await control.request("POST", "/drain", data=b"")
        assert (await control.answer()).body == {"sessions": 1}
        answer = await held.answer()
        assert answer.error == (410, "session-ended")
        assert answer.body["reason"] == "shutdown"
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert [reason for reason, _ in recorder.ended] == ["shutdown"]
        assert await readiness(world) == (503, {"status": "draining"})
        assert (await (await world.connect()).ask({"rid": 1})).error == (503, "shutting-down")
        assert (await control.get("/healthz")).status == 200


async def test_to_drain_again_changes_nothing() -> None:
    async with serving() as world:
        await world.open()
        control = await world.connect(control=True)
        for _ in range(2):
            assert (await control.ask({}, path="/drain")).status == 200
            await world.settle()
        assert (await control.ask({}, path="/drain")).body == {"sessions": 0}


async def test_who_asks_whether_it_is_ready_needs_no_secret() -> None:
    async with serving(secret="master") as world:
        assert await readiness(world) == (200, {"status": "ready"})
        control = await world.connect(control=True)
        for path in ("/drain", "/reload"):
            assert (await control.ask({}, path=path)).error == (401, "unauthorized")


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_it_is_not_ready_before_all_of_it_runs_nor_while_it_stops(state: str) -> None:
    answered = Answered()
    exchange = Exchange("GET", "/readyz", b"", {})
    exchange.arrive(answered, "127.0.0.1")
    ReadinessEndpoint(Operations(dict, int, lambda: state))(exchange)
    assert (answered.status, answered.body) == (503, f'{{"status":"{state}"}}'.encode())


async def test_without_a_configuration_to_read_only_the_files_of_tls_are() -> None:
    async with serving() as world:
        answer = await (await world.connect(control=True)).ask({}, path="/reload")
        assert answer.body == {"changed": [], "restart": [], "certificate": False}


async def test_what_is_wrong_with_the_configuration_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> Reloaded:
        raise ConfigError("cometary.toml: prot", "there is no such option; did you mean port?")

    monkeypatch.setattr("cometary.server.reloading.Reloading.reload", refuse)
    async with serving() as world:
        answer = await (await world.connect(control=True)).ask({}, path="/reload")
    assert answer.error == (400, "bad-request")
    assert "cometary.toml: prot: there is no such option; did you mean port?" in answer.body["detail"]
