"""A probe tells a test what it was sent, and what came instead."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
import trio

from cometary.actors import KILLED, NORMAL, Actor, ActorDeadError, ActorRef, ActorSystem, Down, Future
from cometary.errors import UsageError
from cometary.testing import Probe
from cometary.testing import probe as probes


class Paid(NamedTuple):
    amount: int


class Refused(NamedTuple):
    why: str


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


async def tell_later(ref: ActorRef[Any], message: object, after: float) -> None:
    await trio.sleep(after)
    ref.tell(message)


def five(message: Any) -> bool:
    return bool(message.amount == 5)


def six(message: Any) -> bool:
    return bool(message.amount == 6)


class TestExpecting:
    @pytest.mark.parametrize("wanted", [Paid(5), Paid, five])
    async def test_a_message_a_class_or_a_function(self, wanted: object, probe: Probe) -> None:
        probe.tell(Paid(5))
        assert await probe.expect(wanted) == Paid(5)

    @pytest.mark.parametrize("wanted", [Paid(6), Refused, six])
    async def test_another_message_fails_at_once_and_is_shown(self, wanted: object, probe: Probe) -> None:
        probe.tell(Paid(5))
        with pytest.raises(AssertionError, match=re.escape("but got Paid(amount=5)")):
            await probe.expect(wanted)
        assert trio.current_time() == 0

    async def test_messages_are_looked_at_in_the_order_in_which_they_came(self, probe: Probe) -> None:
        for amount in (1, 2):
            probe.tell(Paid(amount))
        await probe.expect(Paid(1))
        await probe.expect(Paid(2))

    async def test_it_waits_for_the_message(self, probe: Probe, nursery: trio.Nursery) -> None:
        nursery.start_soon(tell_later, probe, Paid(5), 2.9)
        await probe.expect(Paid)
        assert trio.current_time() == pytest.approx(2.9)

    async def test_it_does_not_wait_for_ever(self, probe: Probe, nursery: trio.Nursery) -> None:
        nursery.start_soon(tell_later, probe, Paid(5), 2)
        with pytest.raises(AssertionError, match="a Paid within 1 s, but nothing came"):
            await probe.expect(Paid, within=1)
        assert trio.current_time() == pytest.approx(1)

    async def test_a_failure_shows_what_came_before_and_what_waits(self, actor_system: ActorSystem) -> None:
        customer = Probe.start("customer")
        for message in "abcdefghijklmnop":
            customer.tell(message)
        await trio.testing.wait_all_tasks_blocked()
        await customer.skip_to("g")
        with pytest.raises(AssertionError) as caught:
            await customer.expect(Refused)
        assert str(caught.value).splitlines() == [
            "customer expected a Refused, but got 'h'",
            "  before that: 'c', 'd', 'e', 'f', 'g'",
            "  still waiting: 'i', 'j', 'k', 'l', 'm' and 3 more",
        ]

    async def test_so_it_does_when_nothing_came(self, probe: Probe) -> None:
        for message in "abcdefg":
            probe.tell(message)
        await probe.skip_to("g")
        with pytest.raises(AssertionError, match=r"nothing came\n  before that: 'c', 'd', 'e', 'f', 'g'$"):
            await probe.expect(Refused)

    async def test_a_function_that_cannot_judge_is_no_match_but_says_why(self, probe: Probe) -> None:
        probe.tell("five")
        with pytest.raises(AssertionError, match="cannot judge 'five': AttributeError") as caught:
            await probe.expect(five)
        assert isinstance(caught.value.__cause__, AttributeError)

    async def test_a_probe_that_has_ended_says_so(self, probe: Probe) -> None:
        await probe.stop()
        with pytest.raises(AssertionError, match="nothing came, as the probe itself has ended"):
            await probe.expect(Paid)

    async def test_what_waits_can_be_looked_at(self, probe: Probe) -> None:
        probe.tell(Paid(1))
        probe.tell(Paid(2))
        await trio.testing.wait_all_tasks_blocked()
        assert probe.waiting == [Paid(1), Paid(2)]

    async def test_two_tasks_may_wait_at_the_same_time(self, probe: Probe, nursery: trio.Nursery) -> None:
        got: list[object] = []

        async def expect() -> None:
            got.append(await probe.expect(Paid))

        nursery.start_soon(expect)
        nursery.start_soon(expect)
        await trio.testing.wait_all_tasks_blocked()
        probe.tell(Paid(1))
        await trio.testing.wait_all_tasks_blocked()
        assert got == [Paid(1)]
        probe.tell(Paid(2))
        await trio.testing.wait_all_tasks_blocked()
        assert got == [Paid(1), Paid(2)]


class TestSkipping:
    async def test_everything_up_to_the_wanted_message_is_taken(self, probe: Probe) -> None:
        for amount in range(5):
            probe.tell(Paid(amount))
        assert await probe.skip_to(Paid(3)) == Paid(3)
        await probe.expect(Paid(4))

    async def test_the_time_is_for_all_of_it(self, probe: Probe, nursery: trio.Nursery) -> None:
        for after in (1, 2, 3):
            nursery.start_soon(tell_later, probe, Paid(after), after)
        with pytest.raises(AssertionError, match=r"a Refused within 2.5 s.*\n.*Paid\(amount=2\)"):
            await probe.skip_to(Refused, within=2.5)
        assert trio.current_time() == pytest.approx(2.5)


class TestExpectingNothing:
    async def test_it_waits_as_long_as_told(self, probe: Probe, nursery: trio.Nursery) -> None:
        nursery.start_soon(tell_later, probe, Paid(5), 60)
        await probe.expect_nothing(for_=59)
        with pytest.raises(AssertionError, match=r"nothing for 2 s, but got Paid\(amount=5\) after 1 s"):
            await probe.expect_nothing(for_=2)

    async def test_a_message_that_waits_already_counts(self, probe: Probe) -> None:
        probe.tell(Paid(5))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(AssertionError, match="but got"):
            await probe.expect_nothing(for_=0)


class TestDeaths:
    async def test_the_end_of_a_watched_actor_is_a_message(self, probe: Probe) -> None:
        echo = Echo.start()
        probe.watch(echo)
        await probe.expect_nothing()
        echo.kill()
        assert await probe.expect_down(echo, reason="killed") == KILLED

    async def test_also_when_it_has_ended_before(self, probe: Probe) -> None:
        echo = Echo.start()
        await echo.stop()
        probe.watch(echo)
        assert await probe.expect_down(echo) == NORMAL

    async def test_another_end_or_message_is_shown(self, probe: Probe) -> None:
        echo, other = Echo.start(), Echo.start()
        probe.watch(echo)
        probe.watch(other)
        await other.stop()
        with pytest.raises(AssertionError, match=r"expected the end of Echo .*, but got Down\("):
            await probe.expect_down(echo)
        await echo.stop()
        with pytest.raises(AssertionError, match=r"\(killed\), but got Down\("):
            await probe.expect_down(echo, reason="killed")
        probe.tell("hello")
        with pytest.raises(AssertionError, match="but got 'hello'"):
            await probe.expect_down(echo)

    async def test_one_that_lives_on_is_not_waited_for_for_ever(self, probe: Probe) -> None:
        echo = Echo.start()
        probe.watch(echo)
        with pytest.raises(AssertionError, match=r"the end of Echo .* within 3 s, but nothing came"):
            await probe.expect_down(echo)

    async def test_one_that_is_not_watched_any_more_ends_unnoticed(self, probe: Probe) -> None:
        echo = Echo.start()
        probe.watch(echo)
        probe.unwatch(echo)
        await echo.stop()
        await probe.expect_nothing()

    async def test_a_probe_that_has_ended_cannot_watch(self, probe: Probe) -> None:
        echo = Echo.start()
        await probe.stop()
        with pytest.raises(ActorDeadError):
            probe.watch(echo)


class TestAnswering:
    async def test_an_ask_waits_until_the_test_replies(self, probe: Probe) -> None:
        answer: Future[Any] = probe.ask(Paid(5))
        await probe.expect(Paid)
        assert not answer.done()
        probe.reply("thanks")
        assert await answer == "thanks"

    async def test_a_reply_may_be_an_error(self, probe: Probe) -> None:
        answer = probe.ask(Paid(5))
        await probe.expect(Paid)
        probe.reply(error=ValueError("too little"))
        with pytest.raises(ValueError, match="too little"):
            await answer

    async def test_where_nobody_waits_there_is_nothing_to_reply_to(self, probe: Probe) -> None:
        with pytest.raises(UsageError, match="an answer to anything"):
            probe.reply()
        probe.tell(Paid(5))
        await probe.expect(Paid)
        with pytest.raises(UsageError, match=r"an answer to Paid\(amount=5\)"):
            probe.reply()

    async def test_a_second_reply_is_refused(self, probe: Probe) -> None:
        answer = probe.ask(Paid(5))
        await probe.expect(Paid)
        probe.reply(1)
        with pytest.raises(UsageError):
            probe.reply(2)
        assert await answer == 1

    async def test_who_is_never_answered_is_told_when_the_probe_ends(self, probe: Probe) -> None:
        answer = probe.ask(Paid(5))
        await probe.expect(Paid)
        probe.kill()
        with pytest.raises(ActorDeadError):
            await answer


class TestAsAReference:
    async def test_it_can_be_given_to_any_actor(self, probe: Probe) -> None:
        class Payer(Actor):
            def __init__(self, to: ActorRef[Any]) -> None:
                super().__init__()
                self.to = to

            def on_receive(self, message: Any) -> None:
                self.to.tell(Paid(message))

        Payer.start(probe).tell(5)
        await probe.expect(Paid(5))

    async def test_it_can_be_watched(self, probe: Probe) -> None:
        other = Probe.start("other")
        other.watch(probe)
        await probe.stop()
        await other.expect(Down(probe, NORMAL))

    async def test_it_is_called_by_its_name(self, actor_system: ActorSystem) -> None:
        assert str(Probe.start("customer")).startswith("customer (urn:uuid:")

    async def test_it_keeps_so_many_messages_and_says_when_there_were_more(
        self, probe: Probe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probes, "LIMIT", 3)
        for amount in range(5):
            probe.tell(Paid(amount))
        await trio.testing.wait_all_tasks_blocked()
        assert len(probe.waiting) == 3
        await probe.skip_to(Paid(2))
        with pytest.raises(AssertionError, match=r"was sent 2 messages more than it keeps \(3\)"):
            await probe.expect_nothing()
