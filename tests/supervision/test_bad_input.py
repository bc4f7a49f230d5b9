"""Bad input: whatever is wrong gets one clear error, or does what is written down, and leaves nothing behind."""

from __future__ import annotations

import logging
from math import nan
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorDeadError, system
from cometary.errors import ChildStartError, RestartIntensityError, SpecError, StrayExitError, UsageError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    InThread,
    PartitionSupervisor,
    Supervisor,
    SupervisorSpec,
    latest_reports,
    restart_child,
    start_child,
    supervise,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    DeepSleeper,
    Diary,
    Sleeper,
    SlowStart,
    Worker,
    child,
    company,
    crowd,
    leaving_nothing,
    settled,
    tell,
    worker,
)

# -- values -------------------------------------------------------------------------------


class Nobody(Actor):
    def on_receive(self, message: Any) -> None: ...


@pytest.mark.parametrize(
    ("fields", "error", "complaint"),
    [
        ({"restrat": "permanent"}, TypeError, "restrat"),
        ({"id": None}, SpecError, "id must be a string, not None"),
        ({"start": None}, SpecError, "start must be an Actor"),
        ({"args": "one"}, SpecError, "args must be a tuple, not 'one'"),
        ({"kwargs": ["a"]}, SpecError, "kwargs must be a mapping"),
        ({"restart": "sometimes"}, SpecError, "restart must be one of permanent, transient, temporary"),
        ({"restart": ["permanent"]}, SpecError, "restart must be one of"),
        ({"shutdown": -1}, SpecError, "shutdown must be 0 or more seconds, not -1"),
        ({"shutdown": nan}, SpecError, "shutdown must be a number of seconds"),
        ({"start_timeout": -1}, SpecError, "start_timeout must be above 0 seconds, not -1"),
        ({"keep_mail": "no"}, SpecError, "keep_mail must be True or False, not 'no'"),
        ({"significant": 1, "restart": "transient"}, SpecError, "significant must be True or False, not 1"),
        ({"mailbox": 100}, SpecError, "mailbox must be a Bounded or None"),
    ],
)
def test_a_child_with_a_wrong_field_is_refused(
    fields: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    options: dict[str, Any] = {"id": "x", "start": Nobody, **fields}
    with pytest.raises(error, match=complaint):
        ChildSpec(**options)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"strategy": "one_for_some"}, "strategy must be one of one_for_one, one_for_all, rest_for_one"),
        ({"strategy": None}, "strategy must be one of"),
        ({"period": -1}, "period must be above 0 seconds, not -1"),
        ({"intensity": -1}, "intensity must be a whole number, 0 or more, not -1"),
        ({"auto_shutdown": "always"}, "auto_shutdown must be one of"),
        ({"children": [ChildSpec("x", Nobody)] * 2}, "two children are called 'x'"),
        ({"children": 7}, "children must be a sequence"),
        ({"children": [None]}, "a child must be a ChildSpec, not None"),
    ],
)
def test_a_supervisor_with_a_wrong_field_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        SupervisorSpec(**fields)


MINUS_ONE: dict[str, Any] = {
    "shutdown of a dynamic supervisor": lambda: DynamicSupervisor.start(shutdown=-1),
    "start_timeout of a dynamic supervisor": lambda: DynamicSupervisor.start(start_timeout=-1),
    "period of a dynamic supervisor": lambda: DynamicSupervisor.start(period=-1),
    "intensity of a dynamic supervisor": lambda: DynamicSupervisor.start(intensity=-1),
    "max_children": lambda: DynamicSupervisor.start(max_children=-1),
    "period of a supervisor": lambda: Supervisor.start([], period=-1),
    "number of partitions": lambda: PartitionSupervisor.start(ChildSpec("x", Nobody), partitions=-1),
    "min of a back-off": lambda: Backoff(-1, 1),
    "max of a back-off": lambda: Backoff(1, -1),
    "jitter of a back-off": lambda: Backoff(1, 2, -1),
}


@pytest.mark.parametrize("what", MINUS_ONE)
@leaving_nothing
async def test_minus_one_is_refused(what: str) -> None:
    with pytest.raises(SpecError, match="-1"):
        MINUS_ONE[what]()


@leaving_nothing
async def test_minus_one_second_for_the_whole_tree_is_refused() -> None:
    with pytest.raises(SpecError, match="child 'root': shutdown must be 0 or more seconds, not -1"):
        async with supervise([ChildSpec("x", Nobody)], shutdown=-1):
            pytest.fail("the block must not be entered")


