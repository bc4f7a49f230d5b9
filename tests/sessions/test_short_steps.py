"""Deliveries are made by the short steps, without the machine's table, unless somebody watches the machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import ActorSystem, system
from cometary.app import App
from cometary.sessions import Packet, Session, SessionMachine
from tests.sessions.bench import Asked
from tests.sessions.crash_points import without_short_steps
from tests.sessions.house import Visitor, echoing, hosting

STEPPED = AssertionError("the machine was stepped")

BOTH_WAYS = pytest.mark.parametrize("short_steps", [True, False], ids=["short steps", "the table's steps"])


async def test_a_delivery_does_without_the_table(actor_system: ActorSystem) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        with patch.object(SessionMachine, "step", side_effect=STEPPED):
            for number in range(3):
                manager.hub.post(visitor.keeper, Packet("to one", number))
                await wait_all_tasks_blocked()
                visitor.take(held)
                poll = await visitor.ask()
                held = await visitor.ask(Packet("echo", number))
                visitor.take(poll)
    assert visitor.got == [(path, number) for number in range(3) for path in ("to one", "echo")]


async def test_who_traces_a_session_is_told_of_the_commonest_steps_too(actor_system: ActorSystem) -> None:
    seen: list[str] = []
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await visitor.ask()
        visitor.keeper.machine.observer = lambda _before, event, _after, _actions: seen.append(
            type(event).__name__
        )
        await visitor.ask(Packet("echo"))
    assert seen[:3] == ["Asked", "Packet", "Ready"]


class Failing(Asked):
    """A request whose wire crashes once it has its answer, and the session's actor with it."""

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        super().answer(first_seq, packets)
        raise OSError("the wire has failed")


@BOTH_WAYS
async def test_a_session_waits_for_its_client_from_the_answer_on_that_crashed_its_actor(
    autojump_clock: MockClock, short_steps: bool
) -> None:
    ended: list[float] = []
    app = App()

    @app.signoff
    def note_end(session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        ended.append(trio.current_time())

    steps = nullcontext() if short_steps else without_short_steps()
    with steps:
        async with system(), hosting(app, wait=20, die=10) as manager:
            visitor = Visitor(manager)
            await visitor.make(Failing(2))
            await trio.sleep(5)
            manager.hub.post(visitor.keeper, Packet("news"))
            await wait_all_tasks_blocked()
            last_answer = trio.current_time()
            await trio.sleep(60)
    assert ended == [pytest.approx(last_answer + 10)]


@BOTH_WAYS
async def test_a_request_is_held_as_long_as_any_though_the_release_of_another_has_crashed(
    autojump_clock: MockClock, short_steps: bool
) -> None:
    async with system(), hosting(echoing(), wait=20, die=10) as manager:
        visitor = Visitor(manager)
        await visitor.make(Failing(2))
        await trio.sleep(5)
        with nullcontext() if short_steps else without_short_steps():
            request = await visitor.make(Asked(3, packets=[Packet("quiet")]))
        await trio.sleep(19)
        assert not request.answered
        await trio.sleep(2)
        assert request.got == (0, ())


async def test_a_packet_that_is_handed_over_is_answered_with_before_anybody_has_a_turn(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        manager.posting.hand(visitor.keeper, Packet("news", 1))
        assert held.answered
        manager.posting.post(visitor.keeper, Packet("news", 2))
        manager.posting.hand(visitor.keeper, Packet("news", 3))  # behind the mail that there is
        visitor.take(held)
        await wait_all_tasks_blocked()
        visitor.take(await visitor.ask())
    assert visitor.got == [("news", 1), ("news", 2), ("news", 3)]


async def test_what_is_handed_over_and_crashes_costs_the_session_an_incarnation_and_its_sender_nothing(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await visitor.make(Failing(2))
        life = visitor.keeper.ref.actor_inbox.life
        manager.posting.hand(visitor.keeper, Packet("news"))
        await wait_all_tasks_blocked()
        assert visitor.keeper.ref.actor_inbox.life == life + 1
        assert visitor.keeper.ended is None
