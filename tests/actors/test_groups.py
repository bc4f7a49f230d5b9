"""Groups: who is in them, who is told of it, and that nothing is left of those who ended."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    Bounded,
    Exit,
    GroupJoined,
    GroupLeft,
    Groups,
    current_system,
    groups,
    system,
    system_in_thread,
)
from cometary.actors.roster import Roster
from cometary.errors import UsageError
from tests.actors.reviver import Reviver


class Member(Actor):
    def __init__(self, *joining: str) -> None:
        super().__init__()
        self.got: list[object] = []
        for group in joining:
            groups().join(group, self.actor_ref)

    def on_receive(self, message: Any) -> Any:
        self.got.append(message)
        return list(self.got)


class AsyncMember(Member):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Member, AsyncMember], ids=["def", "async def"])


def is_empty(pg: Groups) -> bool:
    rosters = (pg._members, pg._monitors)
    return not any(roster.by_key or roster.by_ref for roster in rosters)


# -- members ------------------------------------------------------------------------------


@KINDS
async def test_a_member_may_join_several_times_and_leaves_as_often(kind: Any) -> None:
    async with system():
        pg, one, two = groups(), kind.start(), kind.start()
        pg.join("news", one)
        pg.join("news", two, one)
        assert pg.members("news") == [one, one, two]
        assert pg.which_groups() == ["news"]
        assert pg.leave("news", one)
        assert pg.members("news") == [one, two]
        assert pg.leave("news", one, two)
        assert not pg.leave("news", one)
        assert not pg.leave("sports", one)
        assert pg.members("news") == pg.which_groups() == []
        assert is_empty(pg)
        assert not one.actor_inbox._watchers


@KINDS
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_members_leave_when_they_end(kind: Any, end: str) -> None:
    async with system():
        pg, ref = groups(), kind.start("news", "news", "sports")
        assert pg.members("news") == [ref, ref]
        getattr(ref, end)()
        await ref.stopped()
        assert is_empty(pg)


@KINDS
async def test_joining_with_a_dead_reference_is_an_error_and_nobody_joins(kind: Any) -> None:
    async with system():
        pg, dead, alive = groups(), kind.start(), kind.start()
        await dead.stop()
        with pytest.raises(ActorDeadError, match="not found"):
            pg.join("news", alive, dead)
        assert is_empty(pg)


async def test_an_actor_of_another_system_cannot_join_or_monitor() -> None:
    async with system():
        ref = Member.start()
        async with system():
            with pytest.raises(UsageError, match="another actor system"):
                groups().join("news", ref)
            with pytest.raises(UsageError, match="another actor system"):
                groups().monitor("news", ref)
            assert is_empty(groups())


async def test_an_actor_whose_constructor_fails_has_not_joined() -> None:
    async with system():
        with pytest.raises(TypeError):
            Member.start("news", ["no key of a dict"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert is_empty(groups())


async def test_scopes_know_nothing_of_each_other() -> None:
    async with system():
        ref = Member.start()
        groups("chat").join("news", ref)
        assert groups("chat") is groups("chat") is current_system().groups("chat")
        assert groups().members("news") == []
        assert groups("chat").members("news") == [ref]


@KINDS
async def test_an_incarnation_that_joins_when_it_is_built_is_a_member_once(kind: Any) -> None:
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, ("news",), {}, Reviver(actors, "news"))
        for _ in range(3):
            ref.kill()
            await ref.ask("x")
        assert groups().members("news") == [ref]
        other, _ = actors.launch(kind, ("news",), {}, Reviver(actors))
        other.kill()
        await other.ask("x")
        assert groups().members("news") == [ref]


async def test_an_actor_between_two_incarnations_is_dead_to_groups() -> None:
    class Waiting:
        def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002
            return False

        def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
            pass

    async with system() as actors:
        ref, _ = actors.launch(Member, ("news",), {}, Waiting())
        ref.kill()
        assert is_empty(groups())
        with pytest.raises(ActorDeadError):
            groups().join("news", ref)
        with pytest.raises(ActorDeadError):
            groups().monitor("news", ref)
        ref.actor_inbox.bury()


# -- broadcast ----------------------------------------------------------------------------


@KINDS
async def test_a_broadcast_reaches_each_member_once(kind: Any) -> None:
    async with system():
        pg, one, two = groups(), kind.start("news", "news"), kind.start("news")
        assert pg.broadcast("news", "extra") == 2
        assert pg.broadcast("sports", "nobody hears it") == 0
        for ref in (one, two):
            assert await ref.ask("x") == ["extra", "x"]


async def test_a_broadcast_passes_over_members_that_are_full() -> None:
    async with system():
        pg = groups()
        full = Member.with_mailbox(Bounded(1)).start()
        last = Member.start()
        pg.join("news", full, last)
        assert pg.broadcast("news", 1) == 2
        assert pg.broadcast("news", 2) == 1
        assert await last.ask("x") == [1, 2, "x"]


# -- monitors -----------------------------------------------------------------------------


@KINDS
async def test_a_monitor_is_told_of_every_change_of_its_group(kind: Any) -> None:
    async with system():
        pg, watcher = groups(), kind.start()
        one, two = kind.start("news", "sports"), kind.start()
        assert pg.monitor("news", watcher) == [one]
        assert pg.monitor("news", watcher) == [one]  # changes nothing
        pg.join("news", two, two, two)
        pg.leave("news", two, one)
        pg.leave("news", one)  # it is not in there: no change
        pg.leave("sports", one)
        two.kill()
        await two.stopped()
        assert await watcher.ask("x") == [
            GroupJoined("default", "news", (two, two, two)),
            GroupLeft("default", "news", (two, one)),
            GroupLeft("default", "news", (two, two)),
            "x",
        ]


@KINDS
async def test_a_monitor_of_the_scope_is_told_of_every_group_once(kind: Any) -> None:
    async with system():
        pg, watcher, ref = groups("chat"), kind.start(), kind.start()
        pg.join("news", ref)
        assert pg.monitor_scope(watcher) == {"news": [ref]}
        assert pg.monitor("sports", watcher) == []
        pg.join("sports", ref)
        pg.leave("news", ref)
        assert await watcher.ask("x") == [
            GroupJoined("chat", "sports", (ref,)),
            GroupLeft("chat", "news", (ref,)),
            "x",
        ]


@KINDS
async def test_after_demonitor_nothing_is_told(kind: Any) -> None:
    async with system():
        pg, watcher, ref = groups(), kind.start(), kind.start()
        pg.demonitor(watcher)  # harmless
        pg.monitor("news", watcher)
        pg.monitor_scope(watcher)
        pg.demonitor(watcher)
        pg.join("news", ref)
        assert await watcher.ask("x") == ["x"]
        assert not watcher.actor_inbox._watchers


async def test_a_monitor_that_ends_is_forgotten() -> None:
    async with system():
        pg, watcher, ref = groups(), Member.start(), Member.start()
        pg.monitor("news", watcher)
        await watcher.stop()
        assert is_empty(pg)
        with pytest.raises(ActorDeadError):
            pg.monitor("news", watcher)
        pg.join("news", ref)


async def test_a_member_that_is_a_monitor_too_stays_the_one_when_it_ceases_to_be_the_other() -> None:
    async with system():
        pg, ref = groups(), Member.start("news")
        pg.monitor("news", ref)
        pg.leave("news", ref)
        await ref.stop()
        assert is_empty(pg)
        ref = Member.start("news")
        pg.monitor("news", ref)
        pg.demonitor(ref)
        await ref.stop()
        assert is_empty(pg)


# -- threads ------------------------------------------------------------------------------


class Contended(str):
    """A group at which other threads get their turn, whenever it is looked up."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0)
        return super().__hash__()