@pytest.mark.parametrize("bad", [-1, nan, "soon", None, True])
async def test_a_wrong_stop_timeout_of_a_system_is_refused_at_its_start(bad: Any) -> None:
    with pytest.raises(UsageError, match="stop_timeout must be 0 or more seconds"):
        async with system(stop_timeout=bad):
            pytest.fail("the block must not be entered")


@pytest.mark.parametrize("wait", [-1, -0.001, nan])
async def test_a_wrong_timeout_of_a_question_or_a_stop_is_refused_before_anything_is_sent(
    wait: float,
) -> None:
    diary = Diary()
    async with company(worker("a", diary)) as root:
        ref = await child(root, "a")
        with pytest.raises(UsageError):
            ref.ask("never sent", timeout=wait)
        with pytest.raises(UsageError):
            ref.stop(timeout=wait)
        await settled()
        assert ref.is_alive()
        assert diary == ["start a"]


# -- starts that fail ---------------------------------------------------------------------


class Raising(Actor):
    """Raises in its constructor."""

    def __init__(self) -> None:
        raise LookupError("from the constructor")

    def on_receive(self, message: Any) -> None: ...


class StartingTasks(Actor):
    """Raises in its constructor, after it has started something."""

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.start_task(self.never, diary)
        self.timer("x").start(1)
        raise LookupError("from the constructor")

    async def never(self, diary: Diary) -> None:
        diary.append("a task of an actor that never was")

    def on_receive(self, message: Any) -> None: ...


async def raising(*, task_status: trio.TaskStatus[None]) -> None:
    raise LookupError("from the function")


def raising_in_thread(*, task_status: trio.TaskStatus[None]) -> None:
    raise LookupError("from the thread")


@pytest.mark.parametrize(
    "start",
    [Raising, StartingTasks, raising, InThread(raising_in_thread), SupervisorSpec([ChildSpec("x", Raising)])],
)
@leaving_nothing
async def test_a_start_that_raises_is_one_error_with_its_cause(start: Any) -> None:
    diary = Diary()
    args: Any = (diary,) if start is StartingTasks else ()
    with pytest.raises(ChildStartError) as caught:
        async with supervise([worker("before", diary), ChildSpec("it", start, args)]):
            pytest.fail("the block must not be entered")
    assert isinstance(caught.value.__cause__, LookupError)
    await settled()
    assert diary == ["start before", "stop before"]


class NeverStarting(Clerk):
    async def on_start(self) -> None:  # type: ignore[override]
        self.diary.append(f"{self.name} tries")
        await trio.sleep_forever()


async def never_started(*, task_status: trio.TaskStatus[None]) -> None:
    await trio.sleep_forever()


