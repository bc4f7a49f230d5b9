"""When a client's packets are handed to the application: in rounds, and not while its session is held."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, system
from cometary.app import App
from cometary.packets.receipted import AskedPacket
from cometary.sessions import Packet, Session, SessionManager
from cometary.sessions.flow import CAUSE
from cometary.sessions.keeper import BEHIND, UP_TO_DATE
from cometary.sessions.rounds import MOST_PACKETS, GoOn
from tests.sessions.house import Visitor, hosting


class Deaf(Actor):
    """A dispatcher that comes to no end with what it does, so that the round that runs is the last."""

    async def on_receive(self, message: object) -> None:
        await trio.sleep_forever()


class Aside(Actor):
    """Answers whose packet has brought it about."""

    def on_receive(self, message: object) -> str | None:
        cause = CAUSE.get()
        return None if cause is None else cause.name


@pytest.fixture
def handled() -> list[object]:
    """The messages that handlers were given."""
    return []


@pytest.fixture
async def manager(handled: list[object]) -> AsyncIterator[SessionManager]:
    """One whose first round is its last."""
    app = App()

    @app.packet("plain")
    def note(_session: Session, _path: str, message: object) -> None:
        handled.append(message)

    @app.packet("async")
    async def note_later(_session: Session, _path: str, message: object) -> None:
        handled.append(message)

    @app.packet("crash")
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    async with system(), hosting(app) as manager:
        dispatcher = Deaf.start()
        for _ in range(2):
            dispatcher.tell("what it does, and what waits for that")
        await wait_all_tasks_blocked()
        manager.flow.rounds.attach(dispatcher)
        yield manager
        dispatcher.kill()


def plain(*messages: object) -> list[Packet]:
    return [Packet("plain", message) for message in messages]


def use_up(manager: SessionManager, all_but: int = 0) -> None:
    """Let others have had all packets of the round."""
    for _ in range(MOST_PACKETS - all_but):
        manager.flow.rounds.count()


async def test_a_share_of_a_round_is_for_that_and_no_more_is_handed_over_than_it_has(
    manager: SessionManager, handled: list[object]
) -> None:
    use_up(manager)
    visitor = Visitor(manager)
    await visitor.ask(*plain(1, 2, 3))
    assert (handled, visitor.keeper.waits) == ([], True)
    for share, got in ((2, [1, 2]), (5, [1, 2, 3])):
        visitor.keeper.tell(GoOn(share))
        await wait_all_tasks_blocked()
        assert handled == got
    await visitor.ask(*plain(4))
    assert (handled, visitor.keeper.unhandled) == ([1, 2, 3], 1)


async def test_packets_that_come_together_are_counted_but_for_the_last(
    manager: SessionManager, handled: list[object]
) -> None:
    await Visitor(manager).ask(*plain(*range(MOST_PACKETS)))
    assert len(handled) == MOST_PACKETS
    one, another = Visitor(manager), Visitor(manager)
    await one.ask(*plain("alone"))
    assert handled[MOST_PACKETS:] == ["alone"]
    await another.ask(*plain("with", "another"))
    assert handled[MOST_PACKETS + 1 :] == ["with"]
    assert another.keeper.waits


async def test_a_call_of_an_async_handler_is_counted(manager: SessionManager, handled: list[object]) -> None:
    use_up(manager, all_but=1)
    for path, got in (("plain", [1]), ("async", [1, 1]), ("plain", [1, 1])):
        await Visitor(manager).ask(Packet(path, 1))
        assert handled == got


async def test_nothing_is_handed_over_of_a_client_that_is_behind_until_it_has_caught_up(
    manager: SessionManager, handled: list[object]
) -> None:
    visitor = Visitor(manager)
    keeper = visitor.keeper
    await visitor.ask(*plain(1))
    keeper.lag = BEHIND
    manager.flow.fall_behind(keeper.ref)
    keeper.queue(*plain(2))
    keeper.tell(GoOn(0))
    await wait_all_tasks_blocked()
    assert (handled, keeper.holds) == ([1], 1)
    keeper.lag = UP_TO_DATE
    manager.flow.catch_up(keeper.ref)
    await wait_all_tasks_blocked()
    assert (handled, keeper.holds) == ([1, 2], 0)


async def test_when_the_server_stops_all_is_handed_over_at_once(
    manager: SessionManager, handled: list[object]
) -> None:
    use_up(manager)
    visitor = Visitor(manager)
    await wait_all_tasks_blocked()
    manager.shutting_down = True
    await visitor.ask(*plain(1, 2))
    assert handled == [1, 2]


async def test_a_client_is_told_of_a_packet_on_which_a_handler_has_crashed_if_it_wants_to_know(
    manager: SessionManager,
) -> None:
    visitor = Visitor(manager)
    await visitor.ask(AskedPacket("crash", None, "mine"))
    await visitor.ask()
    assert visitor.got == [("::failed", {"receipt": "mine", "path": "crash"})]


async def test_what_another_actor_does_next_was_not_brought_about_by_a_packet(
    manager: SessionManager, handled: list[object]
) -> None:
    """Else the session would be held for what it has nothing to do with."""
    aside = Aside.start()
    await Visitor(manager).ask(*plain(1))
    assert handled == [1]
    assert await aside.ask("whose is it?") is None
