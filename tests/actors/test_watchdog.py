"""The watchdog on a real loop with handlers that really block; each blocks until it was warned of."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, BlockedHandler, system, system_in_thread, watchdog
from cometary.actors.dozing import Rest
from cometary.actors.watchdog import LoopCall, check_limit
from cometary.errors import UsageError
from cometary.supervision.function import FunctionActor

LIMIT = 0.02
PATIENCE = 30.0


class Warned(logging.Handler):
    """Tells a blocked handler that it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()
        self.reports: list[BlockedHandler] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        report = getattr(record, "blocked_handler", None)
        if isinstance(report, BlockedHandler):
            self.reports.append(report)
            self.texts.append(record.getMessage())
            self.event.set()

    def block_until_warned(self) -> None:
        assert self.event.wait(PATIENCE)
        self.event.clear()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    logging.getLogger("cometary.actors").addHandler(handler)
    yield handler
    logging.getLogger("cometary.actors").removeHandler(handler)


class Order:
    """A message with a secret in it."""

    def __repr__(self) -> str:
        return "hunter2"


class Slow(Actor):
    def __init__(self, warned: Warned) -> None:
        super().__init__()
        self.warned = warned

    def on_receive(self, message: Any) -> Any:
        self.warned.block_until_warned()


class AsyncSlow(Slow):
    async def on_receive(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint()
        self.warned.block_until_warned()


class SlowToStart(Slow):
    def on_start(self) -> None:
        self.warned.block_until_warned()


class SlowToFail(Slow):
    def on_receive(self, message: Any) -> Any:
        raise ValueError("oops")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.warned.block_until_warned()


def watchdogs() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cometary-watchdog"]


@pytest.mark.parametrize("kind", [Slow, AsyncSlow], ids=["def", "async def"])
@pytest.mark.parametrize("call", ["tell", "ask"])
async def test_a_handler_that_blocks_is_named_while_it_does(kind: Any, call: str, warned: Warned) -> None:
    async with system(watchdog=LIMIT) as actors:
        ref = kind.start(warned)
        getattr(ref, call)(Order())
        await wait_all_tasks_blocked()
        (report,) = warned.reports
        assert report.ref is ref
        assert report.message_type == "Order"
        assert report.seconds >= LIMIT
        assert "in block_until_warned" in report.traceback
        assert "in on_receive" in report.traceback
        (text,) = warned.texts
        assert str(ref) in text
        assert "with a message of type Order; it is here:" in text
        assert "hunter2" not in text
        longest = actors.scheduler.statistics().longest_handler
        assert longest is not None
        assert longest >= LIMIT
    assert watchdogs() == []


async def test_each_message_that_blocks_is_an_occurrence(warned: Warned) -> None:
    async with system(watchdog=LIMIT):
        ref = Slow.start(warned)
        for _ in range(3):
            ref.tell(Order())
        await wait_all_tasks_blocked()
        assert [report.ref for report in warned.reports] == [ref] * 3


async def test_a_hook_that_blocks_is_named_without_a_message(warned: Warned) -> None:
    async with system(watchdog=LIMIT):
        ref = await SlowToStart.start_async(warned)
        (report,) = warned.reports
        assert (report.ref, report.message_type) == (ref, None)
        assert report.function == "SlowToStart.on_start"


async def test_a_hook_with_arguments_has_no_message_either(warned: Warned) -> None:
    async with system(watchdog=LIMIT):
        ref = SlowToFail.start(warned)
        ref.tell(Order())
        await wait_all_tasks_blocked()
        (report,) = warned.reports
        assert (report.ref, report.message_type) == (ref, None)


async def test_a_handler_under_a_task_that_runs_the_scheduler_is_told_from_that_task(warned: Warned) -> None:
    async with system(watchdog=LIMIT) as actors:
        ref = await Slow.start_async(warned)
        await wait_all_tasks_blocked()
        actors.scheduler.run_with(lambda: ref.tell(Order()))
        (report,) = warned.reports
        assert report.ref is ref
        assert report.function == "Slow.on_receive"


async def test_a_handler_under_an_actor_that_asks_is_told_from_that_actor(warned: Warned) -> None:
    class Asking(Actor):
        async def on_receive(self, message: Any) -> None:
            await slow.ask(Order())

    async with system(watchdog=LIMIT):
        slow = await Slow.start_async(warned)
        asking = await Asking.start_async()
        await wait_all_tasks_blocked()
        await asking.ask("x")
        (report,) = warned.reports
        assert report.ref is slow
        assert report.function == "Slow.on_receive"


async def test_what_blocks_and_is_no_actor_is_shown_too(warned: Warned) -> None:
    async def stray() -> None:
        await trio.lowlevel.checkpoint()
        warned.block_until_warned()

    async with system(watchdog=LIMIT) as actors:
        actors.start_soon(stray)
        await wait_all_tasks_blocked()
        (report,) = warned.reports
        assert report.ref is None
        assert report.function.endswith("stray")
        assert "stray, which is no actor's, has held up" in warned.texts[0]


async def test_a_function_that_an_actor_of_the_framework_runs_is_named(warned: Warned) -> None:
    async def chat(word: str) -> None:
        assert word
        await trio.lowlevel.checkpoint()
        warned.block_until_warned()

    async with system(watchdog=LIMIT):
        ref = FunctionActor.start(chat, "hunter2")
        await wait_all_tasks_blocked()
        (report,) = warned.reports
        assert report.ref == ref
        assert report.function.endswith("chat")
        assert f"chat, run by {ref}, has held up" in warned.texts[0]
        assert "hunter2" not in warned.texts[0]


async def test_a_handler_without_a_frame_of_its_actor_is_found_by_its_turn(warned: Warned) -> None:
    def block(_message: Any) -> None:
        warned.block_until_warned()

    without_self: Any = staticmethod(block)

    class Compiled(Actor):  # its handler leaves on the stack only what it calls
        on_receive = without_self

    async with system(watchdog=LIMIT):
        others = [Slow.start(warned) for _ in range(10)]
        ref = Compiled.start()
        ref.tell("x")
        await wait_all_tasks_blocked()
        (report,) = warned.reports
        assert report.ref is ref
        assert report.ref not in others


async def test_without_a_watchdog_there_is_no_thread_and_nothing_measured() -> None:
    async with system() as actors:
        assert watchdogs() == []
        assert actors.scheduler.statistics().longest_handler is None


async def test_the_watchdog_ends_with_its_system_however_that_ends() -> None:
    async def fail() -> None:
        async with system(watchdog=LIMIT):
            assert len(watchdogs()) == 1
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        await fail()
    assert watchdogs() == []
    with trio.CancelScope() as scope:
        async with system(watchdog=LIMIT):
            scope.cancel()
            await trio.sleep_forever()
    assert watchdogs() == []


async def test_a_watchdog_whose_thread_cannot_start_leaves_nothing_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[Rest] = []

    def made(thread: int) -> Rest:
        rests.append(Rest(thread))
        return rests[-1]

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(watchdog, "Rest", made)
    async with system() as actors:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError, match="new thread"), watchdog.watching(actors, LIMIT):
                pass
    (rest,) = rests
    with pytest.raises(KeyError):
        trio.lowlevel.remove_instrument(rest)


