"""What handlers send arrives in the order in which they sent it, and does not vanish, crashes or not."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from cometary.actors import ActorSystem
from cometary.app import App
from cometary.errors import ActorEndedError
from cometary.sessions import Failure, Packet, Session
from tests.sessions.house import Visitor, hosting


async def test_what_a_handler_sent_before_it_crashed_comes_before_what_the_next_one_sends(
    actor_system: ActorSystem,
) -> None:
    app = App()

    @app.packet("fatal")
    async def send_and_crash(session: Session, _path: str, _message: object) -> None:
        await trio.sleep(1)
        session.send("from", "the first")
        raise ZeroDivisionError

    @app.packet("harmless")
    def send(session: Session, _path: str, _message: object) -> None:
        session.send("from", "the second")

    async with hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("fatal"), Packet("harmless"))
        await trio.sleep(2)
        await visitor.ask()
    assert [message for _, message in visitor.got] == ["the first", "the second"]


async def test_a_failure_says_what_was_raised_and_of_a_call_that_was_cut_off_that_its_actor_has_ended(
    actor_system: ActorSystem,
) -> None:
    app, failures = App(), list[Failure]()

    @app.packet("crash")
    async def crash(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    @app.packet("stay")
    async def stay(*_: object) -> None:
        await trio.sleep_forever()

    app.failure(failures.append)
    async with hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("crash"), Packet("stay"))
        visitor.keeper.ref.actor_inbox.fail(ValueError("from outside"), None)
        await visitor.ask()
    assert [type(failure.error) for failure in failures] == [ZeroDivisionError, ActorEndedError]


async def test_what_a_handler_sends_that_runs_when_its_session_ends_is_undelivered(
    actor_system: ActorSystem,
) -> None:
    app = App()
    told: list[tuple[str, list[object]]] = []

    @app.packet("slow")
    async def send(session: Session, _path: str, _message: object) -> None:
        session.send("before", 1)
        await trio.sleep(1)
        session.send("after", 2)

    @app.signoff
    def end(session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        told.append((reason, [packet.message for packet in undelivered]))
        session.send("too late", 3)

    async with hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("slow"))
        await visitor.ask(close=True)
        assert not told, "the handler still runs"
        await trio.sleep(2)
        assert told == [("closed", [2])], "the first one was acknowledged"
        assert manager.statistics()["undelivered"] == 2


async def test_what_came_too_early_is_for_the_next_incarnation_when_what_it_waited_for_crashes(
    actor_system: ActorSystem,
) -> None:
    app, calls = App(), list[str]()

    @app.packet("crash")
    def crash(*_: object) -> None:
        calls.append("crash")
        raise ZeroDivisionError

    @app.packet("harmless")
    async def take(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        calls.append("harmless")

    @app.failure
    def note(failure: Failure) -> None:
        calls.append(f"failure: {failure.error!r}")

    async with hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.make(visitor.prepare(2, Packet("harmless")))
        assert calls == []
        await visitor.ask(Packet("crash"))
    assert calls == ["crash", "failure: ZeroDivisionError()", "harmless"]
