"""The order in which the application is handed receipts, of which some wait until they are recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.app.receipt_reader import AT_ONCE, ReceiptReader
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.sessions.failure import Failure


class Call:
    """That of the handlers for the receipt of a recorded session."""

    def __init__(self) -> None:
        self.may_begin: bool | None = None
        self.asked = self.ended = False
        self._wake: Callable[[], object] = lambda: None

    def ask(self, wake: Callable[[], object]) -> None:
        self.asked, self._wake = True, wake

    def end(self) -> None:
        self.ended = True

    def may(self, begin: bool) -> None:
        """Have it known whether it may be made."""
        self.may_begin = begin
        self._wake()


class Scene:
    """A reader and what it has handed over; `bad` has a handler that raises."""

    def __init__(self) -> None:
        self.log = ReceiptLog()
        self.told: list[str] = []
        self.reader = ReceiptReader(self.log, self._handle, self._fail)

    def _handle(self, receipt: Receipt) -> None:
        self.told.append(receipt.id)
        if receipt.id == "bad":
            raise ValueError

    def _fail(self, failure: Failure) -> None:
        assert failure.receipt is not None
        self.told.append(f"failed {failure.receipt.id}")

    def enter(self, name: str, call: Call | None = None) -> None:
        self.log.enter(Receipt(name, "delivered", "path"), call)


@asynccontextmanager
async def reading(scene: Scene) -> AsyncGenerator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.reader.run)
        yield
        nursery.cancel_scope.cancel()


async def test_receipts_of_other_sessions_do_not_wait_for_one_that_is_not_recorded_yet() -> None:
    scene, first, second = Scene(), Call(), Call()
    async with reading(scene):
        scene.enter("first", first)
        scene.enter("second", second)
        scene.enter("plain")
        await wait_all_tasks_blocked()
        assert (scene.told, first.asked) == (["plain"], True)
        second.may(True)
        await wait_all_tasks_blocked()
        assert (scene.told, second.ended, first.ended) == (["plain", "second"], True, False)
        first.may(True)
        await scene.reader.caught_up()
        assert scene.told == ["plain", "second", "first"]


async def test_a_receipt_that_is_given_elsewhere_is_not_handed_over() -> None:
    scene, call = Scene(), Call()
    async with reading(scene):
        scene.enter("elsewhere", call)
        await wait_all_tasks_blocked()
        call.may(False)
        await scene.reader.caught_up()
        assert (scene.told, call.ended) == ([], False)


async def test_no_more_are_about_to_be_handed_over_than_are_said_to_be_lost_at_most() -> None:
    scene, calls = Scene(), [Call() for _ in range(AT_ONCE + 1)]
    async with reading(scene):
        for call in calls:
            scene.enter("receipt", call)
        await wait_all_tasks_blocked()
        assert [call.asked for call in calls] == [True] * AT_ONCE + [False]
        calls[0].may(False)
        await wait_all_tasks_blocked()
        assert calls[-1].asked


async def test_a_call_that_failed_is_over_when_that_was_told() -> None:
    scene, call = Scene(), Call()
    call.may_begin = True
    scene.enter("bad", call)
    with pytest.raises(ValueError, match=r"^$"):
        await scene.reader.run()
    assert not call.ended
    async with reading(scene):
        await wait_all_tasks_blocked()
    assert (scene.told, call.ended) == (["bad", "failed bad"], True)
