"""A crash at any point of a session's life loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.app import App
from cometary.sessions import Failure, Packet, Session
from tests.sessions.crash_points import InjectedError, Points
from tests.sessions.house import Visitor, hosting

WAIT = 20.0
DIE = 10.0


class Life:
    """The script, and what came of it.

    Args:
        crash_at: the point at which something crashes.
        short_steps: see `Points`.
    """

    def __init__(self, crash_at: int = -1, *, short_steps: bool) -> None:
        self.points = Points(crash_at, short_steps=short_steps)
        self.hooks: list[tuple[Any, ...]] = []
        self.handed: list[int] = []
        self.done: list[int] = []
        self.failures: list[Failure] = []
        self.sent = 0
        self.received: list[int] = []
        self.undelivered: list[int] = []
        self.receipts: list[tuple[str, str]] = []
        self.promised: list[int] = []
        self.pending: list[str] = []

    # -- the application ---------------------------------------------------------------------------

    def app(self) -> App:
        app = App()
        app.signon(self.sign_on)
        app.packet("plain")(self.plain)
        app.packet("slow")(self.slow)
        app.failure(self.failed)
        app.signoff(self.sign_off)
        return app

    def send(self, session: Session, *, receipt: bool = False) -> None:
        self.points.reach("before a packet is sent")
        self.sent += 1
        session.send("down", self.sent, receipt=str(self.sent) if receipt else None)
        self.points.reach("behind a packet that was sent")

    async def sign_on(self, session: Session) -> None:
        self.hooks.append(("signon",))
        await self.rest()
        self.send(session)

    def plain(self, session: Session, _path: str, number: int) -> None:
        self.handed.append(number)
        self.points.reach("the plain handler begins")
        self.send(session)
        self.send(session, receipt=True)
        self.done.append(number)

    async def slow(self, session: Session, _path: str, number: int) -> None:
        self.handed.append(number)
        self.points.reach("the async handler begins")
        self.send(session)
        await self.rest()
        self.send(session, receipt=True)
        await self.rest()
        self.done.append(number)

    async def sign_off(self, _session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        self.hooks.append(("signoff", reason))
        self.undelivered = [packet.message for packet in undelivered]
        await self.rest()

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)
        self.hooks.append(("failure", failure.hook, failure.packet and failure.packet.message))
        self.points.reach("the failure handler begins")

    async def rest(self) -> None:
        self.points.reach("before an await")
        await trio.sleep(0.5)
        self.points.reach("behind an await")

    # -- the client --------------------------------------------------------------------------------

    async def main(self) -> None:
        async with system(), hosting(self.app(), wait=WAIT, die=DIE, requests=2) as manager:
            manager.receipts.subscribe(lambda one: self.receipts.append((one.id, one.outcome)))
            with self.points.watching():
                visitor = Visitor(manager)
                await self.visit(visitor)
                await trio.sleep(WAIT + DIE + 5)
            assert not len(manager.directory), "the session has not ended"
            self.received = [message for _, message in visitor.got]

    async def visit(self, visitor: Visitor) -> None:
        """Speak: packets, a retry of a request, an early one, a poll, and then nothing any more."""
        await trio.sleep(1)  # for the sign-on
        requests = [await visitor.ask(Packet("plain", 1), Packet("slow", 2), Packet("plain", 3))]
        requests.append(await visitor.ask())
        await trio.sleep(0.7)
        requests.append(await visitor.again(requests[0]))
        early = visitor.prepare(2, Packet("slow", 6))
        await visitor.make(early)
        requests += [early, await visitor.ask(Packet("plain", 4), Packet("plain", 5))]
        visitor.skip()
        await trio.sleep(1.2)
        requests.append(await visitor.ask(Packet("plain", 7)))
        await trio.sleep(3)
        requests.append(await visitor.ask())
        await trio.sleep(WAIT + 1)
        for request in requests:
            visitor.take(request)
        self.pending = [str(request) for request in requests if not request.answered]
        self.promised = [packet.message for one in requests if one.answered_well for packet in one.packets]


def live(crash_at: int = -1, *, short_steps: bool) -> Life:
    life = Life(crash_at, short_steps=short_steps)
    trio.run(life.main, clock=MockClock(autojump_threshold=0))
    return life


@cache
def points(*, short_steps: bool) -> tuple[str, ...]:
    return tuple(live(short_steps=short_steps).points.names)


BOTH_WAYS = pytest.mark.parametrize("short_steps", [True, False], ids=["short steps", "the table's steps"])


@BOTH_WAYS
def test_there_are_very_many_points(short_steps: bool) -> None:
    reached = points(short_steps=short_steps)
    assert len(reached) > 120
    assert len(set(reached)) > 20


def test_some_of_them_are_in_short_steps() -> None:
    steps, more = (points(short_steps=way).count("behind the machine's step") for way in (True, False))
    assert steps < more / 2
    assert points(short_steps=True).count("behind an answer") > 4


@BOTH_WAYS
def test_a_life_without_a_crash(short_steps: bool) -> None:
    life = live(short_steps=short_steps)
    assert life.handed == [1, 2, 3, 4, 5, 6, 7]
    assert life.received == list(range(1, life.sent + 1))
    assert [hook for hook, *_ in life.hooks] == ["signon", "signoff"]
    check(life)


@BOTH_WAYS
@pytest.mark.parametrize("part", range(4))
def test_a_crash_at_any_point_loses_and_doubles_nothing(part: int, short_steps: bool) -> None:
    reached = points(short_steps=short_steps)
    for place in range(part, len(reached), 4):
        life = live(place, short_steps=short_steps)
        try:
            assert len(life.points.names) > place, "the point was not reached"
            check(life)
        except AssertionError as error:
            error.add_note(f"with a crash at point {place}: {life.points.names[place]}")
            raise


def check(life: Life) -> None:
    # Up: handed over once and in order, and all that the server has answered for.
    assert life.handed == sorted(set(life.handed))
    assert set(life.promised) <= set(life.handed), "answered for, but not handed over"
    # Down: once and in order; what was not received is undelivered.
    assert life.received == list(range(1, len(life.received) + 1))
    first = life.sent + 1 - len(life.undelivered)
    assert life.undelivered == list(range(first, life.sent + 1))
    assert first <= len(life.received) + 1, "neither received nor undelivered"
    # Each request is answered, each receipt is given once, each hook called once; a failure comes right behind.
    assert not life.pending
    assert len(life.receipts) == len(dict(life.receipts))
    assert [hook for hook, *_ in life.hooks if hook != "failure"] == ["signon", "signoff"]
    assert life.hooks[-1][0] == "signoff" or life.hooks[-1][1] == "signoff"
    failed = [failure.packet.message for failure in life.failures if failure.packet is not None]
    assert sorted(life.done + failed) == life.handed, "each handler returns, or has failed"
    for failure in life.failures:
        assert "InjectedError" in repr(failure.error) or isinstance(failure.error.__cause__, InjectedError)
