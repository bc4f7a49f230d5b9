"""Registries at awkward moments: an actor that ends just now, keys and functions that fail or change their minds."""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

from cometary.actors import (
    Actor,
    ActorDeadError,
    DuplicateRegistry,
    Entry,
    Exit,
    UniqueRegistry,
    Via,
    groups,
    register,
    system,
)
from cometary.actors.exits import with_account
from cometary.actors.groups import GroupLeft
from cometary.actors.names import Names
from cometary.actors.roster import Roster


class Member(Actor):
    """Does nothing."""


def leave(*_: object) -> None:
    raise SystemExit


@pytest.fixture
def leaving() -> Generator[None]:
    """There is a handler of a signal that ends the program."""
    before = signal.signal(signal.SIGUSR1, leave)
    yield
    signal.signal(signal.SIGUSR1, before)


class Interrupted:
    """A key; once that is said, a signal ends the program while it is hashed."""

    now = False

    def __hash__(self) -> int:
        if self.now:
            signal.raise_signal(signal.SIGUSR1)
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


class InterruptedRegistry(UniqueRegistry):
    """Of another program, which a signal ends while it is asked."""

    now = False

    def whereis(self, key: object) -> None:
        if self.now:
            signal.raise_signal(signal.SIGUSR1)


@pytest.mark.usefixtures("leaving")
async def test_an_exit_that_a_signal_has_asked_for_is_no_failure_of_a_key_or_a_registry() -> None:
    async with system():
        ref, registry, key = Member.start(), UniqueRegistry(), Interrupted()
        registry.register(key, ref)
        key.now = True
        with pytest.raises(SystemExit):
            registry.forget(ref)
        elsewhere = InterruptedRegistry()
        register(Via(elsewhere, "name"), ref)
        elsewhere.now = True
        with pytest.raises(SystemExit):
            ref.actor_inbox.system.names.forget(ref)


@pytest.mark.usefixtures("leaving")
async def test_nor_of_a_roster_or_an_account_that_an_actor_gives_of_itself() -> None:
    class Named:
        @property
        def display_name(self) -> str:
            signal.raise_signal(signal.SIGUSR1)
            return ""

    with pytest.raises(SystemExit):
        with_account(Exit("crashed"), Named(), ())
    async with system():
        ref, roster, key = Member.start(), Roster("key"), Interrupted()
        roster.add(key, ref)
        key.now = True
        with pytest.raises(SystemExit):
            roster.drop(ref)


class Broken:
    """A key that can be hashed no more."""

    def __hash__(self) -> int:
        raise LookupError


@pytest.mark.usefixtures("leaving")
async def test_who_watches_all_groups_is_told_of_one_whose_key_fails_but_not_of_an_exit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with system():
        ref, everyone, broken, interrupted = Member.start(), groups(), Broken(), Interrupted()
        everyone.monitor_scope(ref)
        everyone._tell(broken, GroupLeft("default", broken, (ref,)))
        [record] = caplog.records
        assert record.getMessage() == "A group can be neither hashed nor compared any more"
        assert len(ref.actor_inbox) == 1
        interrupted.now = True
        with pytest.raises(SystemExit):
            everyone._tell(interrupted, GroupLeft("default", interrupted, (ref,)))


async def test_an_actor_that_ends_while_it_is_registered_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with system():
        ref, registry = Member.start(), UniqueRegistry()

        def until_end(*_: object) -> None:
            raise ActorDeadError

        with monkeypatch.context() as patch:
            patch.setattr(Names, "until_end", until_end)
            with pytest.raises(ActorDeadError):
                registry.register("key", ref)
        assert (len(registry), registry.keys(ref)) == (0, [])
        registry.register("key", ref)
        assert registry.keys(ref) == ["key"]


async def test_as_many_equal_entries_are_taken_out_as_were_asked_for() -> None:
    async with system():
        ref, registry = Member.start(), DuplicateRegistry()
        for _ in range(3):
            registry.register("key", ref, "value")
        asked: list[Entry] = []

        def is_second(entry: Entry) -> bool:
            asked.append(entry)
            return len(asked) == 2

        assert registry.unregister("key", ref, is_second) == 1
        assert asked == [Entry("key", ref, "value")] * 3
        assert registry.values("key", ref) == ["value"] * 2
