"""`sys.change_code`: another class for a living actor, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import Actor, ActorDeadError, sys, system, system_in_thread
from cometary.errors import UsageError
from cometary.supervision import ChildSpec
from tests.actors.sys.people import AsyncCounter, Counter, both, settled
from tests.supervision.company import child, company


class Doubler(Counter):
    """Counts in twos, and keeps its count under another name."""

    version = 2

    @staticmethod
    def code_change(old_version: object, state: dict[str, Any]) -> dict[str, Any]:
        return {"total": state["count"] * 2, "came_from": old_version}

    def on_receive(self, message: Any) -> Any:
        self.total: int
        self.total += 2
        return self.total


class Same(Counter):
    """Needs no conversion."""

    def on_receive(self, message: Any) -> Any:
        return f"{message} for {self.count}"


class AsyncSame(AsyncCounter):
    """The same, with a task of its own."""

    async def on_receive(self, message: Any) -> Any:
        return f"{message} for {self.count}"


CHANGES = [(Counter, Same), (AsyncCounter, AsyncSame)]


@pytest.mark.parametrize(("old", "new"), CHANGES)
async def test_the_new_class_handles_the_next_message(old: type[Counter], new: type[Counter]) -> None:
    async with system():
        ref = old.start()
        ref.tell("one")
        changed = sys.change_code(ref, new)
        answer = ref.ask("two")  # in the same turn
        await changed
        assert await answer == "two for 1"


async def test_it_does_so_when_it_is_told_in_the_same_turn() -> None:
    class Deaf(Counter):
        def on_receive(self, message: Any) -> None:
            """Count nothing."""

    async with system():
        ref = Counter.start()
        ref.tell("one")
        changed = sys.change_code(ref, Deaf)
        ref.tell("two")
        await changed
        assert (await sys.get_state(ref))["got"] == ["one"]


@pytest.mark.parametrize(("old", "new"), CHANGES)
async def test_a_suspended_actor_is_changed_at_once(old: type[Counter], new: type[Counter]) -> None:
    async with system():
        ref = old.start()
        await sys.suspend(ref)
        answer = ref.ask("one")
        await sys.change_code(ref, new)
        await sys.resume(ref)
        assert await answer == "one for 0"


async def test_the_new_class_converts_the_state() -> None:
    async with system():
        ref = Counter.start(5)
        await sys.change_code(ref, Doubler)
        assert await sys.get_state(ref) == {"total": 10, "came_from": 1}
        assert await ref.ask("one") == 12


def test_from_another_thread() -> None:
    with system_in_thread():
        ref = Counter.start(5)
        sys.change_code(ref, Doubler)
        assert ref.ask("one") == 12


class Failing(Counter):
    @classmethod
    def code_change(cls, old_version: object, state: dict[str, Any]) -> dict[str, Any]:
        state["count"] = 99
        raise LookupError("cannot convert")


class NoDictionary(Counter):
    @classmethod
    def code_change(cls, old_version: object, state: dict[str, Any]) -> Any:
        return 5


class ReadOnly(Counter):
    @classmethod
    def code_change(cls, old_version: object, state: dict[str, Any]) -> Any:
        return {"count": 0, "actor_urn": "mine"}


class Slotted(Counter):
    __slots__ = ("more",)


@pytest.mark.parametrize(
    ("new", "error", "match"),
    [
        (Failing, LookupError, "cannot convert"),
        (NoDictionary, TypeError, "a dictionary"),
        (ReadOnly, AttributeError, "actor_urn"),
        (Slotted, UsageError, "cannot become a Slotted"),
        (AsyncCounter, UsageError, "is async, that of the other is not"),
        (int, UsageError, "no class of actors"),
    ],
)
async def test_a_change_that_fails_leaves_the_old_code_running(
    new: type, error: type[Exception], match: str
) -> None:
    async with system():
        ref = Counter.start(3)
        with pytest.raises(error, match=match):
            await sys.change_code(ref, new)
        assert await sys.get_state(ref) == {"count": 3, "got": []}
        assert await ref.ask("one") == 4
        assert ref.actor_class is type(ref.actor_inbox.actor) is Counter


async def test_the_next_incarnation_is_of_the_new_class() -> None:
    async with company(ChildSpec("a", Counter)) as root:
        ref = await child(root, "a")
        await sys.change_code(ref, Same)
        ref.kill()
        await settled()
        assert await ref.ask("one") == "one for 0"


@both
async def test_an_actor_that_has_ended_cannot_be_changed(kind: type[Counter]) -> None:
    async with system():
        ref = kind.start()
        await ref.stop()
        with pytest.raises(ActorDeadError):
            await sys.change_code(ref, kind)


async def test_a_traced_actor_is_changed_and_stays_traced() -> None:
    async with system():
        ref = Counter.start()
        async with sys.trace_events(ref) as events:
            await sys.change_code(ref, Same)
            assert await ref.ask("one") == "one for 0"
            assert [(await anext(events)).content for _ in range(2)] == ["one", "one for 0"]


async def test_an_actor_may_change_in_its_own_way() -> None:
    class Own(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.became: type | None = None

        def system_code_change(self, new: type) -> None:
            self.became = new

    async with system():
        ref = Own.start()
        await sys.change_code(ref, int)
        assert await sys.get_state(ref) == {"became": int}
