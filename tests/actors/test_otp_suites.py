"""Cases of the suites of OTP and Elixir that no other test has; the page `docs/explanation/otp-suites.md` lists all."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import (
    Actor,
    ActorRef,
    ActorSystem,
    DuplicateRegistry,
    ReceiveTimeout,
    UniqueRegistry,
    Via,
    register,
    registered,
    send,
    sys,
    unregister,
    whereis,
)
from cometary.errors import UsageError


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


async def test_names_cannot_be_in_a_registry_with_duplicate_keys(actor_system: ActorSystem) -> None:
    registry: Any = DuplicateRegistry()
    name, ref = Via(registry, "printer"), Echo.start()
    for misuse in (
        lambda: Echo.with_name(name).start(),
        lambda: register(name, ref),
        lambda: whereis(name),
        lambda: unregister(name),
        lambda: send(name, "page"),
    ):
        with pytest.raises(UsageError, match="duplicate keys cannot keep the name 'printer'"):
            misuse()
    assert len(registry) == 0
    assert ref.is_alive()


async def test_no_name_is_no_name(actor_system: ActorSystem) -> None:
    refs = [Echo.with_name(None).start() for _ in range(2)]
    assert registered() == []
    assert whereis(None) is None
    assert [await ref.ask(number) for number, ref in enumerate(refs)] == [0, 1]


class Patient(Actor):
    """Asks another, with very much mail waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.handled = 0

    async def on_receive(self, message: Any) -> Any:
        if message == "ask":
            answer = await Echo.start().ask("answer")
            return answer, self.handled, len(self.actor_ref.actor_inbox)
        self.handled += 1
        return None


async def test_an_answer_is_not_looked_for_among_the_mail_of_who_asks(actor_system: ActorSystem) -> None:
    patient = Patient.start()
    answer = patient.ask("ask", block=False)
    for number in range(1000):
        patient.tell(number)
    assert await answer == ("answer", 0, 1000)


class Listener(Actor):
    """Is told of silence after 10 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []
        self.receive_timeout(10)

    def on_receive(self, message: Any) -> Any:
        if type(message) is ReceiveTimeout:
            self.told.append(trio.current_time())


async def test_a_call_of_sys_does_not_break_the_silence(
    actor_system: ActorSystem, autojump_clock: MockClock
) -> None:
    listener, begun = Listener.start(), autojump_clock.current_time()
    for _ in range(3):
        await trio.sleep(4)
        await sys.get_status(listener)
    assert (await sys.get_state(listener))["told"] == [begun + 10]


class Secretive(Actor):
    """Cannot say what may be shown of it."""

    def format_status(self) -> Any:
        raise LookupError("forgotten")

    def on_receive(self, message: Any) -> Any:
        return message


async def test_what_cannot_say_what_may_be_shown_of_it_is_not_harmed_by_the_question(
    actor_system: ActorSystem,
) -> None:
    secretive = Secretive.start()
    with pytest.raises(LookupError, match="forgotten"):
        await sys.get_status(secretive)
    assert await secretive.ask("still there") == "still there"


class Valued(Echo):
    """Puts a value to its own name."""

    def __init__(self, registry: UniqueRegistry) -> None:
        super().__init__()
        [key] = registry.keys(self.actor_ref)
        registry.register(key, self.actor_ref, "a value")


async def test_an_actor_puts_a_value_to_the_name_with_which_it_was_started(actor_system: ActorSystem) -> None:
    registry = UniqueRegistry()
    ref: ActorRef[Any] = Valued.with_name(Via(registry, "printer")).start(registry)
    assert registry.values("printer", ref) == ["a value"]
