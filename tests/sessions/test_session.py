"""A session as handlers see it: what it sends, and how; what it may be told, and what it says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from threading import Thread
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import current_system, system
from cometary.app import App
from cometary.errors import AskError, UsageError
from cometary.packets.patterns import NO_GRANTS
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Admission, Packet, Session, SessionManager
from cometary.sessions.lease import admit
from tests.sessions.house import Visitor, echoing, hosting


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(echoing()) as manager:
        yield manager


@pytest.fixture
def session(manager: SessionManager) -> Session:
    return Session(manager.open(1), manager.hub)


@pytest.mark.parametrize("terms", [{}, {"ttl": 5.0}, {"key": "k"}, {"receipt": "r"}])
async def test_what_is_sent_on_terms_of_its_own_is_tracked_and_nothing_else(
    session: Session, terms: dict[str, Any]
) -> None:
    session.send("a", 1, **terms)
    await wait_all_tasks_blocked()
    [packet] = session._keeper.machine.outbox.packets
    if terms:
        assert isinstance(packet, TrackedPacket)
        assert {name: getattr(packet, name) for name in terms} == terms
    else:
        assert type(packet) is Packet


async def test_what_a_plain_handler_sends_goes_out_in_one_piece(manager: SessionManager) -> None:
    request = await Visitor(manager).ask(Packet("echo", 1), Packet("echo", 2))
    assert [packet.message for packet in request.got[1]] == [1, 2]


async def test_a_handler_may_send_from_another_thread() -> None:
    app = App()

    @app.packet("ask")
    def send_from_a_thread(session: Session, path: str, message: object) -> None:
        thread = Thread(target=session.send, args=("from a thread", message))
        thread.start()
        thread.join()

    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        request = await visitor.ask(Packet("ask", 1))
        visitor.take(request)
        assert visitor.got == [("from a thread", 1)]


async def test_a_question_is_answered_by_its_client(manager: SessionManager) -> None:
    visitor, answers = Visitor(manager), list[Any]()

    async def ask() -> None:
        answers.append(await Session(visitor.keeper, manager.hub).ask("question", "what"))

    current_system().start_soon(ask)
    await wait_all_tasks_blocked()
    request = await visitor.ask()
    [question] = request.got[1]
    assert (question.path, question.message) == ("question", "what")
    assert question.extra is not None
    manager.hub.answered(visitor.keeper, {"ask": question.extra["ask"], "value": 7})
    await wait_all_tasks_blocked()
    assert answers == [7]


@pytest.mark.parametrize(("wish", "seconds"), [({}, 10), ({"timeout": 2}, 2)])
async def test_a_question_that_has_no_answer_in_time_is_nobody_s_fault(
    session: Session, autojump_clock: MockClock, wish: dict[str, float], seconds: float
) -> None:
    before = trio.current_time()
    with pytest.raises(AskError) as raised:
        await session.ask("question", **wish)
    assert trio.current_time() - before == pytest.approx(seconds)
    assert (raised.value.fault, raised.value.condition) == ("nobody", "timeout")


async def test_who_is_on_a_path_is_told_where_it_is_heard(session: Session) -> None:
    with pytest.raises(UsageError):
        session.presence("news", 5)
    session.connect("news")
    assert session.presence("news", 5) == {"count": 0, "members": []}


async def test_paths_are_texts(session: Session) -> None:
    paths: Any = ("news", 7)
    with pytest.raises(UsageError, match=r"session\.connect"):
        session.connect(*paths)
    with pytest.raises(UsageError, match=r"session\.disconnect"):
        session.disconnect(*paths)
    assert session.paths == []


async def test_what_a_client_may_hear_is_what_its_token_names(session: Session) -> None:
    assert session.granted is NO_GRANTS
    admit(session._keeper, Admission({}, None, ["news"]), 1.0)
    assert session.granted.texts == ["news"]
