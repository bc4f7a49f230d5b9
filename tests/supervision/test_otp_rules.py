"""Rules of OTP's supervisors and of Elixir's dynamic ones that have no test beside others on their subject.

Where each case of the suites of both is tested, `docs/explanation/otp-suites.md` says.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import SHUTDOWN, Actor, Exit
from cometary.errors import ChildStateError, StartIgnoredError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    count_children,
    delete_child,
    get_childspec,
    latest_reports,
    restart_child,
    start_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    settled,
    tell,
    worker,
)


def test_defaults_are_otps() -> None:
    assert (SupervisorSpec().strategy, SupervisorSpec().auto_shutdown) == ("one_for_one", "never")
    assert (SupervisorSpec().intensity, SupervisorSpec().period) == (1, 5)
    spec = ChildSpec("x", Worker, ("x", Diary()))
    assert (spec.restart, spec.significant) == ("permanent", False)


# -- ignore -------------------------------------------------------------------------------


class Reluctant(Worker):
    """A worker that is not needed as often as the diary says."""

    def on_start(self) -> None:
        if self.diary.failing_starts.get(self.name, 0) > 0:
            self.diary.failing_starts[self.name] -= 1
            raise StartIgnoredError
        super().on_start()


class ReluctantClerk(Reluctant, Clerk):
    """The same, with a task of its own."""


@pytest.mark.parametrize("kind", [Reluctant, ReluctantClerk])
async def test_a_child_that_ignores_its_start_keeps_its_place(
    kind: type[Worker], caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    diary.failing_starts["b"] = 2
    async with company(worker("a", diary), worker("b", diary, kind), worker("c", diary)) as root:
        assert diary.read() == ["start a", "start c"]
        infos = [(info.id, info.ref is None, info.state) for info in await which_children(root)]
        assert infos == [("a", False, "running"), ("b", True, "stopped"), ("c", False, "running")]
        assert (await count_children(root)).active == 2
        with pytest.raises(StartIgnoredError, match="root/b is not needed now"):
            await restart_child(root, "b")
        await restart_child(root, "b")
        assert diary.read() == ["start b"]
    assert diary == ["stop c", "stop b", "stop a"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_child_that_ignores_its_restart_stays_down_and_that_is_no_failure() -> None:
    diary = Diary()
    async with company(
        worker("a", diary, Reluctant), worker("b", diary), strategy="one_for_all", intensity=1
    ) as root:
        diary.clear()
        diary.failing_starts["a"] = 1
        await tell(root, "b", "crash")
        assert diary.read() == ["stop a", "start b"]
        assert [info.state for info in await which_children(root)] == ["stopped", "running"]
        assert len(latest_reports(root)) == 1
        await delete_child(root, "a")


async def test_a_temporary_child_that_ignores_its_start_is_forgotten() -> None:
    diary = Diary()
    diary.failing_starts["a"] = 1
    async with company(worker("a", diary, Reluctant, restart="temporary"), worker("b", diary)) as root:
        assert [info.id for info in await which_children(root)] == ["b"]
        diary.failing_starts["c"] = 1
        with pytest.raises(StartIgnoredError):
            await start_child(root, worker("c", diary, Reluctant, restart="temporary"))
        assert [info.id for info in await which_children(root)] == ["b"]


@pytest.mark.parametrize("kind", [Reluctant, ReluctantClerk])
async def test_a_dynamic_child_that_ignores_its_start_is_forgotten(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"restart": "permanent"})) as root:
        supervisor = await child(root, "crowd")
        diary.failing_starts["one"] = 1
        one = await start_child(supervisor, kind, "one", diary)
        two = await start_child(supervisor, kind, "two", diary)
        await settled()
        assert not one.is_alive()
        diary.failing_starts["two"] = 1
        two.tell("crash")
        await settled()
        assert not two.is_alive()
        assert await which_children(supervisor) == ()
        assert [report.action for report in latest_reports(root)] == ["restart"]


# -- reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "restarted"), [("normal", False), ("shutdown", False), ("overload", True), ("killed", True)]
)
@pytest.mark.parametrize("dynamic", [False, True])
async def test_abnormal_is_all_but_normal_and_shutdown(
    reason: str, *, restarted: bool, dynamic: bool
) -> None:
    diary = Diary()
    spec = worker("a", diary, restart="transient")
    outer = ChildSpec("crowd", DynamicSupervisor) if dynamic else spec
    async with company(outer) as root:
        ref = await child(root, outer.id)
        if dynamic:
            ref = await start_child(ref, spec)
        await settled()
        ref.stop(block=False, exit=Exit(reason))
        await settled()
        assert diary.count("start a") == 1 + restarted


@pytest.mark.parametrize("dynamic", [False, True])
async def test_whatever_reason_is_no_shutdown_is_reported_during_one(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture, *, dynamic: bool
) -> None:
    diary = Diary()
    spec = worker("a", diary, Sleeper, restart="transient")
    outer = ChildSpec("crowd", DynamicSupervisor) if dynamic else spec
    async with company(outer) as root:
        ref = await child(root, outer.id)
        if dynamic:
            ref = await start_child(ref, spec)
        ref.tell(1)
        await settled()
        ref.stop(block=False, exit=Exit("overload"))  # comes before the supervisor's own
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ended, overload" in caplog.text


async def test_a_child_that_takes_no_signals_does_not_hang_its_supervisor() -> None:
    diary = Diary()

    class Trapping(Clerk):
        trap_exits = True

        async def on_receive(self, message: Any) -> Any:
            self.diary.append(type(message).__name__)

    class Partner(Actor):
        def on_receive(self, message: Any) -> None: ...

    async with company(worker("a", diary, Trapping)) as root:
        actor: Any = (await child(root, "a")).actor_inbox.actor
        partner = Partner.start()
        actor.link(partner)
        await partner.stop(exit=SHUTDOWN)
        await settled()
    assert diary == ["start a", "ExitSignal", "stop a"]


# -- restarts -----------------------------------------------------------------------------


class Lingering(Clerk):
    """A clerk whose task takes ten seconds to unwind, and notes that."""

    def on_start(self) -> None:
        super().on_start()
        self.start_task(self.linger)

    async def linger(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)
            self.diary.append(f"{self.name} gone")


@pytest.mark.parametrize(
    ("strategy", "happens"),
    [
        ("one_for_one", ["b gone", "start b"]),
        (
            "one_for_all",
            ["b gone", "stop c", "c gone", "stop a", "a gone", "start a", "start b", "start c"],
        ),
        ("rest_for_one", ["b gone", "stop c", "c gone", "start b", "start c"]),
    ],
)
async def test_teardown_is_complete_before_a_restart_begins_under_every_strategy(
    autojump_clock: trio.testing.MockClock, strategy: Any, happens: list[str]
) -> None:
    diary = Diary()
    specs = [worker(name, diary, Lingering, shutdown="infinity") for name in "abc"]
    async with company(*specs, strategy=strategy) as root:
        diary.clear()
        (await child(root, "b")).tell("crash")
        await trio.sleep(100)
        assert diary.read() == happens


@pytest.mark.parametrize(("keep_mail", "got"), [(True, ["a got late"]), (False, [])])
async def test_the_fate_of_a_siblings_mail_is_its_own_choice(
    autojump_clock: trio.testing.MockClock, keep_mail: bool, got: list[str]
) -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_stop(self) -> None:  # type: ignore[override]
            await trio.sleep(2)

    specs = [worker("a", diary, Slow, keep_mail=keep_mail), worker("b", diary, keep_mail=not keep_mail)]
    async with company(*specs, strategy="one_for_all") as root:
        sibling = await child(root, "a")
        (await child(root, "b")).tell("crash")
        await trio.sleep(1)
        sibling.tell("late")  # while it stops
        await trio.sleep(5)
        assert sorted(diary) == [*got, "start a", "start a", "start b", "start b"]


async def test_a_significant_child_that_is_restarted_ends_nothing() -> None:
    diary = Diary()
    spec = worker("a", diary, restart="transient", significant=True)
    async with company(spec, auto_shutdown="any_significant") as root:
        await tell(root, "a", "crash")
        assert diary.read() == ["start a", "start a"]
        assert root.is_alive()


# -- dynamic ------------------------------------------------------------------------------


class Precious:
    """Something large."""


class Holding(Actor):
    """Holds nothing of what it was given."""

    def __init__(self, _precious: Precious) -> None:
        super().__init__()

    def on_receive(self, message: Any) -> None: ...


@pytest.mark.parametrize(("restart", "kept"), [("temporary", False), ("transient", True)])
async def test_the_arguments_of_temporary_dynamic_children_are_not_kept(restart: str, *, kept: bool) -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"restart": restart})) as root:
        precious = Precious()
        noticed = weakref.ref(precious)
        ref = await start_child(await child(root, "crowd"), Holding, precious)
        del precious
        await which_children(await child(root, "crowd"))  # so that it has another message in its hand
        gc.collect()
        assert ref.is_alive()
        assert (noticed() is not None) is kept


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("restart", "kept"), [("temporary", False), ("transient", True)])
async def test_the_arguments_of_temporary_children_are_not_kept(
    restart: Any, *, kept: bool, dynamic: bool
) -> None:
    async with company(ChildSpec("all", DynamicSupervisor if dynamic else SupervisorSpec())) as root:
        supervisor = await child(root, "all")
        precious = Precious()
        noticed = weakref.ref(precious)
        spec = ChildSpec("one", Holding, (precious,), restart=restart)
        ref = await start_child(supervisor, spec)
        del precious, spec
        await settled()
        gc.collect()
        assert ref.is_alive()
        assert (noticed() is not None) is kept


async def test_dynamic_children_have_no_ids() -> None:
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        supervisor = await child(root, "crowd")
        for call in (restart_child, delete_child, get_childspec):
            with pytest.raises(
                ChildStateError, match="root/crowd knows its children by reference, not by id"
            ):
                await call(supervisor, "one")
