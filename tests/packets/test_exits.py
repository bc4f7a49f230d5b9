"""An operator's Ctrl+C gets through, whatever code of the application's it comes in."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Callable
from typing import Any

import pytest

from cometary.packets.frozen import freeze_value
from cometary.packets.packet import Packet, outgoing
from cometary.packets.receipts import Receipt, ReceiptLog
from cometary.packets.tracked import Key


def interrupt(*_: object) -> Any:
    signal.raise_signal(signal.SIGINT)


class Zone(dt.tzinfo):
    """Asked when a date is encoded."""

    utcoffset = interrupt
    dst = interrupt
    tzname = interrupt


MIDNIGHT = dt.datetime(2026, 1, 1, tzinfo=Zone())


class Moody:
    """It is compared by code of its own."""

    def __hash__(self) -> int:
        return 1

    __eq__ = interrupt


def plain_message() -> None:
    packet = Packet("a", MIDNIGHT)
    packet.preset(b'{"path":"a","message":1}')
    packet.plain_message()


def add_receipt() -> None:
    log = ReceiptLog()
    log.subscribe(interrupt)
    log.add(Receipt("r", "delivered", "a"))


@pytest.mark.parametrize(
    "work",
    [
        lambda: outgoing("a", MIDNIGHT),
        plain_message,
        lambda: freeze_value(MIDNIGHT),
        lambda: Key(Moody()) == Key(Moody()),
        add_receipt,
    ],
    ids=["encoding", "plain message", "freezing", "comparing", "receipt"],
)
def test_an_interrupt_gets_through(work: Callable[[], object]) -> None:
    with pytest.raises(KeyboardInterrupt):
        work()
