"""Cases of the suites of OTP and Elixir that no other test has; the page `docs/explanation/otp-suites.md` lists all."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import (
    Actor,
    ActorSystem,
    DuplicateRegistry,
    Via,
    register,
    registered,
    send,
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
