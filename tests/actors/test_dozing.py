"""The watchdog's rest: it dozes while a real loop sleeps, and whatever wakes that up ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, BlockedHandler, dozing, system, watchdog
from cometary.actors.dozing import Rest, waits

LIMIT = 0.02
PATIENCE = 30.0
LONG = 1_000_000.0
"""Seconds: a pause that no test waits for."""


class Looks:
    """Counts the looks of the watchdog."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, thread: int) -> None:
        self.count += 1


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    counted = Looks()
    monkeypatch.setattr(watchdog, "running_call", counted)
    return counted


def rest_of_this_loop() -> Rest:
    rest = Rest(threading.get_ident())
    trio.lowlevel.add_instrument(rest)
    return rest


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)  # one that is never woken does not outlive the tests
    thread.start()
    return thread


async def joined(thread: threading.Thread) -> None:
    await trio.to_thread.run_sync(thread.join, PATIENCE)
    assert not thread.is_alive()


async def test_a_loop_that_sleeps_is_seen_to_wait() -> None:
    loop = threading.get_ident()
    assert not waits(loop)
    with trio.fail_after(PATIENCE):
        assert await trio.to_thread.run_sync(_until_it_waits, loop)


def _until_it_waits(thread: int) -> bool:
    while not waits(thread):
        pass
    return True


async def test_no_other_thread_is_taken_for_a_loop_that_waits() -> None:
    leave = threading.Event()
    thread = in_thread(lambda: leave.wait(PATIENCE))
    assert thread.ident is not None
    assert not waits(thread.ident)
    leave.set()
    await joined(thread)
    assert not waits(-1), "nor is one that is not there"


async def test_it_dozes_until_the_loop_wakes_up_and_then_rests_for_a_pause() -> None:
    rest = rest_of_this_loop()
    rested = threading.Event()
    woken = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def doze() -> None:
        _until_it_waits(loop)
        rest.until_next_look(0.001, idle=True)
        rested.set()

    loop = threading.get_ident()
    thread = in_thread(doze)
    with trio.fail_after(PATIENCE):
        await trio.to_thread.run_sync(
            _until_dozing, rest, rested
        )  # its end wakes this loop, and so the other one
        token.run_sync_soon(woken.set)
        await woken.wait()
        await joined(thread)
    assert rested.is_set()


def _until_dozing(rest: Rest, rested: threading.Event) -> None:
    while not (rest.dozes or rested.is_set()):
        pass


def test_whoever_has_seen_a_call_does_not_doze_nor_when_the_loop_has_come_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def note(thread: int) -> bool:
        asked.append(thread)
        return False

    monkeypatch.setattr(dozing, "waits", note)
    loop = threading.get_ident()
    rest = Rest(loop)
    rest.until_next_look(0.001, idle=False)
    assert asked == [], "it has seen a call"
    rest.after_io_wait(0.0)
    rest.until_next_look(0.001, idle=True)
    assert asked == [], "the loop has come round"
    rest.until_next_look(0.001, idle=True)
    assert asked == [loop], "it would doze, if the loop waited"


def test_only_a_loop_that_has_not_come_round_is_looked_at_whether_it_sleeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest, dozes = Rest(1), list[bool]()

    def waits(_thread: int) -> bool:
        dozes.append(rest.dozes)
        return False

    monkeypatch.setattr(dozing, "waits", waits)
    assert rest._woken.locked(), "the first pause would be none"
    assert not rest.dozes
    for idle, turns, looks in ((True, 0, 1), (True, 1, 1), (True, 0, 2), (False, 0, 2)):
        for _ in range(turns):
            rest.after_io_wait(0.0)
        rest.until_next_look(0.0, idle=idle)
        assert dozes == [True] * looks
        assert not rest.dozes


def test_a_loop_that_wakes_up_while_it_is_looked_at_ends_the_doze_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest = Rest(1)

    def waits(_thread: int) -> bool:
        rest.after_io_wait(0.0)
        assert not rest.dozes
        rest.after_io_wait(0.0)
        return True

    monkeypatch.setattr(dozing, "waits", waits)
    rest.until_next_look(0.0, idle=True)
    assert rest._woken.locked(), "the pause that follows would be none"


def test_the_end_ends_every_rest() -> None:
    rest = Rest(threading.get_ident())
    rest.end()
    assert not rest._woken.locked(), "whoever rests now would rest on"
    rest.end()
    rest.until_next_look(LONG, idle=True)
    rest.until_next_look(LONG, idle=False)
    assert rest.over


async def test_a_system_that_sleeps_is_not_looked_at(looks: Looks) -> None:
    async with system(watchdog=LIMIT):
        with trio.fail_after(PATIENCE):
            while True:  # the thread may be slow to begin
                before = looks.count
                await trio.sleep(20 * LIMIT)
                if before and looks.count - before < 5:  # else it would have been 50
                    break


async def test_what_blocks_a_loop_that_slept_is_named(caplog: pytest.LogCaptureFixture) -> None:
    warned = threading.Event()

    class Waiting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(getattr(record, "blocked_handler", None), BlockedHandler):
                warned.set()

    class Slow(Actor):
        def on_receive(self, message: Any) -> None:
            assert warned.wait(PATIENCE)

    handler = Waiting()
    logging.getLogger("cometary.actors").addHandler(handler)
    try:
        async with system(watchdog=LIMIT):
            ref = Slow.start()
            for _ in range(3):
                await trio.sleep(5 * LIMIT)
                ref.tell("x")
                await wait_all_tasks_blocked()
                assert warned.is_set()
                warned.clear()
    finally:
        logging.getLogger("cometary.actors").removeHandler(handler)
