"""Names given at a start, names in registries of one's own, and sending to a name."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Any

import pytest

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    Bounded,
    Registry,
    Via,
    register,
    send,
    system,
    unregister,
    whereis,
)
from cometary.actors.names import names_shown
from cometary.actors.registries import UniqueRegistry
from cometary.errors import MailboxFullError, NameTakenError


class Printer(Actor):
    def __init__(self, *, jammed: str = "") -> None:
        super().__init__()
        self.printed: list[object] = []
        self.named_at_first = whereis("printer") is self.actor_ref
        self.jammed = jammed
        if jammed == "constructor":
            raise LookupError("paper jam")

    def on_start(self) -> None:
        if self.jammed == "on_start":
            raise LookupError("paper jam")

    def on_receive(self, message: Any) -> Any:
        self.printed.append(message)
        return self.printed


class AsyncPrinter(Printer):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


class Directory:
    """A registry of somebody's own."""

    __hash__ = None  # type: ignore[assignment] # such as a dataclass with fields may be

    def __init__(self) -> None:
        self.found: dict[Hashable, ActorRef[Any]] = {}
        self.broken = False

    def register(self, name: Hashable, ref: ActorRef[Any]) -> None:
        if name in self.found:
            raise NameTakenError(f"{name!r} is taken")
        self.found[name] = ref

    def unregister(self, name: Hashable) -> None:
        self.found.pop(name, None)

    def whereis(self, name: Hashable) -> ActorRef[Any] | None:
        if self.broken:
            raise OSError("the directory is on fire")
        return self.found.get(name)

    def send(self, name: Hashable, message: object) -> None:
        if name not in self.found:
            raise ActorDeadError(f"{name!r} is not in the directory")
        self.found[name].tell(("by directory", message))


KINDS = pytest.mark.parametrize("kind", [Printer, AsyncPrinter], ids=["def", "async def"])


@KINDS
async def test_an_actor_started_with_a_name_has_it_from_before_its_constructor(kind: Any) -> None:
    async with system():
        ref = kind.with_name("printer").start()
        assert whereis("printer") == ref
        assert await ref.proxy().named_at_first
        await ref.stop()
        assert whereis("printer") is None


@KINDS
async def test_of_a_name_that_is_taken_nothing_is_started(kind: Any) -> None:
    async with system() as actors:
        ref = kind.with_name("printer").start()
        with pytest.raises(NameTakenError, match="printer"):
            kind.with_name("printer").start()
        with pytest.raises(NameTakenError, match="printer"):
            await kind.with_name("printer").start_async()
        assert list(actors.actors) == [ref]


