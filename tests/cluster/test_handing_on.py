"""Who says of a session that it is somewhere else now learns whether whoever has it has begun."""

from __future__ import annotations

import httpx
import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.cluster.local import LocalEngine, SharedState
from cometary.dispatch.members import Members
from tests.cluster.nodes import Application, cluster, node, until

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")


@pytest.mark.parametrize("stops", [True, False], ids=["its node stops", "another node has adopted it"])
async def test_a_session_that_goes_on_elsewhere_was_handed_on_if_its_node_stops(
    monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    left = list[tuple[str, bool]]()

    def leave(_: Members, path: str, name: str, *, handed_on: bool = False) -> bool:
        del name
        left.append((path, handed_on))
        return False

    monkeypatch.setattr(Members, "leave", leave)
    engine = LocalEngine(SharedState(), "a", lease=30)
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        application = Application()
        application.app.path("room", presence=True)
        server = await node(nursery, engine, application.app)
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        [session] = application.sessions.values()
        session.connect("room")
        await wait_all_tasks_blocked(0.05)
        if stops:
            server.running.stop()
        else:
            await engine.adopt(opened["sid"], 1)
            session.send("tick", 1)
        await until(lambda: left)
        assert left == [("room", stops)]
