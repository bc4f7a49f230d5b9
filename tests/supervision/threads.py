"""Children that run in threads, and gates to hold the threads up, for tests about those who supervise them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from cometary.actors import ThreadingActor
from cometary.supervision import (
    ChildSpec,
    abandoned_threads,
)
from tests.supervision.company import Diary

PATIENCE = 30.0


class Gate:
    """Holds up a thread until the test lets it go on, and tells the test when it has come."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._open = threading.Event()

    def pass_through(self) -> None:
        self.arrived.set()
        assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()

    async def until_arrived(self) -> None:
        assert await trio.to_thread.run_sync(self.arrived.wait, PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a thread brings about."""
    for _ in range(10_000):
        if condition():
            return
        await trio.to_thread.run_sync(threading.Event().wait, 0.001)
    pytest.fail("it did not come about")


async def all_returned() -> None:
    """Wait until no abandoned thread is left."""
    await until(lambda: not abandoned_threads())


class Clerk(ThreadingActor):
    """Notes in which thread it does what."""

    def __init__(self, diary: Diary, gate: Gate | None = None) -> None:
        super().__init__()
        self.diary = diary
        self.gate = gate
        self.own_ref_in_constructor = self.actor_ref

    def on_start(self) -> None:
        self.thread = threading.get_ident()
        self.diary.note_start("clerk")

    def on_stop(self) -> None:
        assert threading.get_ident() == self.thread
        self.diary.append("stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        assert threading.get_ident() == self.thread
        self.diary.append(f"failure {exception_value}")

    def on_receive(self, message: Any) -> Any:
        assert threading.get_ident() == self.thread
        match message:
            case "crash":
                raise LookupError("as told")
            case "thread":
                return self.thread
            case "leave":
                self.stop()
            case "gate":
                assert self.gate is not None
                self.gate.pass_through()
            case "own refs":
                return self.actor_ref, self.own_ref_in_constructor
            case _:
                self.diary.append(f"got {message}")
        return message

    def double(self, number: int) -> int:
        assert threading.get_ident() == self.thread
        return 2 * number


def clerk(diary: Diary, gate: Gate | None = None, **options: Any) -> ChildSpec:
    """The specification of a clerk in a thread."""
    return ChildSpec("clerk", Clerk, (diary, gate), **options)
