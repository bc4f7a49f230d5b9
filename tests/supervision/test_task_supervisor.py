"""Tasks under a supervisor: their results, links, cancellation, and what is left of them."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, Exit, ExitSignal, Response, Task, system, system_in_thread
from cometary.errors import ChildStateError, TaskCancelledError, TooManyChildrenError, UsageError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    TaskSupervisor,
    async_,
    async_nolink,
    async_stream,
    count_children,
    latest_reports,
    supervise,
    terminate_child,
    tree,
    which_children,
)


async def after(seconds: float, result: Any = None) -> Any:
    await trio.sleep(seconds)
    if isinstance(result, BaseException):
        raise result
    return result


class Owner(Actor):
    """Starts linked tasks, and notes what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        match message:
            case ("async", tasks, seconds, result):
                return async_(tasks, after, seconds, result, owner=self)
            case ("nolink", tasks, seconds, result):
                self.expect(async_nolink(tasks, after, seconds, result), result)
            case "got":
                return self.got
            case "crash":
                raise RuntimeError("crash")
            case _:
                self.got.append(message)
        return None


class TrappingOwner(Owner):
    trap_exits = True


async def test_a_task_has_its_result_and_is_a_child_until_then(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 2, "done")
        await wait_all_tasks_blocked()
        [info] = await which_children(tasks)
        assert (info.kind, info.state) == ("task", "running")
        assert await task == "done"
        assert (await count_children(tasks)).active == 0


async def test_a_task_is_called_by_its_function_wherever_it_is_shown(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        async_nolink(tasks, after, 1, LookupError("no"))
        await wait_all_tasks_blocked()
        [info] = await which_children(tasks)
        [node] = tree(tasks).children
        assert (node.kind, node.id, node.actor) == ("task", "after", "after")
        assert info.ref is not None
        assert str(info.ref).startswith("after (urn:uuid:")
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        [report] = latest_reports(tasks)
        assert (report.child, report.actor) == ("after", "after")


async def test_a_failure_is_told_and_reported_and_not_tried_again(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 1, LookupError("no"))
        with pytest.raises(LookupError, match="no"):
            await task
        assert tasks.is_alive()
        assert (await count_children(tasks)).active == 0
        [report] = latest_reports(tasks)
        assert (report.child, report.error, report.action) == ("after", "LookupError('no')", "nothing")


async def test_a_result_comes_as_a_message_to_an_actor_that_is_not_linked(autojump_clock: MockClock) -> None:
    async with system():
        tasks, owner = TaskSupervisor.start(), Owner.start()
        error = LookupError("no")
        owner.tell(("nolink", tasks, 1, "done"))
        owner.tell(("nolink", tasks, 2, error))
        await trio.sleep(3)
        assert await owner.ask("got") == [Response("done", "done"), Response(error, None, error)]


async def test_a_linked_task_ends_its_owner_with_it(autojump_clock: MockClock) -> None:
    async with system():
        tasks, owner = TaskSupervisor.start(), Owner.start()
        task: Task[Any] = await owner.ask(("async", tasks, 1, LookupError("no")))
        exit_ = await owner.stopped()
        assert (exit_.reason, str(exit_.error)) == ("crashed", "no")
        with pytest.raises(LookupError):
            await task


async def test_an_owner_that_traps_exits_is_told(autojump_clock: MockClock) -> None:
    async with system():
        tasks, owner = TaskSupervisor.start(), TrappingOwner.start()
        await owner.ask(("async", tasks, 1, LookupError("no")))
        await owner.ask(("async", tasks, 2, "fine"))
        await trio.sleep(3)
        signals: list[ExitSignal] = await owner.ask("got")
        assert [signal.exit.reason for signal in signals] == ["crashed", "normal"]


async def test_a_linked_task_that_ends_well_harms_nobody(autojump_clock: MockClock) -> None:
    async with system():
        tasks, owner = TaskSupervisor.start(), Owner.start()
        assert await (await owner.ask(("async", tasks, 1, "fine"))) == "fine"
        assert owner.is_alive()


@pytest.mark.parametrize(("end", "goes_on"), [("crash", False), ("kill", False), ("stop", True)])
async def test_the_end_of_the_owner_ends_a_linked_task_unless_it_is_normal(
    end: str, goes_on: bool, autojump_clock: MockClock
) -> None:
    async with system():
        tasks, owner = TaskSupervisor.start(), Owner.start()
        task: Task[Any] = await owner.ask(("async", tasks, 5, "done"))
        await wait_all_tasks_blocked()
        if end == "crash":
            owner.tell("crash")
        else:
            getattr(owner, end)()
        await trio.sleep(1)
        assert task.done() is not goes_on
        assert (await count_children(tasks)).active == goes_on
        if goes_on:
            assert await task == "done"


async def test_an_owner_that_has_ended_gets_no_linked_task_to_run() -> None:
    class Ended(Actor):
        def on_receive(self, message: Any) -> Any:
            return self

    ran: list[bool] = []

    async def run() -> None:
        ran.append(True)
        await trio.lowlevel.checkpoint()

    async with system():
        tasks, ref = TaskSupervisor.start(), Ended.start()
        actor: Actor = await ref.ask(None)
        await ref.stop()
        with pytest.raises(TaskCancelledError):
            await async_(tasks, run, owner=actor)
    assert not ran


async def test_a_cancelled_task_is_no_child_and_no_failure(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 5)
        await wait_all_tasks_blocked()
        task.cancel()
        with pytest.raises(TaskCancelledError, match="after"):
            await task
        assert (await count_children(tasks)).active == 0
        assert latest_reports(tasks) == ()


async def test_one_that_is_cancelled_before_it_runs_has_no_result(autojump_clock: MockClock) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 5)
        task.cancel()
        with pytest.raises(TaskCancelledError):
            await task
        assert trio.current_time() < 1


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_end_of_the_supervisor_is_told_to_who_waits(end: str) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        running = async_nolink(tasks, after, 5)
        await wait_all_tasks_blocked()
        getattr(tasks, end)()
        with pytest.raises(TaskCancelledError):
            await running
        await tasks.stopped()
        with pytest.raises(ActorDeadError):
            await async_nolink(tasks, after, 5)


