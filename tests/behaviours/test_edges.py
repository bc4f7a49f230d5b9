"""What is handed to behaviours and makes no sense, or means harm, harms its caller, or its handler, and nobody else."""

# Hostile on purpose: the types of what is wrong are not known.
# pyright: reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, sys, system
from cometary.behaviours import (
    Agent,
    Consumer,
    EventHandler,
    EventManager,
    Producer,
    Swap,
    add_handler,
    call_handler,
    notify,
    remove_handler,
    swap_handler,
    sync_notify,
    which_handlers,
)
from cometary.errors import StrayExitError, UsageError
from tests.actors.hostile import RAISED, Fading, hostile, hostile_class, hostile_error

WHAT = pytest.mark.parametrize("what", RAISED, ids=lambda kind: kind.__name__)
TOLD = (*RAISED[:1], StrayExitError)


def raising(what: type[BaseException]) -> Callable[..., Any]:
    def act(*_: object) -> Any:
        raise what

    return act


class Listener(EventHandler):
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0
        self.stopped = False

    def on_event(self, event: object) -> None:
        self.heard += 1

    def on_call(self, request: Any) -> Any:
        return request()

    def on_stop(self, exit: object) -> None:  # noqa: A002
        self.stopped = True


class Returning(EventHandler):
    """Answers each event with what it was made with."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def on_event(self, event: object) -> Any:
        return self.what


# -- calls that are meant for somebody else -------------------------------------------------------------------


class Worker(Actor):
    """Would take everything for work of its own."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def on_receive(self, message: object) -> None:
        self.got.append(message)


CALLS: list[Callable[[ActorRef[Any]], Any]] = [
    Agent.get,
    lambda ref: Agent.update(ref, str),
    lambda ref: Agent.get_and_update(ref, lambda value: (value, value)),
    lambda ref: Agent.cast(ref, str),
    lambda ref: notify(ref, "event"),
    lambda ref: sync_notify(ref, "event"),
    lambda ref: add_handler(ref, Listener()),
    lambda ref: remove_handler(ref, Listener),
    lambda ref: swap_handler(ref, Listener, Listener()),
    lambda ref: call_handler(ref, Listener, "request"),
    which_handlers,
]


async def test_what_is_meant_for_a_behaviour_reaches_no_other_actor() -> None:
    async with system():
        worker = Worker.start()
        for call in CALLS:
            with pytest.raises(UsageError, match=r"Worker .* is not of the class (Agent|EventManager)"):
                call(worker)
        assert (await sys.get_state(worker))["got"] == []


# -- agents ---------------------------------------------------------------------------------------------------


async def test_an_agent_is_not_started_with_its_value() -> None:
    async with system():
        value: Any = 0
        with pytest.raises(UsageError, match="what makes its value, such as dict, not 0"):
            Agent.start(value)


async def test_what_changes_an_agent_is_not_async_and_changes_nothing_then() -> None:
    async def later(_: int) -> tuple[int, int]:
        await trio.lowlevel.checkpoint()
        return 1, 1

    async def make() -> int:
        await trio.lowlevel.checkpoint()
        return 1

    async with system():
        agent = Agent.start(int)
        with pytest.raises(UsageError, match="a function of an agent cannot be async"):
            await Agent.update(agent, later)
        with pytest.raises(UsageError, match="a function of an agent cannot be async"):
            await Agent.get_and_update(agent, later)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert await Agent.get(agent) == 0
        with pytest.raises(UsageError, match="what makes the value of an agent cannot be async"):
            await Agent.start_async(make)


@WHAT
async def test_what_a_callers_function_raises_is_the_callers_and_spares_the_agent(
    what: type[BaseException],
) -> None:
    async with system():
        agent = Agent.start(int, 42)
        for call in (Agent.get, Agent.update, Agent.get_and_update):
            with pytest.raises(TOLD) as caught:
                await call(agent, raising(what))
            assert what in (type(caught.value), type(caught.value.__cause__))
        assert await Agent.get(agent) == 42


async def test_an_error_of_a_callers_function_keeps_its_cause() -> None:
    cause = KeyError("first")

    def fail(_: object) -> None:
        raise LookupError from cause

    async with system():
        with pytest.raises(LookupError) as caught:
            await Agent.get(Agent.start(int), fail)
        assert caught.value.__cause__ is cause


@WHAT
async def test_a_hostile_value_is_kept_and_shown(what: type[BaseException]) -> None:
    async with system():
        agent = Agent.start(hostile, what)
        await Agent.update(agent, lambda _: hostile(what))
        await Agent.get_and_update(agent, lambda value: (value, value))
        assert "Hostile" in str((await sys.get_status(agent)).shown)
        agent.tell(hostile(what))
        assert type(await Agent.get(agent)).__name__ == "Hostile"


# -- event managers -------------------------------------------------------------------------------------------


