"""The outbox: updates that wait for the server, so that their senders need not.

A request handler that has saved something, or a hook that runs after a commit, puts an update here and goes on. One
thread sends what waits, in order and several in one request.

1.  `update` never waits, and the environment never makes it raise: only a mistake in the update itself does.
2.  What waits is bounded, in updates and in bytes: when it is full, the oldest goes. It is bounded in time as well:
    while the server is away an update is tried for `patience` seconds.
3.  An update is sent again only if it cannot have taken effect, or has an idempotency key. Otherwise it is given up:
    twice would be wrong, too.
4.  A request that is refused changes nothing. So its updates go one by one, and the one at fault is given up alone.
5.  What is given up is logged and counted. An outage is one line when it begins to cost updates, and one when it is
    over.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Final, Self, Unpack

from cometary.connector import calls, wire
from cometary.connector.blocking import Connector
from cometary.connector.calls import Call, UpdateWishes
from cometary.connector.wire import CBOR, JSON, Encoded
from cometary.errors import ConnectorError, ControlError, UsageError
from cometary.log import get_logger
from cometary.packets.paths import check_own_path
from cometary.supervision.restart_policy import Backoff

logger = get_logger("cometary.connector")

BATCH: Final = 500
"""Updates in one request at most."""

BATCH_BYTES: Final = 256 << 10
"""Bytes in one request, unless a single update has more."""

BACKOFF: Final = Backoff(min=0.1, max=5.0, jitter=0.5)
"""How long it waits before it tries again."""

BUSY: Final = "too-many-requests"
"""The refusal that says nothing against the same request later."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """One update, when it was put here (seconds of the monotonic clock), and whether it may always be sent again."""

    body: Encoded
    since: float
    repeatable: bool


class Outbox:
    """Sends updates from a thread of its own; any number of threads may put some in.

    Make it after a fork, as the connector. The thread starts with the first update.

    Args:
        connector: What makes the requests; its time-out bounds each of them.
        limit: Updates that wait at most.
        limit_bytes: Bytes of theirs at most.
        patience: Seconds for which an update is tried while the server is away.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        limit: int = 10_000,
        limit_bytes: int = 16 << 20,
        patience: float = 30,
    ) -> None:
        self._connector = connector
        self._limit, self._limit_bytes, self._patience = limit, limit_bytes, patience
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._busy = False
        self._changed = Condition()
        self._closing = Event()
        self._thread: Thread | None = None
        self._lost = 0  # since the server was last there
        self.given_up = 0
        """How many updates were given up so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.close()

    def update(self, path: str, message: object = None, **wishes: Unpack[UpdateWishes]) -> None:
        """Have `message` sent to every session that is connected to `path`; see `Connector.update`.

        The message is written down at once, so it may be changed afterwards.

        Raises:
            TypeError, ValueError: the caller's fault; a message that neither JSON nor CBOR carries.
            UsageError: the caller's fault; `path` is not a path, or the outbox is closed.
        """
        check_own_path(path)
        call = calls.update(path, message, **wishes)
        waiting = _Waiting(wire.encoded(call.body), time.monotonic(), call.repeatable)
        with self._changed:
            if self._closing.is_set():
                raise UsageError("the outbox is closed")
            self._queue.append(waiting)
            self._bytes += len(waiting.body.content)
            self._make_room()
            self._changed.notify_all()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="cometary-outbox", daemon=True)
                self._thread.start()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing waits any more, for `timeout` seconds at most; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout)

    def close(self, timeout: float = 5) -> None:
        """Send what waits, for `timeout` seconds at most, without waiting for a server that is away."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)
        with self._changed:
            if self._queue:
                self._give_up(len(self._queue), "the outbox was closed")
                self._queue.clear()

    def __len__(self) -> int:
        """How many updates wait, without those under way."""
        return len(self._queue)

    # -- the queue --------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Let the oldest go while there is too much (rule 2)."""
        lost = 0
        while len(self._queue) > self._limit or (self._bytes > self._limit_bytes and len(self._queue) > 1):
            self._take()
            lost += 1
        if lost:
            self._give_up(lost, "too many wait")

    def _take(self) -> _Waiting:
        waiting = self._queue.popleft()
        self._bytes -= len(waiting.body.content)
        return waiting

    def _next_batch(self) -> list[_Waiting]:
        """Wait for something to send, and take as much as fits one request; nothing when it is closed and empty."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            batch: list[_Waiting] = []
            room = BATCH_BYTES
            while self._queue and _fits(batch, self._queue[0], room):
                batch.append(self._take())
                room -= len(batch[-1].body.content)
            self._busy = bool(batch)
            return batch

    # -- in the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._next_batch():
            self._deliver(batch)

    def _deliver(self, batch: Sequence[_Waiting]) -> None:
        attempt = 0
        while True:
            try:
                self._connector.perform(_call(batch))
            except ControlError as error:
                if error.condition != BUSY:
                    self._refused(batch, error)
                    return
                problem: ControlError | ConnectorError = error
            except ConnectorError as error:
                problem = error
                if not error.unsent:
                    repeatable = [waiting for waiting in batch if waiting.repeatable]
                    self._give_up(len(batch) - len(repeatable), str(error))
                    batch = repeatable
            else:
                self._server_is_there()
                return
            if not batch or not self._may_try_again(batch[0], BACKOFF.delay(attempt)):
                self._give_up(len(batch), str(problem))
                return
            attempt += 1

    def _refused(self, batch: Sequence[_Waiting], error: ControlError) -> None:
        """Do as rule 4 says."""
        if len(batch) == 1:
            self._give_up(1, str(error))
        else:
            for waiting in batch:
                self._deliver([waiting])

    def _may_try_again(self, oldest: _Waiting, delay: float) -> bool:
        """Wait before another attempt; returns False if there is to be none (rule 2)."""
        if time.monotonic() + delay > oldest.since + self._patience:
            return False
        return not self._closing.wait(delay)

    # -- what is said of it (rule 5) --------------------------------------------------------

    def _give_up(self, count: int, problem: str) -> None:
        if not count:
            return
        with self._changed:
            first = not self._lost
            self.given_up += count
            self._lost += count
        if first:
            logger.warning("updates given up", text=f"Updates are given up: {problem}", problem=problem)

    def _server_is_there(self) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
        if lost:
            text = f"Updates are sent again; {lost} were given up"
            logger.warning("updates sent again", text=text, lost=lost)


def _fits(batch: Sequence[_Waiting], waiting: _Waiting, room: int) -> bool:
    """Whether an update can go in the same request: a body is JSON as a whole; one in CBOR goes alone."""
    if not batch:
        return True
    kinds = {batch[0].body.content_type, waiting.body.content_type}
    return kinds == {JSON} and len(batch) < BATCH and len(waiting.body.content) <= room


def _call(batch: Sequence[_Waiting]) -> Call[int]:
    if batch[0].body.content_type == CBOR:
        return Call("POST", "/update", batch[0].body, int, "updates")
    content = b"[" + b",".join(waiting.body.content for waiting in batch) + b"]"
    return Call("POST", "/update", Encoded(content, JSON), int, "updates")
