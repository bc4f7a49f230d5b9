"""What an actor is told when it stops, what others are told when that fails, and what is logged."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import (
    NORMAL,
    SHUTDOWN,
    Actor,
    ActorRegistry,
    Exit,
    ThreadingActor,
    system,
    system_in_thread,
)
from cometary.errors import StartIgnoredError
from cometary.supervision import ChildSpec, supervise, terminate_child, which_children


class Told(Actor):
    """Writes down how it is told to stop; fails at it if that is what it is to."""

    def __init__(self, told: list[Exit], *, fails: bool = False) -> None:
        super().__init__()
        self.told = told
        self.fails = fails

    def on_receive(self, message: Any) -> Any:
        return message

    def on_stop(self, exit: Exit = NORMAL) -> None:  # noqa: A002
        self.told.append(exit)
        if self.fails:
            raise LookupError("clumsy")


class AsyncTold(Told):
    async def on_receive(self, message: Any) -> Any:
        return message

    async def on_stop(self, exit: Exit = NORMAL) -> None:  # type: ignore[override]  # noqa: A002
        super().on_stop(exit)


class ThreadedTold(ThreadingActor):
    def __init__(self, told: list[Exit]) -> None:
        super().__init__()
        self.told = told

    def on_stop(self, reason: Exit = NORMAL) -> None:
        self.told.append(reason)


KINDS = pytest.mark.parametrize("kind", [Told, AsyncTold], ids=["def", "async def"])


# -- the reason ---------------------------------------------------------------------------


@KINDS
async def test_an_actor_is_told_why_it_stops(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    told: list[Exit] = []
    async with system():
        await kind.start(told).stop()
        await kind.start(told).stop(exit="out of paper")
        kind.start(told)
    assert told == [NORMAL, Exit("out of paper"), SHUTDOWN]


@pytest.mark.parametrize("kind", [Told, AsyncTold, ThreadedTold])
async def test_a_child_is_told_why_it_stops(kind: Any) -> None:
    told: list[Exit] = []
    async with system(), supervise([ChildSpec("one", kind, (told,))]) as root:
        await which_children(root)
        await terminate_child(root, "one")
    assert told == [SHUTDOWN]


async def test_hooks_that_are_not_declared_so_are_not_told() -> None:
    class Plain(Told):
        def on_stop(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            self.told.append(Exit("not told"))

    class Patient(Told):
        def on_stop(self, timeout: float = 5) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            self.told.append(Exit(str(timeout)))

    class Strict(Told):
        def on_stop(self, how: Exit) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            self.told.append(how)

    told: list[Exit] = []
    async with system():
        for kind in (Plain, Patient, Strict):
            await kind.start(told).stop()
    assert told == [Exit("not told"), Exit("5"), NORMAL]


# -- failures -----------------------------------------------------------------------------


@KINDS
async def test_a_crash_in_on_stop_is_told_to_whoever_stops_it(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with system():
        ref = kind.start([], fails=True)
        with pytest.raises(LookupError, match="clumsy"):
            await ref.stop()
        assert not ref.is_alive()
        assert await ref.stop() is False


def test_a_crash_in_on_stop_is_told_to_a_thread_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with system_in_thread():
        with pytest.raises(LookupError, match="clumsy"):
            Told.start([], fails=True).stop()
        told: list[Exit] = []
        Told.start(told)
        Told.start(told, fails=True)
        Told.start(told)
        with pytest.raises(LookupError, match="clumsy"):
            ActorRegistry.stop_all()
        assert told == [NORMAL] * 3


async def test_stop_all_stops_the_others_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    told: list[Exit] = []
    async with system() as actors:
        Told.start(told)
        Told.start(told, fails=True)
        Told.start(told)
        with pytest.raises(LookupError, match="clumsy"):
            await ActorRegistry.stop_all()
        assert not actors.actors
    assert told == [NORMAL] * 3


# -- the log ------------------------------------------------------------------------------


@KINDS
async def test_an_abnormal_end_that_nobody_supervises_is_logged(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        await kind.start([]).stop(exit="die")
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert record.getMessage().startswith(f"{kind.__name__} (urn:")
        assert record.getMessage().endswith("stopped: die")
        caplog.clear()
        await kind.start([]).stop()
        kind.start([]).kill()
        kind.start([]).exit("die")  # whoever sends that knows
        await wait_all_tasks_blocked()
    assert not caplog.records


@KINDS
async def test_an_actor_that_is_not_needed_ends_in_good_order(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Idle(kind):  # type: ignore[misc]
        def on_start(self) -> None:
            raise StartIgnoredError("there is nothing to print")

    async with system():
        with pytest.raises(StartIgnoredError, match="nothing to print"):
            await Idle.start_async([])
        ref = Idle.start([])
        assert (await ref.stopped()).reason == "normal"
    assert not caplog.records
