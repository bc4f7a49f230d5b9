"""Updates with an idempotency key, to paths without a history: each counts once, whichever nodes repeats are sent to.

1.  The engine is asked first who has the key: one operation. A node that has it itself has published the update, and
    answers a repeat like the first. For a path with a history, this is done where the update is numbered
    (`cometary.cluster.path_logs`).
2.  If another node has the key, nobody knows whether it has told anybody: it may have died in between. So the update is
    published again, under the key and the name of the claim, and each node ignores what has come to it under that
    key before.
3.  What is published to the same path meanwhile waits behind it, in its order.
4.  What could not be published leaves no trace here, though its claim stays: a repeat of it is published.
5.  A key is known for `SECONDS`. Each node knows the latest `MOST` under which anything came. The same claim is the
    same update, whenever it comes. Another claim is another update, since the engine has forgotten the one before;
    but an engine that has lost everything has forgotten it too early, and only time tells. What comes may have waited
    for `LATE` seconds since it was claimed, so a node's own time ends that much sooner: no update is lost by it.

Runs on the loop's thread, except for `publish` and `behind`, for which the caller holds a lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import trio

from cometary.actors import Future
from cometary.dispatch.idempotency import MOST, SECONDS, identity_of, reused
from cometary.errors import MailboxFullError
from cometary.sessions.flow import MOST_PENDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.cluster.engine import Engine as Cluster
    from cometary.packets.packet import Packet

LATE: Final = 60.0
"""Seconds; longer than an update takes from its claim to any node."""


class Claim(NamedTuple):
    """What a key stands for.

    Attributes:
        digest: tells the update from every other one.
        node: which node has the key,
        incarnation: which process of its name,
        token: and which of its claims that is.
    """

    digest: bytes
    node: str
    incarnation: str
    token: int

    def named(self, key: str) -> str:
        """Return what an update is published under: the name of its claim, and its key."""
        return f"{self.incarnation}.{self.token} {key}"


class Waiting:
    """An update in a line.

    Attributes:
        packet: the update.
        taken: told when it is published.
        settle: settles what has become of it, once that is known.
    """

    __slots__ = ("packet", "settle", "taken")

    def __init__(self, packet: Packet, settle: Callable[[], object] | None = None) -> None:
        self.packet = packet
        self.taken: Future[None] = Future()
        self.settle = settle


class KeyedUpdates:
    """Updates with an idempotency key, at one node.

    Args:
        cluster: knows who has which key.
        send: publishes an update, under a key and its claim or nothing.
        now: reads the clock, in seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        send: Callable[[Packet, str], object],
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._cluster = cluster
        self._send = send
        self._now = now
        self._tokens = count(1)
        self._lines: dict[str, deque[Waiting]] = {}
        self._waiting = 0
        self._failed: OrderedDict[str, None] = OrderedDict()  # what has its claim here, and was not published
        self._came: OrderedDict[str, tuple[str, float]] = (
            OrderedDict()
        )  # the claim of each key, and until when

    def check_room(self) -> None:
        """Check that one more may wait.

        Raises:
            MailboxFullError: too many wait; nobody's fault, try later.
        """
        if self._waiting >= MOST_PENDING:
            raise MailboxFullError(f"{MOST_PENDING} updates wait for the engine")

    def publish(self, packet: Packet, key: str) -> tuple[Future[None], Callable[[], object]]:
        """Publish an update once; returns what tells when that is done, and what is to be called on the loop."""
        waiting = Waiting(packet)
        self._lines.setdefault(packet.path, deque()).append(waiting)
        self._waiting += 1

        def ask() -> None:
            claim = Claim(
                identity_of(packet)[0], self._cluster.node, self._cluster.incarnation, next(self._tokens)
            )
            value = msgspec.msgpack.encode(claim)
            try:
                self._cluster.claim(key, value, SECONDS, lambda had: self._claimed(waiting, key, claim, had))
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and those behind it go on
                self._refuse(waiting, error)

        return waiting.taken, ask

    def behind(self, packet: Packet) -> Future[None] | None:
        """Have an update wait for those before it on its path; returns what tells that it is published, or None."""
        line = self._lines.get(packet.path)
        if line is None:
            return None
        waiting = Waiting(packet)
        waiting.settle = lambda: self._publish(waiting, "")
        self.check_room()
        line.append(waiting)
        self._waiting += 1
        return waiting.taken

    def is_new(self, named: str) -> bool:
        """Take note that an update has come under a key and its claim; returns whether it is the first one (rule 5)."""
        claim, _, key = named.partition(" ")
        before, until = self._came.get(key, ("", 0.0))
        if before and (claim == before or self._now() < until):
            return False
        self._came[key] = claim, self._now() + SECONDS - LATE
        self._came.move_to_end(key)
        if len(self._came) > MOST:
            self._came.popitem(last=False)
        return True

    def forget(self, named: str) -> None:
        """Take no note that an update has come, since it could not be routed (rule 4)."""
        self._came.pop(named.partition(" ")[2], None)

    def _claimed(self, waiting: Waiting, key: str, claim: Claim, had: bytes | None) -> None:
        before = claim if had is None else msgspec.msgpack.decode(had, type=Claim)
        named = before.named(key)
        if before.digest != claim.digest:
            waiting.settle = lambda: waiting.taken.offer(error=reused())
        elif had is None or before[1:3] != claim[1:3] or named in self._failed:
            waiting.settle = lambda: self._publish(waiting, named)
        else:
            waiting.settle = waiting.taken.offer
        self._go_on(waiting.packet.path)

    def _refuse(self, waiting: Waiting, error: Exception) -> None:
        waiting.settle = lambda: waiting.taken.offer(error=error)
        self._go_on(waiting.packet.path)

    def _go_on(self, path: str) -> None:
        line = self._lines[path]
        while line and line[0].settle is not None:
            settle = line.popleft().settle
            self._waiting -= 1
            if settle is not None:
                settle()
        if not line:
            del self._lines[path]

    def _publish(self, waiting: Waiting, named: str) -> None:
        try:
            self._send(waiting.packet, named)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._failed[named] = None
            if len(self._failed) > MOST:
                self._failed.popitem(last=False)
            waiting.taken.offer(error=error)
        else:
            self._failed.pop(named, None)
            waiting.taken.offer()
