"""Registries: who has a key, with what value, until when, and who is told of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Bounded,
    DuplicateRegistry,
    Entry,
    Registered,
    Registry,
    UniqueRegistry,
    Unregistered,
    Via,
    ask,
    groups,
    register,
    system,
    system_in_thread,
    unregister,
    whereis,
)
from cometary.errors import ActorEndedError, NameTakenError, UsageError
from cometary.supervision import ChildSpec, DynamicSupervisor, start_child_async, supervise
from tests.actors.reviver import Reviver

AnyRegistry = UniqueRegistry | DuplicateRegistry


class Member(Actor):
    def __init__(self, registry: AnyRegistry | None = None, key: object = None, value: object = None) -> None:
        super().__init__()
        self.got: list[Any] = []
        if registry is not None:
            registry.register(key, self.actor_ref, value)

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError("lost")
        self.got.append(message)
        return self.got


class AsyncMember(Member):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Member, AsyncMember], ids=["def", "async def"])
BOTH = pytest.mark.parametrize("registry_class", [UniqueRegistry, DuplicateRegistry])


def is_empty(registry: AnyRegistry) -> bool:
    tables: list[Any] = [registry._listeners]
    if isinstance(registry, UniqueRegistry):
        tables += [registry._by_key, registry._by_ref]
    else:
        tables += [registry._entries.by_key, registry._entries.by_ref]
    return not any(tables) and len(registry) == 0


def revived(actors: ActorSystem, kind: type[Member], *args: Any) -> ActorRef[Member]:
    """Start an actor that is restarted whenever it ends."""
    ref, _ = actors.launch(kind, args, {}, Reviver(actors, *args))
    return ref


def left_in(actors: Any) -> bool:
    return bool(actors.names._elsewhere or actors.names._vias or len(actors.names))


# -- both -------------------------------------------------------------------------------------


@BOTH
async def test_what_is_registered_can_be_looked_up_from_either_side(
    registry_class: type[AnyRegistry],
) -> None:
    registry = registry_class()
    async with system():
        ada, bob = Member.start(), Member.start()
        assert (registry.lookup("a"), registry.keys(ada), registry.values("a", ada)) == ([], [], [])
        registry.register("a", ada, 1)
        registry.register("b", ada)
        registry.register("c", bob, 3)
        assert registry.lookup("a") == [Entry("a", ada, 1)]
        assert registry.lookup("b") == [Entry("b", ada, None)]
        assert registry.keys(ada) == ["a", "b"]
        assert registry.values("a", ada) == [1]
        assert registry.values("a", bob) == registry.values("z", ada) == []
        assert len(registry) == 3
        assert registry.select() == [Entry("a", ada, 1), Entry("b", ada, None), Entry("c", bob, 3)]
        assert registry.select(lambda entry: entry.ref is bob) == [Entry("c", bob, 3)]
        assert registry.lookup("a", lambda entry: entry.value > 0) == [Entry("a", ada, 1)]
        assert registry.lookup("a", lambda entry: entry.value > 1) == []


@BOTH
@KINDS
@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
async def test_the_end_of_an_actor_takes_it_out(
    registry_class: type[AnyRegistry], kind: type[Member], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    registry = registry_class()
    async with system() as actors:
        ref = kind.start()
        for key in ("a", "b"):
            registry.register(key, ref)
        if end == "crash":
            ref.tell("crash")
        else:
            getattr(ref, end)()
        await ref.stopped()
        assert is_empty(registry)
        assert not left_in(actors)


@BOTH
async def test_keys_are_compared_as_a_dict_does(registry_class: type[AnyRegistry]) -> None:
    registry = registry_class()
    async with system():
        ref = Member.start()
        registry.register(("room", 1), ref)
        assert registry.lookup(("room", 1.0)) == [Entry(("room", 1), ref, None)]
        assert registry.lookup("room") == []
        no_key: Any = []
        with pytest.raises(TypeError, match="unhashable"):
            registry.register(no_key, ref)
        assert len(registry) == 1


@BOTH
async def test_who_has_ended_is_not_registered(registry_class: type[AnyRegistry]) -> None:
    registry = registry_class()
    async with system() as actors:
        ref = Member.start()
        await ref.stop()
        with pytest.raises(ActorDeadError, match="not found"):
            registry.register("a", ref)
        with pytest.raises(ActorDeadError, match="not found"):
            registry.listen(ref)
        assert is_empty(registry)
        assert not left_in(actors)


@BOTH
@KINDS
async def test_a_constructor_that_fails_leaves_nothing(
    registry_class: type[AnyRegistry], kind: type[Member]
) -> None:
    class Failing(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(registry, "a")
            registry.listen(self.actor_ref)
            raise LookupError("no")

    registry = registry_class()
    async with system() as actors:
        with pytest.raises(LookupError):
            Failing.start()
        assert is_empty(registry)
        assert not left_in(actors)


@BOTH
async def test_an_entry_is_dispatched_to_in_the_callers_place(registry_class: type[AnyRegistry]) -> None:
    registry, seen = registry_class(), list[list[Entry]]()
    async with system():
        ada = Member.start()
        registry.dispatch("a", seen.append)
        assert seen == []
        registry.register("a", ada, 1)
        registry.register("b", ada, 2)
        registry.dispatch("a", seen.append)
        assert seen == [[Entry("a", ada, 1)]]

        def fail(entries: list[Entry]) -> None:
            raise LookupError(str(len(entries)))

        with pytest.raises(LookupError, match="1"):
            registry.dispatch("a", fail)


@BOTH
async def test_listeners_are_told_of_every_change_in_its_order(registry_class: type[AnyRegistry]) -> None:
    registry = registry_class()
    async with system():
        listener, ada, bob = Member.start(), Member.start(), Member.start()
        registry.register("before", ada)
        for _ in range(2):
            registry.listen(listener)
        registry.register("a", ada, 1)
        registry.register("b", bob)
        if isinstance(registry, UniqueRegistry):
            registry.unregister("a")
        else:
            registry.unregister("a", ada)
        await bob.stop()
        await ada.stop()
        assert await listener.proxy().got == [
            Registered(registry, "a", ada, 1),
            Registered(registry, "b", bob, None),
            Unregistered(registry, "a", ada, 1),
            Unregistered(registry, "b", bob, None),
            Unregistered(registry, "before", ada, None),
        ]
        registry.unlisten(listener)
        registry.unlisten(listener)
        registry.register("c", listener)
        assert len(await listener.proxy().got) == 5


@BOTH
async def test_a_listener_that_has_ended_is_told_nothing_and_one_that_is_full_everything(
    registry_class: type[AnyRegistry],
) -> None:
    registry = registry_class()
    async with system():
        gone, full, ada = Member.start(), Member.with_mailbox(Bounded(1)).start(), Member.start()
        for listener in (gone, full):
            registry.listen(listener)
        await gone.stop()
        for number in range(5):
            registry.register(number, ada)
        await wait_all_tasks_blocked()
        member = full.actor_inbox.actor
        assert isinstance(member, Member)
        assert [each.key for each in member.got] == [0, 1, 2, 3, 4]
        assert list(registry._listeners) == [full]


@BOTH
async def test_a_listener_listens_with_one_incarnation(
    registry_class: type[AnyRegistry], autojump_clock: MockClock
) -> None:
    registry = registry_class()
    async with system() as actors:
        ref, ada = revived(actors, Member), Member.start()
        await wait_all_tasks_blocked()
        registry.listen(ref)
        ref.tell("crash")
        await wait_all_tasks_blocked()
        registry.register("a", ada)
        assert await ref.proxy().got == []
        assert not registry._listeners


@BOTH
async def test_a_key_that_cannot_be_compared_any_more_harms_nobody(
    registry_class: type[AnyRegistry], caplog: pytest.LogCaptureFixture
) -> None:
    class Moody:
        broken = False

        def __hash__(self) -> int:
            if self.broken:
                raise LookupError("no")
            return 1

        def __eq__(self, other: object) -> bool:
            return self is other

    registry, key = registry_class(), Moody()
    async with system():
        ref = Member.start()
        registry.register(key, ref)
        registry.register("sound", ref)
        Moody.broken = True
        await ref.stop()
        assert registry.lookup("sound") == []
        assert "can be neither hashed nor compared" in caplog.text
        assert await Member.start().ask("on") == ["on"]


@BOTH
def test_threads_may_use_it_while_its_actors_end(registry_class: type[AnyRegistry]) -> None:
    registry = registry_class()
    with system_in_thread() as actors:
        refs = [Member.start() for _ in range(50)]
        for number, ref in enumerate(refs):
            ref.kill()  # a moment later, on the loop
            try:
                registry.register(number, ref)
            except ActorDeadError:
                continue
        Member.start().ask("the loop has seen to all of that")
        assert is_empty(registry)
        assert not left_in(actors)


# -- unique -----------------------------------------------------------------------------------


async def test_a_unique_key_has_one_actor() -> None:
    registry = UniqueRegistry()
    async with system():
        ada, bob = Member.start(), Member.start()
        registry.register("a", ada, 1)
        with pytest.raises(NameTakenError, match="'a' is the name of Member") as caught:
            registry.register("a", bob, 2)
        assert caught.value.ref is ada
        assert registry.lookup("a") == [Entry("a", ada, 1)]
        assert registry.keys(bob) == []
        await ada.stop()
        registry.register("a", bob, 2)
        assert registry.whereis("a") is bob


async def test_who_has_a_unique_key_may_register_again_with_another_value() -> None:
    registry = UniqueRegistry()
    async with system():
        ada, listener = Member.start(), Member.start()
        registry.listen(listener)
        registry.register("a", ada, 1)
        registry.register("a", ada)
        assert registry.values("a", ada) == [1]
        registry.register("a", ada, 2)
        assert registry.values("a", ada) == [2]
        assert registry.keys(ada) == ["a"]
        assert len(await listener.proxy().got) == 1
        await ada.stop()
        assert len(registry) == 0


async def test_the_value_of_a_unique_key_can_be_updated() -> None:
    registry = UniqueRegistry()
    async with system():
        ada = Member.start()
        registry.register("a", ada, 1)
        assert registry.update_value("a", lambda value: value + 1) == (2, 1)
        assert registry.lookup("a") == [Entry("a", ada, 2)]
        with pytest.raises(TypeError):
            registry.update_value("a", lambda value: value + "x")
        assert registry.values("a", ada) == [2]
        with pytest.raises(ActorEndedError, match="no actor is called 'b'"):
            registry.update_value("b", lambda value: value)
        await ada.stop()
        assert len(registry) == 0


async def test_what_is_no_reference_is_refused_by_all_that_keep_actors() -> None:
    wrong: list[Any] = ["name", None, Member, Member.with_name("b")]
    async with system():
        proxy: Any = Member.start().proxy()
        into: list[Callable[[Any], object]] = [
            lambda ref: UniqueRegistry().register("a", ref),
            lambda ref: UniqueRegistry().listen(ref),
            lambda ref: DuplicateRegistry().register("a", ref),
            lambda ref: register("a", ref),
            lambda ref: groups().join("a", ref),
            lambda ref: groups().monitor("a", ref),
            lambda ref: groups().monitor_scope(ref),
        ]
        for each in (*wrong, proxy):
            for put in into:
                with pytest.raises(UsageError, match="is no reference to one of Cometary's own actors"):
                    put(each)
        assert (whereis("a"), groups().members("a")) == (None, [])


async def test_a_function_that_changes_the_registry_while_it_is_asked_leaves_it_whole() -> None:
    unique, duplicate = UniqueRegistry(), DuplicateRegistry()
    async with system():
        ada = Member.start()

        def free_all(_: object) -> bool:
            unique.unregister("a")
            duplicate.unregister("a", ada)
            return True

        for value in (1, 2, 2):
            duplicate.register("a", ada, value)
        assert duplicate.unregister("a", ada, free_all) == 0
        assert (len(duplicate), duplicate.keys(ada)) == (0, [])

        def replace(entry: Entry) -> bool:
            if entry.value == 1:
                duplicate.unregister("a", ada, lambda each: each.value == 1)
                duplicate.register("a", ada, 3)
            return True

        for value in (1, 2, 2):
            duplicate.register("a", ada, value)
        assert duplicate.unregister("a", ada, replace) == 2
        assert duplicate.values("a", ada) == [3]

        unique.register("a", ada, 1)
        unique.unregister("a", free_all)
        assert (len(unique), unique.keys(ada)) == (0, [])
        unique.register("a", ada, 1)
        with pytest.raises(UsageError, match="has changed its entry"):
            unique.update_value("a", free_all)
        assert (unique.lookup("a"), unique.keys(ada)) == ([], [])
        await ada.stop()
        assert (len(unique), len(duplicate)) == (0, 0)


async def test_a_unique_key_is_freed_also_on_a_condition() -> None:
    registry = UniqueRegistry()
    async with system() as actors:
        ada = Member.start()
        registry.register("a", ada, 1)
        registry.unregister("a", lambda entry: entry.value == 2)
        assert registry.whereis("a") is ada
        registry.unregister("a", lambda entry: entry.value == 1)
        assert registry.whereis("a") is None
        for _ in range(2):
            registry.unregister("a")
        assert is_empty(registry)
        assert not left_in(actors)


async def test_an_actor_keeps_its_unique_keys_over_a_restart_and_gets_the_mail_sent_to_them(
    autojump_clock: MockClock,
) -> None:
    registry = UniqueRegistry()
    async with system() as actors:
        ref = revived(actors, Member, registry, "a", 1)
        listener = Member.start()
        await wait_all_tasks_blocked()
        registry.listen(listener)
        ref.tell("crash")
        registry.send("a", "waiting")
        await wait_all_tasks_blocked()
        assert registry.lookup("a") == [Entry("a", ref, 1)]
        assert await ref.proxy().got == ["waiting"]
        assert await listener.proxy().got == []


async def test_a_message_is_sent_to_a_unique_key() -> None:
    registry = UniqueRegistry()
    async with system():
        ada = Member.start()
        registry.register("a", ada)
        registry.send("a", 1)
        assert await ada.ask(2) == [1, 2]
        with pytest.raises(ActorEndedError, match="no actor is called 'b'") as caught:
            registry.send("b", 1)
        assert caught.value.reason == "noproc"


async def test_a_unique_registry_keeps_the_names_of_a_via() -> None:
    unique = UniqueRegistry()
    registry: Registry = unique
    via = Via(registry, "a")
    async with system() as actors:
        ada = Member.with_name(via).start()
        assert whereis(via) is ada
        assert unique.lookup("a") == [Entry("a", ada, None)]
        assert await ask(via, 1) == [1]
        with pytest.raises(NameTakenError):
            Member.with_name(via).start()
        assert f"{ada}".startswith("Member 'a' (")
        unregister(via)
        assert whereis(via) is None
        register(via, ada)
        await ada.stop()
        assert is_empty(unique)
        assert not left_in(actors)


async def test_the_names_of_a_system_are_such_a_registry() -> None:
    async with system() as actors:
        listener = Member.start()
        actors.names.listen(listener)
        ada = Member.with_name("ada").start()
        register("countess", ada)
        assert actors.names.select() == [Entry("ada", ada, None), Entry("countess", ada, None)]
        assert actors.names.update_value("ada", lambda _: 36) == (36, None)
        unregister("countess")
        await ada.stop()
        assert await listener.proxy().got == [
            Registered(actors.names, "ada", ada, None),
            Registered(actors.names, "countess", ada, None),
            Unregistered(actors.names, "countess", ada, None),
            Unregistered(actors.names, "ada", ada, 36),
        ]


async def test_actors_of_several_systems_may_be_in_one_registry() -> None:
    registry = UniqueRegistry()
    async with system() as outer:
        ada = Member.start()
        registry.register("a", ada)
        async with system() as inner:
            bob = Member.start()
            registry.register("b", bob)
            assert len(registry) == 2
        assert registry.select() == [Entry("a", ada, None)]
        assert not left_in(inner)
        await ada.stop()
        assert is_empty(registry)
        assert not left_in(outer)


# -- duplicate --------------------------------------------------------------------------------


async def test_a_duplicate_key_may_be_had_by_many_and_many_times() -> None:
    registry = DuplicateRegistry()
    async with system():
        ada, bob = Member.start(), Member.start()
        for ref, value in ((ada, 1), (bob, 2), (ada, 3), (ada, 3)):
            registry.register("a", ref, value)
        assert Counter(registry.lookup("a")) == Counter(
            [Entry("a", ada, 1), Entry("a", bob, 2), Entry("a", ada, 3), Entry("a", ada, 3)]
        )
        assert registry.values("a", ada) == [1, 3, 3]
        assert registry.keys(ada) == ["a", "a", "a"]
        assert len(registry) == 4
        await ada.stop()
        assert registry.select() == [Entry("a", bob, 2)]
        assert len(registry) == 1


async def test_each_is_told_once_however_often_it_has_the_key() -> None:
    registry = DuplicateRegistry()
    async with system():
        ada, bob, full = Member.start(), Member.start(), Member.with_mailbox(Bounded(1)).start()
        for ref in (ada, bob, full, ada):
            registry.register("a", ref)
        full.tell("no room")
        assert registry.broadcast("a", "hello") == 2
        assert registry.broadcast("b", "hello") == 0
        for ref in (ada, bob):
            assert await ref.proxy().got == ["hello"]
        assert await full.proxy().got == ["no room"]


async def test_entries_of_one_actor_are_taken_out_all_or_on_a_condition() -> None:
    registry = DuplicateRegistry()
    async with system():
        ada, bob, listener = Member.start(), Member.start(), Member.start()
        for ref, value in ((ada, 1), (bob, 1), (ada, 2), (ada, 3)):
            registry.register("a", ref, value)
        registry.listen(listener)
        assert registry.unregister("a", ada, lambda entry: entry.value > 1) == 2
        assert registry.unregister("a", ada, lambda entry: entry.value > 1) == 0
        assert registry.lookup("a") == [Entry("a", ada, 1), Entry("a", bob, 1)]
        assert registry.unregister("a", ada) == 1
        assert registry.unregister("a", ada) == registry.unregister("z", ada) == 0
        assert registry.select() == [Entry("a", bob, 1)]
        assert await listener.proxy().got == [Unregistered(registry, "a", ada, value) for value in (2, 3, 1)]
        assert not ada.actor_inbox._watchers


@KINDS
async def test_what_an_incarnation_has_registered_ends_with_it(
    kind: type[Member], autojump_clock: MockClock
) -> None:
    registry = DuplicateRegistry()
    async with system() as actors:
        ref = revived(actors, kind, registry, "a", 1)
        await wait_all_tasks_blocked()
        registry.register("b", ref)
        ref.tell("crash")
        await wait_all_tasks_blocked()
        assert registry.select() == [Entry("a", ref, 1)]  # by the next one


@KINDS
async def test_what_a_constructor_has_registered_that_fails_at_a_restart_ends_with_it(
    kind: type[Member], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    registry, pg_failures = DuplicateRegistry(), [False, True, False]

    class Failing(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(registry, "a", 1)
            groups().join("all", self.actor_ref)
            if pg_failures.pop(0):
                raise LookupError("no")

    async with (
        system(),
        supervise([ChildSpec("crowd", DynamicSupervisor, kwargs={"intensity": 9}, name="crowd")]),
    ):
        ref = await start_child_async("crowd", Failing)
        ref.tell("crash")
        await wait_all_tasks_blocked()
        assert pg_failures == []
        assert registry.select() == [Entry("a", ref, 1)]
        assert groups().members("all") == [ref]


class AgainstModel(RuleBasedStateMachine):
    """A registry does what a plain list of entries would."""

    registry: Any

    def __init__(self) -> None:
        super().__init__()
        self.model: list[Entry] = []

    @invariant()
    def every_side_agrees_with_the_model(self) -> None:
        assert len(self.registry) == len(self.model)
        assert Counter(self.registry.select()) == Counter(self.model)
        for key in "abc":
            assert Counter(self.registry.lookup(key)) == Counter(
                each for each in self.model if each.key == key
            )
        for ref in FAKES:
            assert Counter(self.registry.keys(ref)) == Counter(e.key for e in self.model if e.ref is ref)


class Fake(ActorRef[Any]):
    """What a registry wants of a reference."""

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
        pass

    @property
    def itself(self) -> Any:
        return self

    actor_inbox: Any = itself  # and not set: compiled, that takes nothing but a cell
    system = names = actor = itself

    def is_alive(self) -> bool:
        return True

    def _ignore(self, *_: object) -> None:
        pass

    post = watch = unwatch = until_end = not_until_end = _ignore

    def __str__(self) -> str:
        return "a fake"

    __repr__ = __str__


FAKES: list[Any] = [Fake(), Fake(), Fake()]
KEYS, REFS, VALUES = st.sampled_from("abc"), st.sampled_from(FAKES), st.integers(1, 3)


def having(value: int) -> Callable[[Entry], bool]:
    return lambda entry: entry.value == value


class UniqueMachine(AgainstModel):
    def __init__(self) -> None:
        super().__init__()
        self.registry = UniqueRegistry()

    @rule(key=KEYS, ref=REFS, value=VALUES)
    def register(self, key: str, ref: Any, value: int) -> None:
        held = [each for each in self.model if each.key == key]
        if held and held[0].ref is not ref:
            with pytest.raises(NameTakenError):
                self.registry.register(key, ref, value)
            return
        self.registry.register(key, ref, value)
        self.model = [each for each in self.model if each.key != key] + [Entry(key, ref, value)]

    @rule(key=KEYS, value=VALUES)
    def unregister(self, key: str, value: int) -> None:
        self.registry.unregister(key, having(value))
        self.model = [each for each in self.model if each.key != key or each.value != value]

    @rule(ref=REFS)
    def end(self, ref: Any) -> None:
        self.registry.forget(ref)
        self.model = [each for each in self.model if each.ref is not ref]


class DuplicateMachine(AgainstModel):
    def __init__(self) -> None:
        super().__init__()
        self.registry = DuplicateRegistry()

    @rule(key=KEYS, ref=REFS, value=VALUES)
    def register(self, key: str, ref: Any, value: int) -> None:
        self.registry.register(key, ref, value)
        self.model.append(Entry(key, ref, value))

    @rule(key=KEYS, ref=REFS, value=VALUES)
    def unregister(self, key: str, ref: Any, value: int) -> None:
        entry = Entry(key, ref, value)
        assert self.registry.unregister(key, ref, having(value)) == self.model.count(entry)
        self.model = [each for each in self.model if each != entry]

    @rule(ref=REFS)
    def end(self, ref: Any) -> None:
        ended: Any = None
        self.registry._ended(ref, ended)
        self.model = [each for each in self.model if each.ref is not ref]


TestUnique = UniqueMachine.TestCase
TestDuplicate = DuplicateMachine.TestCase
for case in (TestUnique, TestDuplicate):
    case.settings = settings(max_examples=50, stateful_step_count=20)