async def test_a_start_that_never_returns_is_bounded_wherever_it_happens(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(
        worker("a", diary), ChildSpec("crowd", DynamicSupervisor, kwargs={"intensity": 0})
    ) as root:
        began = trio.current_time()
        for spec in (
            worker("b", diary, NeverStarting, start_timeout=3),
            ChildSpec("c", never_started, start_timeout=3),
        ):
            with pytest.raises(ChildStartError, match="did not start within 3 s"):
                await start_child(root, spec)
        assert trio.current_time() - began == 6
        crowd = await child(root, "crowd")
        one = await start_child(crowd, worker("d", diary, NeverStarting, start_timeout=3))
        with pytest.raises(ActorDeadError):
            await one.ask("anybody?")
        assert trio.current_time() - began == 9
        assert [info.id for info in await which_children(root)] == ["a", "crowd"]


async def test_a_restart_that_never_returns_is_a_failed_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    class Once(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            self.diary.append("tries")
            if self.diary.count("tries") > 1:
                await trio.sleep_forever()

    async def run() -> None:
        async with company(
            worker("a", diary, Once, start_timeout=3), worker("b", diary), intensity=2, period=100
        ) as root:
            (await child(root, "a")).tell("crash")
            await trio.sleep_forever()

    with pytest.raises(RestartIntensityError, match="did not start within 3 s"):
        await run()
    assert diary == ["tries", "start b", "tries", "tries", "stop b"]


# -- stops at the wrong time ----------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_a_supervisor_told_to_stop_while_it_restarts_stops_when_that_child_has_started(
    autojump_clock: trio.testing.MockClock, strategy: Any
) -> None:
    diary = Diary()
    async with company(*(worker(name, diary, SlowStart) for name in "abc"), strategy=strategy) as root:
        await tell(root, "a", "crash")
        diary.clear()
        await trio.sleep(1)
    starts = ["start a"] if strategy == "one_for_one" else ["start a", "start b", "start c"]
    assert diary == [*starts, "stop c", "stop b", "stop a"]


async def test_a_supervisor_told_to_stop_while_restarts_fail_stops(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    class SlowToFail(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep(1)
            super().on_start()

    async with company(worker("a", diary, SlowToFail), worker("b", diary), intensity=1000) as root:
        diary.failing_starts["a"] = 1000
        await tell(root, "a", "crash")
        await trio.sleep(5.5)
        began = trio.current_time()
    assert trio.current_time() - began <= 1
    assert diary.count("failed a") == 6
    assert diary[-1] == "stop b"


async def test_a_supervisor_killed_while_it_restarts_leaves_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    team = SupervisorSpec([worker(name, diary, SlowStart) for name in "ab"], strategy="one_for_all")
    async with company(ChildSpec("team", team, restart="temporary")) as root:
        supervisor = await child(root, "team")
        refs = [await child(supervisor, name) for name in "ab"]
        refs[0].tell("crash")
        await trio.sleep(1)
        supervisor.kill()
        await trio.sleep(10)
        assert not any(ref.is_alive() for ref in refs)
        assert diary == ["start a", "start b", "stop b"]


@pytest.mark.parametrize("dynamic", [False, True])
async def test_a_child_that_is_terminated_twice_at_once_is_terminated_once(
    autojump_clock: trio.testing.MockClock, *, dynamic: bool
) -> None:
    diary = Diary()
    spec = worker("a", diary, Sleeper)
    async with company(ChildSpec("crowd", DynamicSupervisor) if dynamic else spec) as root:
        supervisor = await child(root, "crowd") if dynamic else root
        ref = await start_child(supervisor, spec) if dynamic else await child(root, "a")
        ref.tell(2)
        await settled()
        errors: list[Exception] = []

        async def terminate() -> None:
            try:
                await terminate_child(supervisor, ref if dynamic else "a")
            except UsageError as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate)
            nursery.start_soon(terminate)
        assert diary == ["start a", "stop a"]
        assert [str(error) for error in errors] == ([f"root/crowd has no child {ref!r}"] if dynamic else [])
        if not dynamic:
            await restart_child(root, "a")


# -- those that ignore their shutdown -------------------------------------------------------


async def deaf_function() -> None:
    while True:
        with trio.CancelScope(shield=True):
            await trio.sleep(7)
        await trio.lowlevel.checkpoint()


class CatchingAll(Worker):
    """Catches everything that ends it while it sleeps."""

    async def on_receive(self, message: Any) -> Any:
        try:
            await trio.sleep(message)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.5)


async def test_whatever_ignores_its_shutdown_is_gone_in_the_end_and_told_of(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    specs = [
        worker("sleeper", diary, Sleeper, shutdown=3),
        worker("catching", diary, CatchingAll, shutdown=3),
        worker("deep", diary, DeepSleeper, shutdown=3),
        ChildSpec("function", deaf_function, shutdown=3),
    ]
    async with company(*specs) as root:
        for name, seconds in (("sleeper", 1000), ("catching", 1000), ("deep", 60)):
            (await child(root, name)).tell(seconds)
        await settled()
        began = trio.current_time()
    # The function looks up after 7 s, "deep" sleeps to its end; the others have 3 s, and one takes 0.5 more.
    assert trio.current_time() - began == 60 + 3 + 0.5 + 3
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.split(" ")[0] for line in told] == [
        "root/function",
        "root/deep",
        "root/catching",
        "root/sleeper",
    ]
    assert all("ended, killed" in line for line in told)
    assert sum("killed and goes on" in record.getMessage() for record in caplog.records) == 2


async def test_one_that_ignores_its_shutdown_during_a_restart_of_all_holds_it_up_no_longer_than_agreed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    specs = [worker("a", diary), worker("deaf", diary, Sleeper, shutdown=3)]
    async with company(*specs, strategy="one_for_all") as root:
        (await child(root, "deaf")).tell(1000)
        await tell(root, "a", "crash")
        diary.clear()
        began = trio.current_time()
        await diary.next_line()
        assert trio.current_time() - began == 3
        await settled()
        assert diary == ["start a", "start deaf"]
        assert [(report.child, report.reason) for report in latest_reports(root)] == [
            ("a", "crashed"),
            ("deaf", "killed"),
        ]


class Hashed:
    """Its hash ends the program."""

    def __hash__(self) -> int:
        raise SystemExit(1)


async def test_what_a_supervisor_is_called_with_does_not_end_it() -> None:
    async with company(crowd(), worker("a", Diary())) as root:
        c = await child(root, "crowd")
        hashed: Any = Hashed()
        with pytest.raises(StrayExitError):
            await terminate_child(c, hashed)
        assert c.is_alive()
        await start_child(c, Worker, "b", Diary())
