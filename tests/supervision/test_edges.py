"""Hostile children, messages and callbacks of supervisors: each harms its own actor, and is reported like any crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, system
from cometary.errors import ChildStartError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    InThread,
    Supervisor,
    latest_reports,
    start_child,
    subscribe,
    subscribe_progress,
    supervise,
    which_children,
)
from cometary.supervision.traceback_text import TracebackText
from tests.actors.hostile import RAISED, deep_error, hostile, hostile_error, strange_errors
from tests.supervision.company import child

WHAT = pytest.mark.parametrize("what", RAISED, ids=lambda kind: kind.__name__)


class Bystander(Actor):
    def on_receive(self, message: Any) -> str:
        return "well"


class Worker(Actor):
    """Keeps what it was started with, and does what it is told."""

    def __init__(self, argument: Any = None) -> None:
        super().__init__()
        self.argument = argument

    def on_receive(self, message: Any) -> Any:
        if type(message) is type(_well):
            return message(self)
        return "well"


class AsyncWorker(Worker):
    async def on_receive(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return super().on_receive(message)


def _well(_: Any) -> str:
    return "well"


KINDS = pytest.mark.parametrize("kind", [Worker, AsyncWorker], ids=["def", "async def"])


def raising(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    def act(*_args: object) -> Any:
        raise error

    return act


BYSTANDER = ChildSpec("bystander", Bystander)


async def assert_unharmed(root: ActorRef[Supervisor], bystander: ActorRef[Any], actor: object) -> None:
    await wait_all_tasks_blocked()
    assert await bystander.ask("how are you?") == "well"
    assert bystander.actor_inbox.actor is actor  # not even restarted
    assert root.is_alive()


@WHAT
@KINDS
async def test_what_a_child_raises_is_reported_and_the_child_restarted(
    kind: type[Worker], what: type[BaseException]
) -> None:
    async with system(), supervise([BYSTANDER, ChildSpec("worker", kind)], intensity=9) as root:
        bystander, worker = await child(root, "bystander"), await child(root, "worker")
        before = bystander.actor_inbox.actor
        worker.tell(raising(what))
        assert await worker.ask("how are you?") == "well"
        worker.tell(raising(hostile_error(what)))
        assert await worker.ask("how are you?") == "well"
        first, second = latest_reports(root)
        assert (first.child, first.reason, first.action, first.error) == (
            "worker",
            "crashed",
            "restart",
            f"{what.__name__}()",
        )
        assert f"whose repr raised {what.__name__}" in str(second.error)
        assert "in act" in second.traceback
        await assert_unharmed(root, bystander, before)


@WHAT
async def test_what_functions_raise_is_a_crash_of_theirs(what: type[BaseException]) -> None:
    began: list[str] = []

    async def function() -> None:
        began.append("async")
        if began.count("async") == 1:
            raise what
        await trio.sleep_forever()

    def blocking(stopping: Any) -> None:
        began.append("blocking")
        if began.count("blocking") == 1:
            raise what
        stopping.wait()

    children = [BYSTANDER, ChildSpec("async", function), ChildSpec("blocking", InThread(blocking))]
    async with system(), supervise(children, intensity=9) as root:
        bystander = await child(root, "bystander")
        before = bystander.actor_inbox.actor
        with trio.fail_after(20):
            while len(began) < 4:
                await trio.lowlevel.checkpoint()
        assert {report.child for report in latest_reports(root)} == {"async", "blocking"}
        await assert_unharmed(root, bystander, before)


@WHAT
@pytest.mark.parametrize("hook", ["__init__", "on_start"])
async def test_what_a_start_raises_is_told_to_whoever_wanted_it(what: type[BaseException], hook: str) -> None:
    broken = type("Broken", (Worker,), {hook: raising(what)})
    async with system(), supervise([BYSTANDER], intensity=9) as root:
        bystander = await child(root, "bystander")
        before = bystander.actor_inbox.actor
        with pytest.raises(ChildStartError) as caught:
            await start_child(root, ChildSpec("broken", broken))
        assert type(caught.value.__cause__) is what
        await assert_unharmed(root, bystander, before)


@pytest.mark.parametrize("what", RAISED[1:], ids=lambda kind: kind.__name__)
async def test_an_exit_in_a_constructor_spares_the_dynamic_supervisor(what: type[BaseException]) -> None:
    class Broken(Worker):
        def __init__(self) -> None:
            raise what

    async with system(), supervise([ChildSpec("pool", DynamicSupervisor)], intensity=9) as root:
        pool = await child(root, "pool")
        bystander = await start_child(pool, Bystander)
        with pytest.raises(ChildStartError) as caught:
            await start_child(pool, Broken)
        assert type(caught.value.__cause__) is what
        assert await bystander.ask("how are you?") == "well"


@WHAT
@KINDS
async def test_a_constructor_that_raises_at_a_restart_is_another_crash(
    kind: type[Worker], what: type[BaseException]
) -> None:
    lives: list[int] = []

    class Broken(kind):  # type: ignore[misc, valid-type]
        def __init__(self, argument: Any) -> None:
            super().__init__(argument)
            lives.append(1)
            if len(lives) == 2:
                raise what

    options = {"intensity": 9, "per": "child"}
    async with system(), supervise([ChildSpec("pool", DynamicSupervisor, (), options)], intensity=9) as root:
        pool = await child(root, "pool")
        bystander = await start_child(pool, Bystander)
        worker = await start_child(pool, Broken, hostile(what))
        worker.tell(raising(what))
        assert await worker.ask("how are you?") == "well"
        assert await bystander.ask("how are you?") == "well"
        assert len(lives) == 3


@WHAT
async def test_hostile_messages_to_supervisors_are_dropped(what: type[BaseException]) -> None:
    async with system(), supervise([BYSTANDER, ChildSpec("pool", DynamicSupervisor)]) as root:
        pool, bystander = await child(root, "pool"), await child(root, "bystander")
        before = bystander.actor_inbox.actor
        for supervisor in (root, pool):
            supervisor.tell(hostile(what))
            supervisor.tell(hostile_error(what))
            assert await supervisor.ask(hostile(what)) is None
        assert await which_children(pool) == ()
        await assert_unharmed(root, bystander, before)


@WHAT
async def test_hostile_observers_and_callables_harm_no_supervisor(what: type[BaseException]) -> None:
    class Observer:
        __call__ = raising(what)
        __repr__ = raising(what)

    class Function:
        async def __call__(self) -> None:
            raise LookupError

        __repr__ = raising(what)

    async with system(), supervise([BYSTANDER], intensity=9) as root:
        bystander = await child(root, "bystander")
        before = bystander.actor_inbox.actor
        subscribe(root, Observer())
        subscribe_progress(root, Observer())
        await start_child(root, ChildSpec("function", Function().__call__, restart="temporary"))
        await wait_all_tasks_blocked()
        assert len(latest_reports(root)) == 1
        await assert_unharmed(root, bystander, before)


@WHAT
async def test_an_on_give_up_that_raises_harms_nobody(what: type[BaseException]) -> None:
    options = {"intensity": 0, "per": "child", "on_give_up": raising(what)}
    async with system(), supervise([ChildSpec("pool", DynamicSupervisor, (), options)]) as root:
        pool = await child(root, "pool")
        bystander, worker = await start_child(pool, Bystander), await start_child(pool, Worker)
        worker.tell(raising(what))
        await wait_all_tasks_blocked()
        assert not worker.is_alive()
        assert await bystander.ask("how are you?") == "well"


async def test_reports_survive_every_exception() -> None:
    hostile_ones = [hostile_error(what, base) for what in RAISED for base in (Exception, BaseException)]
    for error in [*strange_errors(), deep_error(), *hostile_ones]:
        text = str(TracebackText(error))
        assert 0 < len(text) < 20_000_000
