"""Receipts and webhooks across the death of a node: real processes, killed when a handler has begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from cometary.app.receipt_reader import AT_ONCE
from tests.cluster.accounts import Account
from tests.doors.webhooks.receiver import SECRET
from tests.nodes.back_end import BackEnd, back_end
from tests.nodes.house import House, running_house, wait_until
from tests.nodes.round_robin import round_robin
from tests.nodes.test_adopting import node_of

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

APP = "tests/nodes/receipts_application.py:app"
PACKETS = 2 * AT_ONCE


class Books:
    """What the handlers have written down.

    Args:
        file: where.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def count(self, what: str) -> Counter[str]:
        """Return for which receipts it was written that their handler `begins` or `returns`, or has `failed`."""
        lines = [line.split() for line in self._file.read_text().splitlines()]
        return Counter([line[1] for line in lines if line[0] == what])

    @property
    def known(self) -> int:
        """Of how many receipts it is known what has become of their handlers."""
        return len(self.count("returns") | self.count("failed"))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds in another process."""
    await trio.to_thread.run_sync(wait_until, holds)


def receipts(told: BackEnd) -> Counter[str]:
    """Return under how many ids the back-end has taken each receipt."""
    events = {event["id"]: event for event, taken in told.told if taken and event["type"] == "receipt"}
    return Counter([event["receipt"]["id"] for event in events.values()])


async def test_each_receipt_is_handed_over_once_or_reported_and_told_under_one_id(tmp_path: Path) -> None:
    account, hold = tmp_path / "account", tmp_path / "hold"
    account.touch()
    hold.touch()
    books = Books(account)
    with back_end() as told:
        told.takes = False
        options = ("--sessions", "resume", "--webhook-url", told.url, "--webhook-patience", "60")
        house = running_house(
            "a",
            "b",
            app=APP,
            options=options,
            ACCOUNT=str(account),
            HOLD=str(hold),
            COMETARY_WEBHOOK_SECRET=SECRET,
        )
        with house as running:
            await talk(running, books, told, hold)
    names = {*receipts(told)}
    assert len(names) == PACKETS
    assert {*receipts(told).values()} == {1}, "under one id each, however often it was sent"
    begun, returned, failed = (books.count(what) for what in ("begins", "returns", "failed"))
    assert {*begun.values()} | {*failed.values()} == {1}
    assert {*returned} | {*failed} == names
    assert not {*returned} & {*failed}
    assert len({*begun} & {*failed}) == 1, "the one that was held"
    assert len(failed) <= AT_ONCE


async def talk(house: House, books: Books, told: BackEnd, hold: Path) -> None:
    """Have a client get packets, kill its node in the first handler, and wait until all is known."""
    async with round_robin(sorted([node.server.port for node in house.nodes])) as proxy:
        client = Account(proxy.url)
        async with client.comet:
            client.say(PACKETS)
            await client.answered()
            await until(lambda: bool(books.count("begins")))
            await until(lambda: any(event["type"] == "signon" for event, _ in told.told))
            process = node_of(house, client).server.process
            process.kill()
            await trio.to_thread.run_sync(process.wait)
            told.takes = True
            await trio.Path(hold).unlink()
            await until(lambda: books.known == PACKETS)
            await until(lambda: len(receipts(told)) == PACKETS)
            assert not client.reopened
