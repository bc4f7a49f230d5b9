"""Answers as mail; and several at once, whichever comes first. After the rules of gen_server's request ids."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    Bounded,
    Future,
    Request,
    Requests,
    Response,
    Timeout,
    system,
    system_in_thread,
)
from cometary.errors import CallingSelfError, MailboxFullError, UsageError
from cometary.supervision import ChildSpec, supervise, which_children


class Echo(Actor):
    """Answers after as many seconds as it is asked for; raises an exception that it is asked for."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        await trio.sleep(message)
        return message


class Asker(Actor):
    """Asks in its turn, and notes what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case ("ask", ref, what, tag, timeout):
                return self.request(ref, what, tag, timeout=timeout)
            case "got":
                return self.got
            case "crash":
                raise RuntimeError("crash")
            case _:
                self.got.append(message)
        return None


class AsyncAsker(Asker):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Asker, AsyncAsker], ids=["def", "async def"])


def ask(
    asker: ActorRef[Any], ref: ActorRef[Any], what: Any, tag: Any = None, timeout: float | None = None
) -> Any:
    return asker.ask(("ask", ref, what, tag, timeout))


@KINDS
async def test_an_answer_arrives_as_a_message_with_its_tag(
    kind: type[Asker], autojump_clock: MockClock
) -> None:
    async with system():
        asker, slow, fast = kind.start(), Echo.start(), Echo.start()
        await ask(asker, slow, 2, "slow")
        await ask(asker, fast, 1, "fast")
        await trio.sleep(3)
        assert await asker.ask("got") == [Response("fast", 1), Response("slow", 2)]


async def test_what_was_raised_arrives_too(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.start()
        await ask(asker, echo, LookupError("no"), "tag")
        await trio.sleep(1)
        [response] = await asker.ask("got")
        assert response.tag == "tag"
        with pytest.raises(LookupError, match="no"):
            response.result()


async def test_an_answer_is_a_result() -> None:
    assert Response("tag", 5).result() == 5


async def test_who_is_asked_has_ended_or_ends_first(autojump_clock: MockClock) -> None:
    async with system():
        asker, dead, dying = Asker.start(), Echo.start(), Echo.start()
        await dead.stop()
        await ask(asker, dead, 1, "dead")
        await ask(asker, dying, 5, "dying")
        await wait_all_tasks_blocked()
        dying.kill()
        await trio.sleep(1)
        got = await asker.ask("got")
        assert [response.tag for response in got] == ["dead", "dying"]
        assert all(isinstance(response.error, ActorDeadError) for response in got)


async def test_an_actor_may_ask_itself(autojump_clock: MockClock) -> None:
    async with system():
        asker = Asker.start()
        await ask(asker, asker, "got", "mine")
        await trio.sleep(1)
        [response] = await asker.ask("got")
        assert response.tag == "mine"


async def test_a_time_out_arrives_in_place_of_a_late_answer(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.start()
        await ask(asker, echo, 5, "late", 2)
        await trio.sleep(2.5)
        [response] = await asker.ask("got")
        with pytest.raises(Timeout, match="did not answer a message of type int within 2 seconds"):
            response.result()
        await trio.sleep(10)
        assert len(await asker.ask("got")) == 1


async def test_an_answer_in_time_is_followed_by_no_time_out(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.start()
        await ask(asker, echo, 1, "x", 2)
        await trio.sleep(10)
        assert await asker.ask("got") == [Response("x", 1)]


async def test_the_systems_time_out_counts_where_there_is_no_other(autojump_clock: MockClock) -> None:
    async with system(ask_timeout=3):
        asker, echo = Asker.start(), Echo.start()
        await ask(asker, echo, 5)
        await trio.sleep(3.5)
        assert isinstance((await asker.ask("got"))[0].error, Timeout)


async def test_a_negative_time_out_is_refused_and_nothing_is_sent() -> None:
    async with system():
        asker = Asker.start()
        with pytest.raises(UsageError, match="0 seconds or more"):
            await ask(asker, asker, "sent", None, -1)
        assert await asker.ask("got") == []


async def test_a_cancelled_request_gets_no_response(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.start()
        request: Request = await ask(asker, echo, 1, "x", 2)
        request.cancel()
        request.cancel()
        await trio.sleep(10)
        assert await asker.ask("got") == []


async def test_a_cancelled_request_leaves_the_queue_of_a_full_mailbox(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.with_mailbox(Bounded(1, "block")).start()
        echo.tell(1)
        await wait_all_tasks_blocked()
        echo.tell(0)
        request: Request = await ask(asker, echo, 3, "x")
        assert echo.mailbox_statistics().waiting == 1
        request.cancel()
        assert echo.mailbox_statistics().waiting == 0


async def test_a_request_that_takes_too_long_leaves_the_queue_of_a_full_mailbox(
    autojump_clock: MockClock,
) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.with_mailbox(Bounded(1, "block")).start()
        echo.tell(10)
        await wait_all_tasks_blocked()
        echo.tell(0)
        await ask(asker, echo, 3, "x", 1)
        await trio.sleep(2)
        assert echo.mailbox_statistics().waiting == 0
        assert len(await asker.ask("got")) == 1


async def test_a_mailbox_that_refuses_is_told_of_by_the_response(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.start(), Echo.with_mailbox(Bounded(1)).start()
        echo.tell(1)
        await wait_all_tasks_blocked()
        echo.tell(0)
        await ask(asker, echo, 3, "x")
        [response] = await asker.ask("got")
        assert isinstance(response.error, MailboxFullError)


async def test_a_response_finds_room_in_a_full_mailbox(autojump_clock: MockClock) -> None:
    async with system():
        asker, echo = Asker.with_mailbox(Bounded(1, "drop_newest")).start(), Echo.start()
        for number in range(3):
            await ask(asker, echo, 0, number)
        await trio.sleep(1)
        assert [response.tag for response in await asker.ask("got")] == [0, 1, 2]


async def test_the_next_incarnation_gets_no_answer_to_what_it_did_not_ask(autojump_clock: MockClock) -> None:
    async with system(), supervise([ChildSpec("asker", Asker)], intensity=5) as root:
        [info] = await which_children(root)
        asker, echo = info.ref, Echo.start()
        assert asker is not None
        await ask(asker, echo, 2, "x")
        await ask(asker, echo, 3, "y", 1)
        asker.tell("crash")
        await trio.sleep(10)
        assert await asker.ask("got") == []


def test_the_answer_may_come_from_another_thread() -> None:
    class Fast(Actor):
        def on_receive(self, message: Any) -> Any:
            return message

    async def main(there: ActorRef[Any]) -> None:
        async with system():
            asker = Asker.start()
            await ask(asker, there, 1, "x")
            await there.ask(2)  # the first answer is on its way by now
            while not (got := await asker.ask("got")):
                await trio.lowlevel.checkpoint()
            assert got == [Response("x", 1)]

    with system_in_thread():
        trio.run(main, Fast.start())


async def test_only_futures_that_are_set_can_be_expected() -> None:
    class Expecting(Actor):
        def on_receive(self, message: Any) -> Any:
            self.expect(Future() if message is None else message, timeout=-1 if message is None else None)

    async with system():
        echo, expecting = Echo.start(), Expecting.start()
        with pytest.raises(UsageError, match="not derived"):
            await expecting.ask(echo.ask(0).map(str))
        with pytest.raises(UsageError, match="not derived"):
            await expecting.ask("a future")
        with pytest.raises(UsageError, match="0 seconds or more"):
            await expecting.ask(None)


# -- collections -----------------------------------------------------------------------------


async def test_the_first_of_many_comes_first(autojump_clock: MockClock) -> None:
    async with system():
        requests = Requests[str]()
        for seconds in (3, 1, 2):
            requests.add(Echo.start().ask(seconds), f"{seconds} s")
        assert len(requests) == 3
        first = await requests.receive()
        assert (first, len(requests)) == (Response("1 s", 1), 2)
        assert [response.tag async for response in requests] == ["2 s", "3 s"]
        assert len(requests) == 0


async def test_those_that_are_set_already_come_at_once_and_in_order(autojump_clock: MockClock) -> None:
    async with system():
        echo, requests = Echo.start(), Requests[int]()
        questions = [echo.ask(0) for _ in range(3)]
        await trio.sleep(1)
        for label, question in enumerate(questions):
            requests.add(question, label)
        assert [response.tag async for response in requests] == [0, 1, 2]


async def test_receiving_one_is_a_checkpoint() -> None:
    async with system():
        requests = Requests[None]()
        answer = Echo.start().ask(0)
        await answer
        requests.add(answer, None)
        with trio.CancelScope() as scope:
            scope.cancel()
            await requests.receive()
        assert scope.cancelled_caught
        assert len(requests) == 1
        assert (await requests.receive()).value == 0


async def test_errors_and_ends_come_like_answers(autojump_clock: MockClock) -> None:
    async with system():
        requests = Requests[str]()
        dying = Echo.start()
        requests.add(dying.ask(9), "dying")
        requests.add(Echo.start().ask(LookupError("no")), "raising")
        assert isinstance((await requests.receive()).error, LookupError)
        dying.kill()
        with pytest.raises(ActorDeadError):
            (await requests.receive()).result()


async def test_a_wait_that_times_out_or_is_cancelled_has_changed_nothing(autojump_clock: MockClock) -> None:
    async with system():
        requests = Requests[str]()
        requests.add(Echo.start().ask(5), "x")
        with pytest.raises(Timeout):
            await requests.receive(timeout=1)
        with trio.move_on_after(1):
            await requests.receive()
        assert len(requests) == 1
        assert await requests.receive(timeout=4) == Response("x", 5)


async def test_what_is_added_during_the_wait_counts(autojump_clock: MockClock) -> None:
    async with system(), trio.open_nursery() as nursery:
        echo, requests = Echo.start(), Requests[str]()
        requests.add(echo.ask(5), "slow")
        got: list[Response] = []

        async def receive() -> None:
            got.append(await requests.receive())

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        requests.add(Echo.start().ask(1), "fast")
        await trio.sleep(2)
        assert got == [Response("fast", 1)]


async def test_misuse_of_a_collection_is_refused(autojump_clock: MockClock) -> None:
    async with system(), trio.open_nursery() as nursery:
        requests = Requests[str]()
        with pytest.raises(UsageError, match="nothing to wait for"):
            await requests.receive()
        question = Echo.start().ask(1)
        requests.add(question, "x")
        with pytest.raises(UsageError, match="already"):
            requests.add(question, "x")
        with pytest.raises(UsageError, match="not derived"):
            requests.add(question.map(str), "x")
        nursery.start_soon(requests.receive)
        await wait_all_tasks_blocked()
        with pytest.raises(UsageError, match="waits for these already"):
            await requests.receive()
        with pytest.raises(UsageError, match="waits"):
            requests.abandon()


async def test_an_abandoned_collection_is_empty_and_its_questions_leave_full_mailboxes(
    autojump_clock: MockClock,
) -> None:
    async with system():
        echo, requests = Echo.with_mailbox(Bounded(1, "block")).start(), Requests[int]()
        echo.tell(1)
        await wait_all_tasks_blocked()
        echo.tell(0)
        for number in range(3):
            requests.add(echo.ask(0), number)
        requests.abandon()
        assert len(requests) == 0
        assert echo.mailbox_statistics().waiting == 0
        requests.add(Echo.start().ask(1), 9)
        assert await requests.receive() == Response(9, 1)


async def test_what_was_abandoned_does_not_come_later(autojump_clock: MockClock) -> None:
    async with system():
        echo, requests = Echo.start(), Requests[str]()
        question = echo.ask(0)
        await question
        requests.add(question, "old")
        requests.abandon()
        requests.add(echo.ask(1), "new")
        assert await requests.receive() == Response("new", 1)


async def test_an_actor_does_not_wait_for_its_own_answer(autojump_clock: MockClock) -> None:
    class Vain(Actor):
        async def on_receive(self, message: Any) -> Any:
            requests = Requests[str]()
            requests.add(self.actor_ref.ask("x"), "x")
            return await requests.receive()

    async with system():
        response: Response = await Vain.start().ask("go")
        assert isinstance(response.error, CallingSelfError)


async def test_ten_thousand_come_in_the_time_of_one(autojump_clock: MockClock) -> None:
    class Fast(Actor):
        def on_receive(self, message: Any) -> Any:
            return message

    async with system():
        fast, requests = Fast.start(), Requests[int]()
        for number in range(10_000):
            requests.add(fast.ask(number), number)
        assert [response.value async for response in requests] == list(range(10_000))


async def test_a_name_stands_for_who_is_asked_and_its_absence_is_told_by_the_response(
    autojump_clock: MockClock,
) -> None:
    async with system():
        Echo.with_name("echo").start()
        asker = Asker.start()
        for name in ("echo", "nobody"):
            await asker.ask(("ask", name, 1, name, None))
        await trio.sleep(2)
        nobody, echo = await asker.ask("got")
        assert (nobody.tag, nobody.error.reason) == ("nobody", "noproc")
        assert echo == Response("echo", 1)