def test_a_system_in_a_thread_has_one_too(warned: Warned) -> None:
    with system_in_thread(watchdog=LIMIT):
        ref = Slow.start(warned)
        ref.ask(Order())
        assert [report.ref for report in warned.reports] == [ref]
    assert watchdogs() == []


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
async def test_a_senseless_limit_is_refused(limit: float) -> None:
    with pytest.raises(UsageError, match="positive number of seconds"):
        async with system(watchdog=limit):
            pass


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_senseless_limit_is_refused_for_a_thread(limit: float) -> None:
    with pytest.raises(UsageError, match="positive number of seconds"), system_in_thread(watchdog=limit):
        pass


@pytest.mark.parametrize("limit", [None, 0.001, 1, threading.TIMEOUT_MAX])
def test_a_sensible_limit_is_taken(limit: float | None) -> None:
    check_limit(limit)


async def test_a_system_that_has_ended_looks_at_the_loop_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looking: list[trio.abc.Instrument] = []
    add, remove = trio.lowlevel.add_instrument, trio.lowlevel.remove_instrument

    def adding(instrument: trio.abc.Instrument) -> None:
        add(instrument)
        looking.append(instrument)

    def removing(instrument: trio.abc.Instrument) -> None:
        remove(instrument)
        looking.remove(instrument)

    monkeypatch.setattr(trio.lowlevel, "add_instrument", adding)
    monkeypatch.setattr(trio.lowlevel, "remove_instrument", removing)
    async with system(watchdog=1):
        assert len(looking) == 1
    assert looking == []


class FewLooks(Rest):
    """A rest that waits for nothing, and is over after a few looks."""

    def __init__(self) -> None:
        super().__init__(0)
        self.left = 3

    def until_next_look(self, pause: float, *, idle: bool) -> None:
        self.over = self.left == 0
        self.left -= 1


def looking(tick: Callable[[], None]) -> FewLooks:
    """Have a watchdog look in vain, here and now."""
    watch: Any = SimpleNamespace(pause=0, idle=True, tick=tick)
    rest = FewLooks()
    watchdog._look_until(rest, watch)
    return rest


def test_a_look_that_fails_is_logged_and_others_follow(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []

    def fail() -> None:
        raise LookupError("lost")

    looking(fail)
    assert [record.getMessage() for record in caplog.records] == ["The watchdog failed, and looks again"] * 3
    looking(lambda: looks.append(1))
    assert looks == [1, 1, 1]


def test_a_call_is_known_by_its_own_frame_whatever_it_calls() -> None:
    frames = (sys._getframe(1), sys._getframe())
    assert LoopCall(frames).identity is frames[0]


def leave(*_: object) -> None:
    raise SystemExit


def test_an_exit_that_a_signal_asks_for_while_it_looks_goes_on() -> None:
    before = signal.signal(signal.SIGUSR1, leave)
    try:
        with pytest.raises(SystemExit):
            looking(lambda: signal.raise_signal(signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    ("name", "module", "is_loop"),
    [
        ("unrolled_run", "trio._core._run", True),
        ("unrolled_run", "another", False),
        ("another", "trio._core._run", False),
    ],
)
def test_the_loop_is_known_by_its_name_and_its_module(name: str, module: str, is_loop: bool) -> None:
    frame: Any = SimpleNamespace(f_code=SimpleNamespace(co_name=name), f_globals={"__name__": module})
    assert watchdog._is_loop(frame) is is_loop