def test_from_any_thread_members_and_messages_agree() -> None:
    """What the monitor was told adds up to the members, whatever order the threads ran in."""

    def join_and_leave(ref: ActorRef[Any]) -> None:
        for _ in range(50):
            pg.join(news, ref)
            pg.leave(news, ref)
        pg.join(news, ref)

    news = Contended("news")
    with system_in_thread():
        pg, watcher = groups(), Member.start()
        refs = [Member.start() for _ in range(2)]
        assert pg.monitor(news, watcher) == []
        threads = [threading.Thread(target=join_and_leave, args=(ref,)) for ref in refs * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        present: Counter[ActorRef[Any]] = Counter()
        for change in watcher.ask("x")[:-1]:
            if isinstance(change, GroupJoined):
                present.update(change.refs)
            else:
                assert all(present[ref] > 0 for ref in change.refs)
                present.subtract(change.refs)
        assert present == Counter(pg.members(news)) == Counter(refs * 2)
        for ref in refs:
            ref.stop()
        watcher.stop()
        assert is_empty(pg)


def test_an_actor_that_ends_while_another_thread_lets_it_join_is_no_member() -> None:
    with system_in_thread() as actors:
        pg, refs = groups(), [Member.start() for _ in range(50)]
        for ref in refs:
            ref.kill()  # a moment later, on the loop
            try:
                pg.join("news", ref)
            except ActorDeadError:
                continue
        Member.start().ask("the loop has seen to all of that")
        assert is_empty(pg)
        assert len(actors.actors) == 1


# -- the roster, against a model of it ----------------------------------------------------

GROUPS = st.sampled_from("abc")
REFS: Any = st.sampled_from([1, 2, 3])


class RosterMachine(RuleBasedStateMachine):
    """A roster does what a plain list of memberships would."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster("group")
        self.model: list[tuple[str, Any]] = []

    @rule(group=GROUPS, ref=REFS)
    def add(self, group: str, ref: Any) -> None:
        self.roster.add(group, ref)
        self.model.append((group, ref))

    @rule(group=GROUPS, ref=REFS)
    def remove(self, group: str, ref: Any) -> None:
        was_in = (group, ref) in self.model
        assert self.roster.remove(group, ref) == was_in
        if was_in:
            self.model.remove((group, ref))

    @rule(ref=REFS)
    def drop(self, ref: Any) -> None:
        expected = {group: self.model.count((group, ref)) for group, each in self.model if each == ref}
        assert {group: len(values) for group, values in self.roster.drop(ref)} == expected
        self.model = [each for each in self.model if each[1] != ref]

    @invariant()
    def both_sides_agree_with_the_model(self) -> None:
        for group in "abc":
            assert Counter(self.roster.refs(group)) == Counter(
                ref for each, ref in self.model if each == group
            )
        assert set(self.roster.by_key) == {group for group, _ in self.model}
        assert {ref: {group for group, _ in of.values()} for ref, of in self.roster.by_ref.items()} == {
            ref: {group for group, each in self.model if each == ref} for _, ref in self.model
        }


TestRoster = RosterMachine.TestCase
TestRoster.settings = settings(max_examples=50, stateful_step_count=20)
