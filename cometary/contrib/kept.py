"""Updates that an application keeps in its own database until they have been sent: not even a crash loses one.

1.  An update is written down in the transaction of the change that it tells of: both are committed, or neither is.
2.  Each has an idempotency key. So one that was sent, but not forgotten because its sender died, is sent again and
    reaches clients once; so is one that two processes send. That holds for as long as the server knows the key: five
    minutes, and not beyond its own end.
3.  They are sent in the order in which the database numbers them. Every sender begins with the oldest, so it makes no
    difference how many there are.
4.  While the server is away they wait. What has waited for longer than `patience` is given up: whoever it was for has
    another session by then, and has loaded afresh. So is what the server refuses, alone. Both are logged.
5.  One thread of a process sends, when it is woken; what a process leaves the next one sends, or a command does.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from secrets import token_urlsafe
from threading import Condition, Thread
from typing import Any, Final, NamedTuple, Protocol, Unpack, cast

from cometary.connector import Connector, calls, wire
from cometary.connector.calls import Call, UpdateWishes
from cometary.connector.outbox import BACKOFF, BATCH, BATCH_BYTES, BUSY
from cometary.connector.wire import JSON, Encoded
from cometary.errors import ConnectorError
from cometary.log import get_logger
from cometary.packets.paths import check_own_path

logger = get_logger("cometary.contrib")

PATIENCE: Final = 3600.0
"""Seconds."""


class Kept(NamedTuple):
    """An update that waits.

    Attributes:
        id: its number in the database, which grows.
        since: when it was written down, in seconds since 1970.
        body: what `written` has returned.
    """

    id: int
    since: float
    body: str


class Shelf(Protocol):
    """Where updates wait: a table. Each call is a transaction of its own."""

    def oldest(self, count: int) -> Sequence[Kept]:
        """Return the first so many, by their ids."""
        ...

    def forget(self, ids: Sequence[int]) -> None:
        """Delete some, whether or not they are still there."""
        ...


def written(path: str, message: object = None, **wishes: Unpack[UpdateWishes]) -> str:
    """Return what is to be written down of an update, with an idempotency key of its own.

    Raises:
        TypeError, ValueError: the caller's fault; a message that neither JSON nor CBOR carries.
        UsageError: the caller's fault; `path` is not a path.
    """
    check_own_path(path)
    wishes.setdefault("idempotency_key", token_urlsafe())
    body = cast("dict[str, object]", calls.update(path, message, **wishes).body)
    encoded = wire.encoded(body)
    if encoded.content_type != JSON:  # there are bytes in it
        cbor = b64encode(wire.encoded(message).content).decode()
        encoded = wire.encoded({**body, "message": None, "cbor": cbor})
    return encoded.content.decode()


def send(connector: Connector, shelf: Shelf, patience: float = PATIENCE) -> int:
    """Send all that waits, in order; returns how many the server has taken.

    Raises:
        ConnectorError: the server is away, or busy; what it has not taken still waits.
        ControlError: it refuses every call, such as one without its secret; the same.
    """
    taken = 0
    while waiting := shelf.oldest(BATCH):
        batch = _batch(shelf, waiting, time.time() - patience)
        if not batch:
            continue
        content = b"[" + b",".join([each.body.encode() for each in batch]) + b"]"
        results = connector.perform(
            Call("POST", "/batch", Encoded(content, JSON), list[dict[str, Any]], "results")
        )
        busy = [result.get("error") == BUSY for result in results]
        for each, result in zip(batch, results, strict=True):
            if "error" in result and result["error"] != BUSY:
                _give_up(1, str(result.get("detail")), each.id)
        shelf.forget([each.id for each, waits in zip(batch, busy, strict=True) if not waits])
        taken += sum("error" not in result for result in results)
        if any(busy):
            raise ConnectorError("the server is busy")
    return taken


def _batch(shelf: Shelf, waiting: Sequence[Kept], oldest: float) -> list[Kept]:
    """Return what fits one request, after what is too old has been given up."""
    old = [each.id for each in waiting if each.since < oldest]
    if old:
        _give_up(len(old), "they have waited for too long", old[0])
        shelf.forget(old)
    batch: list[Kept] = []
    room = BATCH_BYTES
    for each in waiting:
        room -= len(each.body)
        if batch and room < 0:
            break
        if each.since >= oldest:
            batch.append(each)
    return batch


def _give_up(count: int, problem: str, first: int) -> None:
    logger.warning("updates given up", text=f"Updates are given up: {problem}", count=count, first=first)


class Sender:
    """Sends what waits, from a thread of its own in each process, which starts when it is first woken.

    Args:
        connector: returns the connector of this process.
        patience: rule 4.
        rest: called in the thread when there is nothing to do for a while: to close connections of the database.
    """

    def __init__(
        self,
        connector: Callable[[], Connector],
        patience: float = PATIENCE,
        *,
        rest: Callable[[], object] = lambda: None,
    ) -> None:
        self._connector = connector
        self._patience = patience
        self._rest = rest
        self._changed = Condition()
        self._woken: dict[Shelf, None] = {}
        self._process = 0

    def wake(self, shelf: Shelf) -> None:
        """Have what waits on a shelf sent; never waits, and never raises because of the server. After the commit."""
        with self._changed:
            self._woken[shelf] = None
            self._changed.notify_all()
            if self._process != os.getpid():  # no thread comes along through a fork
                self._process = os.getpid()
                Thread(target=self._run, name="cometary-kept", daemon=True).start()

    def _run(self) -> None:
        failures = 0
        while True:
            with self._changed:
                if not self._woken:
                    failures = 0
                    self._rest()
                self._changed.wait_for(lambda: self._woken)
                shelf = next(iter(self._woken))
                del self._woken[shelf]
            if self._sent(shelf, failures):
                continue
            with self._changed:
                self._woken[shelf] = None
            time.sleep(BACKOFF.delay(failures))
            failures += 1

    def _sent(self, shelf: Shelf, failures: int) -> bool:
        try:
            send(self._connector(), shelf, self._patience)
        except Exception as error:  # noqa: BLE001 - the database's, too: it is tried again
            if not failures:
                text = f"Updates wait: {str(error) or type(error).__name__}"
                logger.warning("updates wait", text=text)
            return False
        return True
