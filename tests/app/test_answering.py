"""Questions: what a client asks is answered once, with a value or with whose fault it is that there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.errors import RefusedError
from cometary.packets.packet import Packet
from cometary.packets.question import Question
from cometary.sessions.keeper import SessionKeeper
from tests.dispatch.house import Guest, House, at_home

MAY_FAIL = {
    "error": "internal-error",
    "detail": "The application failed on this; nobody knows how far it came.",
}


class Answers:
    """An application whose handlers answer in every way there is."""

    def __init__(self) -> None:
        self.app = app = App()
        self.calls: list[object] = []
        self.go_on = trio.Event()

        @app.packet("double")
        def double(_session: Session, _path: str, message: int) -> int:
            return 2 * message

        @app.packet("slow")
        async def slow(_session: Session, _path: str, message: object) -> list[object]:
            await self.go_on.wait()
            return [message]

        @app.packet("many")
        def first(_session: Session, _path: str, message: object) -> None:
            self.calls.append(message)

        @app.packet("many")
        async def second(_session: Session, _path: str, _message: object) -> str:
            await trio.lowlevel.checkpoint()
            return "second"

        @app.packet("many")
        def third(_session: Session, _path: str, _message: object) -> str:
            return "third"

        @app.packet("refuse")
        def refuse(_session: Session, _path: str, _message: object) -> None:
            raise RefusedError("not today", "closed", until="Monday")

        @app.packet("refuse/later")
        async def refuse_later(_session: Session, _path: str, _message: object) -> None:
            await trio.lowlevel.checkpoint()
            raise RefusedError("not today")

        @app.packet("crash")
        def crash(_session: Session, _path: str, _message: object) -> None:
            raise ValueError("a secret")

        @app.packet("no value")
        def no_value(_session: Session, _path: str, _message: object) -> object:
            return object()

    def note(self, _session: Session, _path: str, message: object) -> None:
        self.calls.append(message)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def house(answers: Answers) -> AsyncIterator[House]:
    async with at_home(answers.app) as house:
        yield house


async def ask(
    guest: Guest, path: str, message: object = None, ask: str | None = "1"
) -> list[tuple[str, Any]]:
    return await guest.hear(Question(path, message, ask))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("double", {"value": 8}),
        ("many", {"value": "second"}),
        ("refuse", {"error": "closed", "detail": "not today", "until": "Monday"}),
        ("refuse/later", {"error": "forbidden", "detail": "not today"}),
        ("crash", MAY_FAIL),
        ("no value", MAY_FAIL),
    ],
)
async def test_it_is_answered_with_what_the_handlers_make_of_it(
    house: House, path: str, told: dict[str, object]
) -> None:
    guest = await house.visit()
    assert await ask(guest, path, 4) == [("::answer", {"ask": "1", **told})]
    assert guest.keeper.ended is None
    assert await ask(guest, "double", 1, "2") == [("::answer", {"ask": "2", "value": 2})]


async def test_handlers_that_return_nothing_are_an_answer_when_they_have_run(
    answers: Answers, house: House
) -> None:
    answers.app.packet("note")(answers.note)
    guest = await house.visit()
    assert await ask(guest, "note", 7) == [("::answer", {"ask": "1", "value": None})]
    assert answers.calls == [7]


async def test_a_refusal_is_no_crash_and_no_failure(answers: Answers, house: House) -> None:
    failures: list[object] = []
    answers.app.failure(failures.append)
    guest = await house.visit()
    actor = guest.keeper.ref.actor_inbox.actor
    await ask(guest, "refuse")
    await ask(guest, "refuse/later")
    assert failures == []
    assert guest.keeper.ref.actor_inbox.actor is actor


async def test_while_an_answer_is_on_its_way_the_session_goes_on(answers: Answers, house: House) -> None:
    guest = await house.visit()
    assert await ask(guest, "slow", 1) == []
    guest.session.send("news", 2)
    assert await guest.hear() == [("news", 2)]
    answers.go_on.set()
    assert await guest.hear() == [("::answer", {"ask": "1", "value": [1]})]


async def test_a_question_that_a_crash_interrupts_is_answered_as_one_that_failed(
    answers: Answers, house: House
) -> None:
    guest = await house.visit()
    await ask(guest, "slow")
    guest.keeper.ref.tell(object())  # of which its actor crashes
    await wait_all_tasks_blocked()
    assert await guest.hear() == [("::answer", {"ask": "1", **MAY_FAIL})]


async def test_a_question_goes_on_with_a_session_that_moves(house: House) -> None:
    guest = await house.visit()
    waiting, last = Question("slow", 1, "1"), Question("double", 2, "2")
    await guest.hear(waiting)
    await guest.hear(last)
    released = house.manager.release(guest.keeper, lambda _: None)
    keeper: SessionKeeper = house.manager.adopt(released.frozen)
    await wait_all_tasks_blocked()
    told = [packet.message for packet in keeper.machine.outbox.packets]
    assert told == [{"ask": "1", **MAY_FAIL}, {"ask": "2", "value": 4}]


async def test_answers_are_no_business_of_the_application_when_a_session_ends(
    answers: Answers, house: House
) -> None:
    undelivered: list[object] = []

    @answers.app.signoff
    def left(_session: Session, _reason: str, packets: Sequence[Packet]) -> None:
        undelivered.extend(packets)

    guest = await house.visit()
    request = guest.prepare(1, Question("double", 1, "1"))
    guest.keeper.submit(request)
    guest.keeper.end("kicked")
    await wait_all_tasks_blocked()
    assert undelivered == []


async def test_a_handler_for_all_paths_gets_nothing_of_the_control_paths(
    answers: Answers, house: House
) -> None:
    answers.app.packet("**")(answers.note)
    guest = await house.visit()
    await ask(guest, "::connect", {"paths": ["a"]})
    await guest.hear(Packet("other", 7))
    assert answers.calls == [7]
    assert not answers.app.accepts("::unheard of")
