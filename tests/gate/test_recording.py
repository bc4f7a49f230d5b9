"""Sessions that are recorded, at the gate: when they begin, and which are looked for that are not here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary import App
from cometary.errors import ElsewhereError, ProtocolError
from cometary.sessions import Admission, Packet, Receipt, SessionKeeper
from cometary.sessions.actor import SessionActor
from cometary.sessions.locator import Elsewhere, Place
from tests.gate.wire import Asks, House, Says, Shown, house

AWAY = ProtocolError("shutting-down", "sessions cannot be recorded for a moment")


class Beside:
    """What a recorded session has beside it."""

    actor = SessionActor
    generation = 3
    handed_on = False

    def sent(self, packet: Packet) -> object:
        return packet

    def connected(self, patterns: Sequence[str], /) -> None: ...

    def disconnected(self, patterns: Sequence[str], /) -> None: ...

    def report(
        self,
        kind: str,
        write: Callable[[str, int], bytes],
        may_wait: Callable[[int], bool] | None,
        /,
    ) -> bool:
        return False

    def has_reported(self, *, end: bool) -> bool:
        return end

    def note_receipt(self, receipt: Receipt, /) -> None: ...

    def leave(self) -> None: ...


class Records:
    """A recording that goes on when it is told to.

    Args:
        finds: whether there can be sessions that are not here.
    """

    def __init__(self, *, finds: bool = True) -> None:
        self.finds = finds
        self.mirrors = False
        self.mirrored = list[bool]()
        self.opened: list[tuple[SessionKeeper, Admission | None]] = []
        self.sought: list[str] = []
        self.go_on: Callable[[], object]
        self.refuse: Callable[[ProtocolError], object]

    def open(
        self,
        keeper: SessionKeeper,
        admission: Admission | None,
        go_on: Callable[[], object],
        refuse: Callable[[ProtocolError], object],
        *,
        mirrored: bool = False,
    ) -> None:
        keeper.recorder = Beside()
        self.mirrored.append(mirrored)
        self.opened.append((keeper, admission))
        self.go_on, self.refuse = go_on, refuse

    def seek(self, sid: str, go_on: Callable[[], object], refuse: Callable[[ProtocolError], object]) -> bool:
        self.sought.append(sid)
        self.go_on, self.refuse = go_on, refuse
        return self.finds


class Resumes(Says):
    """A request whose client can go on with the session elsewhere."""

    resumes = True


def ask(behind: House, shown: Shown | None = None, **options: Any) -> Asks:
    """Ask for a session with which the client can go on elsewhere."""
    opening = Asks(shown or Shown(), **options)
    opening.resumes = True
    behind.gate.open(opening)
    return opening


async def test_a_session_counts_and_is_told_to_its_client_once_it_is_recorded() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        opening = ask(behind, wait=7)
        assert (opening.told, len(behind.manager.directory)) == ([], 0)
        recording.go_on()
        (welcome,) = opening.told
        assert (welcome.wait, welcome.generation) == (7, 3)
        assert behind.manager.find(welcome.sid) is recording.opened[0][0]
        assert await behind.say(welcome.sid, Says(2, close=True)) == [[]]


async def test_the_client_of_a_mirrored_session_is_told_of_no_generation() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        opening = Asks(Shown())
        opening.resumes = opening.mirrored = True
        behind.gate.open(opening)
        recording.go_on()
        (welcome,) = opening.told
        assert (welcome.generation, recording.mirrored) == (None, [True])


async def test_if_it_cannot_be_recorded_there_never_was_a_session() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        opening = ask(behind)
        recording.refuse(AWAY)
        assert (opening.told, len(behind.manager.directory)) == (["shutting-down"], 0)
        assert not behind.gate.knows(recording.opened[0][0].sid)


async def test_where_there_is_no_room_for_a_session_none_is_recorded() -> None:
    recording = Records()
    async with house(recording=recording, max_sessions=1) as behind:
        await behind.open()
        assert ask(behind).told == ["too-many-sessions"]
        assert recording.opened == []


async def test_what_cannot_go_on_elsewhere_is_not_recorded() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        assert (await behind.open()).generation is None
        assert recording.opened == []
    async with house() as behind:
        (welcome,) = ask(behind).told
        assert welcome.generation is None


@pytest.mark.parametrize("guarded", [False, True])
async def test_what_the_authenticator_said_is_recorded_if_it_was_asked(guarded: bool) -> None:
    recording = Records()
    ada = Admission({"user": "ada"}, 60)
    app = App(authenticate=lambda _: ada) if guarded else App()
    async with house(app, recording=recording) as behind:
        ask(behind, Shown("a"))
        [(keeper, known)] = recording.opened
        assert known is (ada if guarded else None)
        recording.go_on()
        assert (keeper.user, keeper.lease is not None) == (("ada", True) if guarded else (None, False))


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_request_waits_for_its_session_and_is_then_the_sessions(guarded: bool) -> None:
    recording = Records()
    app = App(authenticate=lambda _: True) if guarded else App()
    async with house(app, recording=recording) as behind:
        keeper = behind.manager.new_keeper(1, None, None)
        request = Resumes(2, close=True)
        assert await behind.say(keeper.sid, request) == []
        assert recording.sought == [keeper.sid]
        behind.manager.enter(keeper)
        recording.go_on()
        await wait_all_tasks_blocked()
        assert request.told == [[]]


async def test_a_request_is_told_why_its_session_does_not_come() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        request = Resumes(2)
        assert await behind.say("away", request) == []
        recording.refuse(AWAY)
        assert request.told == ["shutting-down"]


async def test_a_session_that_was_found_and_is_not_here_is_not_looked_for_again() -> None:
    recording = Records()
    async with house(recording=recording) as behind:
        request = Resumes(2)
        await behind.say("away", request)
        recording.go_on()
        assert (request.told, recording.sought) == (["unknown-session"], ["away"])


async def test_an_id_that_no_session_can_have_is_unknown_at_once() -> None:
    recording = Records(finds=False)
    async with house(recording=recording) as behind:
        assert await behind.say("none", Resumes(2)) == ["unknown-session"]
        assert recording.sought == ["none"]


class AtAnotherNode:
    """A locator that has every session at another node."""

    def __init__(self, forward: Any = None) -> None:
        self.living: dict[str, SessionKeeper] = {}
        self._forward = forward

    def find(self, sid: str) -> Place:
        return Elsewhere("another", forward=self._forward)


async def test_what_need_not_be_looked_for_is_not() -> None:
    """It has ended, or another node has it, or its client could not go on with it."""
    recording = Records()
    async with house(recording=recording) as behind:
        sid = (await behind.open()).sid
        assert await behind.say(sid, Resumes(2, close=True)) == [[]]
        assert await behind.say(sid, Resumes(3)) == ["session-ended"]
        assert await behind.say("away", Says(2)) == ["unknown-session"]
    async with house(recording=recording, locator=AtAnotherNode()) as behind:
        assert await behind.say("anything", Resumes(2)) == ["unknown-session"]
    async with house() as behind:
        assert await behind.say("away", Resumes(2)) == ["unknown-session"]
    assert recording.sought == []


async def test_a_wire_may_ask_whether_another_node_has_what_it_does_not_know() -> None:
    async with house(locator=AtAnotherNode(forward=print)) as behind:
        with pytest.raises(ElsewhereError) as caught:
            behind.gate.look_elsewhere("anything")
        assert caught.value.forward is print
    async with house() as behind:
        behind.gate.look_elsewhere("nobody")
