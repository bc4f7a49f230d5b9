"""Actors with async handlers, and tasks of actors: what is said of their ends, and what is left of what came before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from cometary.actors import NORMAL, Actor, system
from cometary.actors.future import Future
from cometary.actors.incarnation import OwnedTasks, Promises
from cometary.actors.tasks import Task
from cometary.errors import TaskCancelledError
from cometary.supervision import ChildSpec
from tests.supervision.company import child, company


class Doing(Actor):
    """Does what it is told with itself."""

    async def on_receive(self, message: Callable[[Doing], Any]) -> Any:
        return message(self)


async def test_once_it_has_answered_nobody_waits_for_an_answer() -> None:
    seen: list[bool] = []

    def look(actor: Doing) -> None:
        seen.append(actor._cell.replying is None)

    async with system():
        ref = Doing.start()
        await ref.ask(look)
        ref.tell(look)
        await ref.stop()
    assert seen == [False, True]


async def test_a_stop_with_a_reason_that_nobody_sees_to_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        await Doing.start().stop(exit="out of paper")
    [record] = caplog.records
    assert record.getMessage().endswith("stopped: out of paper")


class Stopping(Actor):
    """Has a task that fails while it stops."""

    def on_start(self) -> None:
        self.stopping = trio.Event()
        self.start_task(self.fail)

    async def on_receive(self, message: object) -> None:
        """Do nothing."""

    async def fail(self) -> None:
        await self.stopping.wait()
        raise ZeroDivisionError

    async def on_stop(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        with trio.CancelScope(shield=True):
            self.stopping.set()
            cell: Any = self._cell
            while not cell.doomed:
                await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("supervised", [False, True])
async def test_what_failed_while_it_stopped_is_logged_once_and_it_has_stopped(
    supervised: bool, caplog: pytest.LogCaptureFixture
) -> None:
    kind = Stopping if supervised else Doing
    async with company(ChildSpec("a", kind, restart="temporary")) as root:
        ref = await child(root, "a") if supervised else Stopping.start()
        await wait_all_tasks_blocked()
        await ref.stop()
        assert await ref.stopped() == NORMAL
    [record] = [record for record in caplog.records if "ZeroDivisionError" in str(record.exc_info)]
    assert "Unhandled exception" in record.getMessage()


async def test_a_task_that_is_cancelled_with_everything_is_lost_and_says_so() -> None:
    async with system() as running:
        tasks = OwnedTasks((await Doing.start_async()).actor_inbox, begun=True)
        task = Task(running, trio.sleep_forever, ())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tasks._run, task)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(TaskCancelledError, match="cancelled"):
            task.get(timeout=0)


async def test_a_task_that_comes_too_late_is_lost_and_says_so() -> None:
    async with system() as running:
        ref = await Doing.start_async()
        tasks = OwnedTasks(ref.actor_inbox, begun=True)
        tasks.end(lambda: None)
        task = Task(running, trio.sleep_forever, ())
        tasks._start(task)
        with pytest.raises(TaskCancelledError, match="started by an actor that has ended"):
            task.get(timeout=0)
        assert tasks.count == 0


async def test_a_task_that_is_cancelled_by_a_finalizer_goes_on_until_a_moment_later() -> None:
    tasks: list[Task[Any]] = []

    def start(actor: Doing) -> None:
        tasks.append(actor.start_task(trio.sleep_forever))
        assert not tasks[0].begun

    async with system():
        await Doing.start().ask(start)
        [task] = tasks
        await wait_all_tasks_blocked()
        assert task.begun
        task.cancel_soon()
        assert not task._cancelled
        with pytest.raises(TaskCancelledError, match="cancelled"):
            await task
    task.cancel_soon()  # nor does it harm when there is no system any more


def test_a_promise_that_is_kept_already_is_not_remembered() -> None:
    reply = Future[int]()
    reply.set(1)
    promises = Promises()
    assert promises.add(reply) is reply
    assert not promises._open
