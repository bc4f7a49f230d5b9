"""Queues: each message goes to one of those who subscribe to it. No socket, no clock.

1.  Messages wait in order until a subscriber has room, and go round among those that have.
2.  What is not taken (NACK), or was in flight to a client whose connection is closed, is the next to be sent again,
    in its old order, and to another client if there is one.
3.  Queues are bounded, in number, in messages and in bytes, and what does not fit is refused. They do not outlive the
    server, and one that is empty and that nobody subscribes to is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

from cometary.errors import ProtocolError

MOST_QUEUES: Final = 1_000
MOST_WAITING: Final = 10_000
MOST_BYTES: Final = 64 << 20
"""The limit for all queues together."""


class Message(NamedTuple):
    """One message; compared by its number.

    Attributes:
        number: its place in the queue.
        rest: the end of the frame that brings it.
        refused_by: who has refused it; None for nobody.
    """

    number: int
    rest: bytes
    refused_by: object = None


class Consumer(NamedTuple):
    """Who subscribes to a queue.

    Attributes:
        has_room: returns whether one more message may be sent.
        deliver: sends one.
    """

    has_room: Callable[[], bool]
    deliver: Callable[[Message], object]


class _Queue:
    """One queue."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []  # a heap
        self.consumers: dict[object, Consumer] = {}
        self.count = 0

    def next_consumer(self, message: Message) -> Consumer | None:
        """Return whose turn it is, and move it to the end; None if nobody has room."""
        found = [key for key, consumer in self.consumers.items() if consumer.has_room()]
        if not found:
            return None
        key = next((key for key in found if key is not message.refused_by), found[0])
        consumer = self.consumers.pop(key)
        self.consumers[key] = consumer
        return consumer


class Queues:
    """All queues of a server."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queues)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    def check(self, added: Mapping[str, Sequence[bytes]]) -> None:
        """Check that further messages fit, all of them (rule 3).

        Args:
            added: what is to be put into each queue.

        Raises:
            ProtocolError: `too-many-requests`; nobody's fault, try later.
        """
        self._check_number(added)
        size = sum(len(rest) for rests in added.values() for rest in rests)
        fullest = max((self._waiting_in(name) + len(rests) for name, rests in added.items()), default=0)
        if fullest > MOST_WAITING or self._bytes + size > MOST_BYTES:
            raise ProtocolError("too-many-requests", "too many messages wait in queues", retry_after=1)

    def _check_number(self, names: Iterable[str]) -> None:
        new = [name for name in names if name not in self._queues]
        if new and len(self._queues) + len(new) > MOST_QUEUES:
            raise ProtocolError("too-many-requests", f"there are {MOST_QUEUES} queues already", retry_after=1)

    def _waiting_in(self, name: str) -> int:
        queue = self._queues.get(name)
        return 0 if queue is None else len(queue.waiting)

    def put(self, name: str, rest: bytes) -> None:
        """Put a message into a queue; `check` has said that there is room."""
        queue = self._queues.setdefault(name, _Queue())
        queue.count += 1
        self._keep(queue, Message(queue.count, rest))
        self.go_on(name)

    def put_back(self, name: str, message: Message, refused_by: object) -> None:
        """Put back a message that was not taken (rule 2); somebody else is to get it, if there is anybody else."""
        queue = self._queues.setdefault(name, _Queue())
        self._keep(queue, message._replace(refused_by=refused_by))

    def subscribe(self, name: str, key: object, consumer: Consumer) -> None:
        """Let somebody have messages of a queue from now on.

        Raises:
            ProtocolError: `too-many-requests`: there are too many queues; nobody's fault.
        """
        self._check_number([name])
        self._queues.setdefault(name, _Queue()).consumers[key] = consumer
        self.go_on(name)

    def unsubscribe(self, name: str, key: object) -> None:
        """Stop letting somebody have messages of a queue."""
        queue = self._queues.get(name)
        if queue is not None:
            queue.consumers.pop(key, None)
            self.go_on(name)

    def go_on(self, name: str) -> None:
        """Send what waits, as far as somebody has room: something has come, or there is room again."""
        queue = self._queues.get(name)
        if queue is None:
            return
        while queue.waiting and (consumer := queue.next_consumer(queue.waiting[0])) is not None:
            message = heappop(queue.waiting)
            self._bytes -= len(message.rest)
            consumer.deliver(message)
        if not queue.waiting and not queue.consumers and self._queues.get(name) is queue:
            del self._queues[name]

    def _keep(self, queue: _Queue, message: Message) -> None:
        heappush(queue.waiting, message)
        self._bytes += len(message.rest)