@KINDS
@pytest.mark.parametrize("jammed", ["constructor", "on_start"])
async def test_after_a_start_that_failed_the_name_is_free(
    kind: Any, jammed: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    directory = Directory()
    async with system() as actors:
        for name in ("printer", Via(directory, "printer")):
            starter = kind.with_name(name)
            with pytest.raises(LookupError, match="paper jam"):
                await starter.start_async(jammed=jammed)
            assert whereis(name) is None
            await (await starter.start_async()).stop()
        assert not actors.names._vias
        assert not actors.actors


async def test_a_start_may_choose_name_and_mailbox() -> None:
    async with system():
        ref = Printer.with_name("printer").with_mailbox(Bounded(1)).start()
        also = Printer.with_mailbox(Bounded(1)).with_name("other").start()
        assert [whereis("printer"), whereis("other")] == [ref, also]
        for each in (ref, also):
            each.tell("page")
            with pytest.raises(MailboxFullError):
                each.tell("page")


async def test_a_name_may_be_any_key_and_given_again_to_whoever_has_it() -> None:
    async with system() as actors:
        ref = Printer.start()
        register(("printer", 3), ref)
        register(("printer", 3), ref)
        assert whereis(("printer", 3)) is ref
        assert len(actors.names) == 1
        await ref.stop()
        assert len(actors.names) == 0


async def test_a_message_can_be_sent_to_a_name() -> None:
    async with system():
        ref = Printer.with_name("printer").start()
        send("printer", "page")
        assert await ref.ask("last") == ["page", "last"]
        await ref.stop()
        with pytest.raises(ActorDeadError, match="no actor is called 'printer'"):
            send("printer", "page")


# -- registries of one's own --------------------------------------------------------------


@KINDS
async def test_a_via_goes_through_its_registry_for_everything(kind: Any) -> None:
    directory = Directory()
    via = Via(directory, "printer")
    async with system() as actors:
        ref = kind.with_name(via).start()
        assert whereis(via) is directory.found["printer"] is ref
        assert whereis("printer") is None
        assert len(actors.names) == 0
        send(via, "page")
        assert await ref.ask("last") == [("by directory", "page"), "last"]
        unregister(via)
        unregister(via)
        with pytest.raises(ActorDeadError, match="not in the directory"):
            send(via, "page")
        assert not actors.names._vias
        register(via, ref)
        assert whereis(via) is ref


@KINDS
async def test_the_registry_is_told_of_the_end_of_its_actors(kind: Any) -> None:
    directory = Directory()
    async with system() as actors:
        for end in ("stop", "kill"):
            ref = kind.with_name(Via(directory, end)).start()
            register(Via(directory, f"{end} too"), ref)
            getattr(ref, end)()
            await ref.stopped()
        assert not directory.found
        assert not actors.names._vias


async def test_a_name_that_was_given_to_another_since_is_left_alone() -> None:
    directory = Directory()
    via = Via(directory, "printer")
    async with system():
        first, second = Printer.with_name(via).start(), Printer.start()
        directory.unregister("printer")
        register(via, second)
        await first.stop()
        assert whereis(via) is second


async def test_what_a_registry_refuses_is_not_remembered() -> None:
    directory = Directory()
    via = Via(directory, "printer")
    async with system() as actors:
        first = Printer.with_name(via).start()
        with pytest.raises(NameTakenError):
            Printer.with_name(via).start()
        assert list(actors.names._vias) == [first]
        await first.stop()
        with pytest.raises(ActorDeadError):
            register(via, first)
        assert not directory.found
        assert not actors.names._vias


async def test_an_actor_that_ends_while_a_registry_takes_it_in_leaves_nothing_behind() -> None:
    class Slow(Directory):
        def register(self, name: Hashable, ref: ActorRef[Any]) -> None:
            ref.kill()
            super().register(name, ref)

    directory = Slow()
    async with system() as actors:
        ref = await Printer.start_async()
        with pytest.raises(ActorDeadError):
            register(Via(directory, "printer"), ref)
        assert not directory.found
        assert not actors.names._vias


async def test_a_registry_that_fails_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    directory = Directory()
    async with system():
        ref = Printer.with_name(Via(directory, "printer")).start()
        directory.broken = True
        await ref.stop()
    assert "on fire" in caplog.text


async def test_reports_name_an_actor_by_what_it_is_registered_as() -> None:
    class Upper(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise AssertionError("a name of somebody's own is asked for nothing")

    async with system():
        ref = Printer.start()
        assert names_shown(ref) == ()
        for name in ("printer", Upper("big"), ("room", 1)):
            register(name, ref)
        assert names_shown(ref) == ("printer", "big", "('room', 1)")


async def test_who_has_ended_is_forgotten_by_no_registry_and_so_refused() -> None:
    directory = UniqueRegistry()
    async with system() as actors:
        ref = Printer.start()
        await ref.stop()
        with pytest.raises(ActorDeadError):
            actors.names.until_end(ref, directory)
        assert not actors.names._elsewhere


async def test_a_systems_own_names_are_such_a_registry() -> None:
    async with system() as actors:
        registry: Registry = actors.names
        ref = Printer.with_name(Via(registry, "printer")).start()
        assert whereis("printer") is whereis(Via(registry, "printer")) is ref
        send(Via(registry, "printer"), "page")
        assert await ref.ask("last") == ["page", "last"]
        await ref.stop()
        assert whereis("printer") is None
        assert len(actors.names) == 0