async def test_a_task_can_be_terminated_like_any_child() -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 5)
        await wait_all_tasks_blocked()
        [info] = await which_children(tasks)
        assert info.ref is not None
        await terminate_child(tasks, info.ref)
        with pytest.raises(TaskCancelledError):
            await task


@pytest.mark.parametrize("exit_", [Exit("moved", LookupError("of somebody else")), Exit("crashed")])
async def test_one_that_another_actor_takes_along_is_cancelled(exit_: Exit) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 5)
        await wait_all_tasks_blocked()
        [info] = await which_children(tasks)
        assert info.ref is not None
        info.ref.exit(exit_)
        with pytest.raises(TaskCancelledError):
            await task


async def test_one_too_many_is_refused_and_there_is_room_when_one_has_its_result(
    autojump_clock: MockClock,
) -> None:
    async with system():
        tasks = TaskSupervisor.start(max_children=1)
        first, second = async_nolink(tasks, after, 1, "a"), async_nolink(tasks, after, 1, "b")
        with pytest.raises(TooManyChildrenError):
            await second
        assert await first == "a"
        assert await async_nolink(tasks, after, 1, "c") == "c"


async def test_another_supervisor_is_refused() -> None:
    async with system():
        with pytest.raises(ChildStateError, match="not a task supervisor"):
            async_nolink(DynamicSupervisor.start(), after, 1)


async def test_the_mail_of_a_task_is_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        tasks = TaskSupervisor.start()
        task = async_nolink(tasks, after, 5)
        await wait_all_tasks_blocked()
        [info] = await which_children(tasks)
        assert info.ref is not None
        info.ref.tell("hello")
        await wait_all_tasks_blocked()
        task.cancel()
    assert "A str sent to the function after was dropped" in caplog.text


async def test_it_is_a_child_like_any_supervisor(autojump_clock: MockClock) -> None:
    children = [ChildSpec("tasks", TaskSupervisor, kwargs={"max_children": 10})]
    async with system(), supervise(children) as root:
        [info] = await which_children(root)
        assert info.ref is not None
        assert await async_nolink(info.ref, after, 1, "done") == "done"


def test_threads_use_it_too() -> None:
    with system_in_thread():
        tasks = TaskSupervisor.start()
        assert async_nolink(tasks, after, 0, "done").get(timeout=30) == "done"
        waiting = async_nolink(tasks, after, 1000)
        waiting.cancel()
        with pytest.raises(TaskCancelledError):
            waiting.get(timeout=30)


async def test_it_is_found_by_its_name(autojump_clock: MockClock) -> None:
    async with system():
        TaskSupervisor.with_name("tasks").start()
        assert await async_nolink("tasks", after, 1, "done") == "done"
        with pytest.raises(ActorDeadError):
            async_nolink("nobody", after, 1)


async def test_what_has_been_called_already_is_no_task_and_what_is_not_async_fails_and_says_so() -> None:
    called: Any = after(1)
    plain: Any = str
    async with system():
        tasks = TaskSupervisor.start()
        with pytest.raises(
            UsageError, match=r"an async function and its arguments, .* not <coroutine object after"
        ):
            async_nolink(tasks, called)
        with pytest.raises(UsageError, match="an async function and its arguments"):
            async_stream(tasks, [1], called)
        for values in (async_stream(tasks, [1], plain), async_stream(tasks, [1], plain, timeout=1)):
            with pytest.raises(UsageError, match="<class 'str'> is not async: write `async def`"):
                await anext(values)
        with pytest.raises(UsageError, match="is not async"):
            await async_nolink(tasks, plain, 1)
        assert (
            await async_nolink(tasks, lambda: after(0, "whatever can be awaited"))
            == "whatever can be awaited"
        )
