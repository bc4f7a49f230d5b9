"""What becomes of who looks for a session that is not here: who has it, who is gone, and whether this process stops."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.cluster.items import SIGN_ON
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.record import opened
from cometary.cluster.recording import LONGEST_SID, PATIENCE, Recording
from cometary.errors import ProtocolError
from cometary.sessions import SessionManager
from cometary.sessions.directory import Directory
from cometary.sessions.ids import new_sid, nobodys_sid, tag_of_node
from cometary.sessions.room import Room

SID = "x" * 28


class Process:
    """Process `a`, whose manager is a stand-in that has room for all sessions, and its neighbour `b`.

    Args:
        nursery: runs what is to run beside.
        monkeypatch: has adopted sessions noted, without actors.
    """

    def __init__(self, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
        shared = SharedState()
        self.a, self.b = LocalEngine(shared, "a", lease=5), LocalEngine(shared, "b", lease=5)
        self.directory = Directory(60)
        self.manager = SimpleNamespace(
            directory=self.directory, shutting_down=False, find_room=lambda: None, room=Room()
        )
        self.recording = Recording(self.a, cast("SessionManager", self.manager), nursery.start_soon)
        monkeypatch.setattr(self.recording, "_take_over", self._take_over)
        self.told: list[Any] = []

    def _take_over(self, sid: str, record: Any) -> None:
        self.told.append(("adopted", record.generation))
        self.directory.living[sid] = cast("Any", SimpleNamespace(recorder=None))

    async def adopts(self, sid: str, generation: int) -> None:
        """Adopt a session, in the place of `Recording._adopt`."""
        await trio.lowlevel.checkpoint()
        self._take_over(sid, SimpleNamespace(generation=generation + 1))

    async def join(self, owner: str) -> None:
        """Have both there, and a session at one of them."""
        await self.b.join("b:1")
        await self.a.join("a:1")
        await self.a.open(SID, opened(owner, 1, SIGN_ON, ()))

    async def seek(self, sid: str = SID) -> Any:
        """Look for a session; returns what is told."""
        told, come = list[Any](), trio.Event()

        def tell(what: object) -> None:
            told.append(getattr(what, "condition", what))
            come.set()

        self.recording.seek(sid, lambda: tell("here"), tell, tell)
        await come.wait()
        return told.pop()


@pytest.fixture
async def process(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(nursery, monkeypatch)


async def test_who_can_forward_is_told_which_node_has_it(process: Process) -> None:
    await process.join("b")
    process.recording.reaches = lambda node: node == "b"
    assert await process.seek() == "b"
    assert process.told == []


async def test_who_cannot_waits_until_its_lease_has_run_out(
    process: Process, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    del autojump_clock
    await process.join("b")
    nursery.start_soon(process.a.run)  # it goes on hearing of its neighbours
    began = trio.current_time()
    assert await process.seek() == "here"
    assert 4.9 < trio.current_time() - began < 5.5


async def test_who_cannot_waits_no_longer_than_there_is_patience(
    process: Process, autojump_clock: MockClock
) -> None:
    del autojump_clock
    await process.join("b")

    def alive(node: str) -> bool:
        return bool(node)

    process.a.alive = alive
    began = trio.current_time()
    assert await process.seek() == "shutting-down"
    assert trio.current_time() - began == pytest.approx(PATIENCE, abs=0.2)


async def test_those_who_wait_until_a_node_has_gone_do_not_ask_the_engine_all_the_time(
    process: Process, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    del autojump_clock
    asked, told = Counter[str](), list[Any]()

    async def owner(sid: str) -> tuple[str, int]:
        await trio.lowlevel.checkpoint()
        asked[sid] += 1
        return "b", 1

    async def seek(sid: str) -> None:
        told.append(await process.seek(sid))

    await process.join("b")
    monkeypatch.setattr(process.a, "owner", owner)
    monkeypatch.setattr(process.a, "alive", bool)
    for number in range(20):
        nursery.start_soon(seek, f"{number:028}")
    await trio.sleep(2.5)
    assert set(asked.values()) == {3}, "each once a second"
    began = trio.current_time()
    monkeypatch.setattr(process.recording, "has_gone", bool)
    monkeypatch.setattr(process.recording, "_adopt", process.adopts)
    while len(told) < 20:  # noqa: ASYNC110 - it tells nobody
        await trio.sleep(0.01)
    assert told == ["here"] * 20
    assert trio.current_time() - began < 0.2, "all at once, when it has gone"


async def test_a_node_whose_address_refuses_connections_is_gone_before_its_lease_has_run_out(
    process: Process,
) -> None:
    await process.join("b")
    process.recording.reaches = lambda _: False
    process.recording.has_gone = lambda node: node == "b"
    began = trio.current_time()
    assert await process.seek() == "here"
    assert trio.current_time() - began < 1
    assert process.told == [("adopted", 2)]


async def test_what_nobody_has_is_unknown(process: Process) -> None:
    await process.join("b")
    assert await process.seek("y" * 28) == "unknown-session"


@pytest.mark.parametrize(
    "sid",
    ["}" + "a" * 23, "{" + "a" * 27, "a" * 23 + "\n", " " * 24, "é" * 24, "a" * 23, "a" * (LONGEST_SID + 1)],
)
async def test_the_engine_is_not_asked_for_what_is_no_id(process: Process, sid: str) -> None:
    told = list[object]()
    assert not process.recording.seek(sid, pytest.fail, told.append)
    assert told == []


@pytest.mark.parametrize(
    "sid",
    [new_sid(), new_sid() + tag_of_node("b"), nobodys_sid("A")],
    ids=["without a tag", "with a tag", "nobody's"],
)
async def test_it_is_asked_for_what_may_be_one(process: Process, sid: str) -> None:
    await process.join("b")
    assert await process.seek(sid) == "unknown-session"


async def test_a_process_that_stops_adopts_nothing_and_says_so(process: Process) -> None:
    await process.join("a")
    process.manager.shutting_down = True
    assert await process.seek() == ""


async def test_a_process_that_stops_sends_nobody_to_others_while_calls_of_its_sessions_are_under_way(
    process: Process, autojump_clock: MockClock
) -> None:
    del autojump_clock
    await process.join("a")
    process.manager.shutting_down = True
    process.directory.living["y" * 28] = cast("Any", SimpleNamespace(recorder="one"))

    async def let_go() -> None:
        await trio.sleep(1)
        del process.directory.living["y" * 28]

    async with trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(let_go)
        assert await process.seek() == ""
        assert trio.current_time() - began >= 1
    assert process.told == []


async def test_while_a_call_is_under_way_in_a_process_that_stops_those_who_look_for_sessions_ask_nobody_again(
    process: Process, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    del autojump_clock
    asked = list[str]()

    async def owner(sid: str) -> tuple[str, int]:
        await trio.lowlevel.checkpoint()
        asked.append(sid)
        return "a", 1

    monkeypatch.setattr(process.a, "owner", owner)
    process.manager.shutting_down = True
    process.directory.living["y" * 28] = cast("Any", SimpleNamespace(recorder="one"))
    told, sought = list[Any](), [f"{number:028}" for number in range(20)]

    async def seek(sid: str) -> None:
        told.append(await process.seek(sid))

    for sid in sought:
        nursery.start_soon(seek, sid)
    await trio.sleep(3)
    assert not told
    assert sorted(asked) == sought
    del process.directory.living["y" * 28]
    await trio.sleep(0.1)
    assert told == [""] * 20
    assert sorted(asked) == sorted(sought * 2), "another process may have adopted them meanwhile"


async def test_a_process_goes_on_with_the_sessions_of_the_one_that_had_its_name(process: Process) -> None:
    await process.join("a")
    process.recording.take_back()
    await wait_all_tasks_blocked()
    assert process.told == [("adopted", 2)]
    process.recording.take_back()  # they are here
    await wait_all_tasks_blocked()
    assert len(process.told) == 1


async def test_who_asks_for_a_session_that_was_to_be_adopted_unasked_is_told_which_node_was_faster(
    process: Process, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    await process.join("b")
    process.recording.reaches = lambda node: node == "b"
    owner, asked = process.a.owner, trio.Event()

    async def slow_owner(sid: str) -> tuple[str, int] | None:
        await asked.wait()
        return await owner(sid)

    monkeypatch.setattr(process.a, "owner", slow_owner)
    nursery.start_soon(process.recording._inherit, SID, "c")
    await wait_all_tasks_blocked()
    told = list[Any]()

    async def seek() -> None:
        told.append(await process.seek())

    nursery.start_soon(seek)
    await wait_all_tasks_blocked()
    asked.set()
    await wait_all_tasks_blocked()
    assert told == ["b"]


async def test_what_a_process_cannot_adopt_any_more_since_it_stops_another_one_adopts(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    await process.join("b")
    process.recording.has_gone = lambda node: node == "b"

    def stops(sid: str, record: object) -> None:
        del sid, record
        process.manager.shutting_down = True
        raise ProtocolError("shutting-down", "the server is stopping")

    monkeypatch.setattr(process.recording, "_take_over", stops)
    assert await process.seek() == ""


async def test_the_sessions_of_a_node_that_is_there_again_are_not_forgotten(process: Process) -> None:
    await process.join("a")
    forgotten = list[str]()

    async def forget(node: str) -> None:
        await trio.lowlevel.checkpoint()
        forgotten.append(node)

    cast("Any", process.a).forget_node = forget
    await process.recording._inheritance._take_over_from("b")
    assert forgotten == []
    await process.recording._inheritance._take_over_from("c")
    assert forgotten == ["c"]


async def test_a_node_that_has_gone_is_settled_only_once_somebody_has_each_of_its_sessions(
    process: Process, nursery: trio.Nursery, autojump_clock: object
) -> None:
    prevented = True

    def find_room() -> None:
        if prevented:
            raise ProtocolError("server-full", "no room", retry_after=1)

    process.manager.find_room = find_room
    await process.join("b")
    nursery.start_soon(process.a.run)
    assert not process.recording.has_settled("b"), "it is there"
    while process.a.alive("b"):
        assert not process.recording.has_settled("b")
        await trio.sleep(0.1)
    assert not process.recording.has_settled("b"), "that is noticed later"
    await trio.sleep(12)
    assert not process.recording.has_settled("b"), "the session has been adopted by nobody"
    prevented = False
    await trio.sleep(5)
    assert process.told == [("adopted", 2)]
    assert process.recording.has_settled("b")