async def test_what_is_no_handler_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[Any] = [Listener, print, None]
    async with system():
        manager = EventManager.start()
        listener = Listener()
        await add_handler(manager, listener)
        for each in wrong:
            with pytest.raises(UsageError, match="an instance of a subclass of EventHandler, not"):
                add_handler(manager, each)
            with pytest.raises(UsageError, match="an instance of a subclass of EventHandler, not"):
                swap_handler(manager, Listener, each)
            await add_handler(manager, Returning(Swap(each)), id="swaps")
            await sync_notify(manager, "event")
            assert await which_handlers(manager) == (Listener,)
        assert listener.heard == len(wrong)
    # Whoever swapped itself for it has crashed of that, and the log says so.
    crashes = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert crashes == [UsageError] * len(wrong)


@WHAT
async def test_what_a_handler_raises_when_it_is_added_or_asked_spares_the_manager(
    what: type[BaseException],
) -> None:
    class Broken(EventHandler):
        on_start = raising(what)

    async with system():
        manager, listener = EventManager.start(), Listener()
        await add_handler(manager, listener, id="listener")
        calls: list[Callable[[], Any]] = [
            lambda: add_handler(manager, Broken()),
            lambda: call_handler(manager, "listener", raising(what)),
        ]
        for call in calls:
            with pytest.raises(TOLD):
                await call()
        assert await which_handlers(manager) == ()
        assert listener.stopped


@WHAT
async def test_hostile_handlers_and_what_they_return_spare_the_others(what: type[BaseException]) -> None:
    async with system():
        manager, listener = EventManager.start(), Listener()
        strange = hostile_class(what, EventHandler)
        await add_handler(manager, object.__new__(strange), id="strange")
        await add_handler(manager, Returning(hostile(what)), id="returns")
        await add_handler(manager, Returning(Swap(hostile(what))), id="swaps")
        await add_handler(manager, Returning(Swap(Listener(), hostile(what))), id="swaps for an id")
        await add_handler(manager, Returning(Swap(Listener(), "new")), id="swaps well")
        await add_handler(manager, listener, id="listener")
        await sync_notify(manager, hostile(what))
        manager.tell(hostile(what))
        assert await which_handlers(manager) == ("strange", "listener", "new")
        assert listener.heard == 2
        await sys.get_status(manager)


@WHAT
async def test_ids_that_can_be_compared_no_more_harm_nobody(
    what: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Owning(Actor):
        def on_receive(self, message: Fading) -> None:
            add_handler(manager, Listener(), id=message, owner=self)

    class Broken(EventHandler):
        def on_event(self, event: object) -> None:
            raise hostile_error(what, BaseException)

    async with system():
        manager, listener = EventManager.start(), Listener()
        ids = [Fading(what) for _ in range(4)]
        owner = Owning.start()
        owner.tell(ids[0])
        await wait_all_tasks_blocked()
        await add_handler(manager, Broken(), id=ids[1])
        await add_handler(manager, Returning(Swap(Listener(), "new")), id=ids[2])
        await add_handler(manager, Returning(None), id=ids[3])
        await add_handler(manager, listener, id="listener")
        for each in ids:
            each.fade()
        await sync_notify(manager, "event")
        owner.kill()
        await wait_all_tasks_blocked()
        with pytest.raises(TOLD):
            await remove_handler(manager, ids[3])
        assert await which_handlers(manager) == (ids[3], "listener", "new")
        assert listener.heard == 1
        assert caplog.text.count("can be neither hashed nor compared any more") == 3
        for each in ids:
            each.faded = False
        with pytest.raises(UsageError, match="has no handler"):
            await remove_handler(manager, ids[1])
        await manager.stop()
        assert listener.stopped


# -- producers and consumers ----------------------------------------------------------------------------------


class Numbers(Producer):
    """Has no constructor that calls that of its base, as other actors need none."""

    def __init__(self, first: int) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.next = first

    def on_demand(self, demand: int) -> range:
        self.next += demand
        return range(self.next - demand, self.next)


class Reader(Consumer):
    def __init__(self, producer: ActorRef[Numbers]) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.producer = producer
        self.read: list[int] = []

    def on_start(self) -> None:
        self.subscribe(self.producer, max_demand=2)

    def on_events(self, events: Any, producer: Any) -> None:
        self.read.extend(events)
        if len(self.read) > 3:
            self.unsubscribe(producer)


async def test_a_constructor_of_ones_own_need_not_call_that_of_the_base() -> None:
    async with system():
        reader = Reader.start(Numbers.start(7))
        await wait_all_tasks_blocked()
        assert (await sys.get_state(reader))["read"] == [7, 8, 9, 10]


async def test_a_consumer_without_on_events_says_so() -> None:
    class Wrong(Consumer):
        def on_start(self) -> None:
            self.subscribe(Numbers.start(0), max_demand=2)

    async with system():
        exit_ = await Wrong.start().stopped()
        assert str(exit_.error) == "Wrong has no on_events"
