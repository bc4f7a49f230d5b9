"""Idempotency keys: an update that is repeated under the same key is answered as the first was, and not sent.

1.  A sender that does not know whether its update was taken repeats it with the key that it had. Within `SECONDS` of
    the first, the repeat has the outcome of the first, which may be still to come, and nothing is sent.
2.  A key stands for one update: with another one it is refused (`KeyReusedError`), and nothing is sent.
3.  What was not taken leaves no trace, from the start or once that is known: the repeat is sent.
4.  Only so many keys are remembered: beyond `MOST` the oldest is forgotten.

Pure but for a lock: time comes in through a function. From any thread.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from cometary.errors import KeyReusedError, UsageError
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import Future
    from cometary.packets.packet import Packet

SECONDS: Final = 300.0
MOST: Final = 100_000
LONGEST_KEY: Final = 256
"""Characters."""


class First(NamedTuple):
    """What is remembered under a key.

    Attributes:
        update: what tells what was sent from every other update.
        outcome: what the sender was given.
        until: when it is forgotten.
    """

    update: tuple[bytes, object]
    outcome: Future[None] | None
    until: float


class IdempotencyKeys:
    """The keys of one server.

    Args:
        now: reads the clock, in seconds.
        seconds: for how long a key is remembered.
        most: how many are.
    """

    def __init__(self, now: Callable[[], float], seconds: float = SECONDS, most: int = MOST) -> None:
        self._now = now
        self._seconds = seconds
        self._most = most
        self._firsts: OrderedDict[str, First] = OrderedDict()
        self._lock = Lock()

    def once(
        self, key: str, packet: Packet, send: Callable[[Packet], Future[None] | None]
    ) -> Future[None] | None:
        """Send a packet unless it is a repeat.

        Returns:
            What `send` returned, this time or the first.

        Raises:
            KeyReusedError: the key was another packet's; the caller's fault.
            UsageError: it is not a key; the caller's fault.
            BaseException: what `send` raises.
        """
        check_key(key)
        update = identity_of(packet)
        with self._lock:
            self._forget_old()
            first = self._firsts.get(key)
            if first is not None:
                if first.update != update:
                    raise reused()
                return first.outcome
            outcome = send(packet)
            self._firsts[key] = first = First(update, outcome, self._now() + self._seconds)
            if len(self._firsts) > self._most:
                self._firsts.popitem(last=False)
        if outcome is not None:
            outcome.add_done_callback(partial(self._look, key, first, outcome))
        return outcome

    def check(self, key: str, packet: Packet) -> None:
        """See whether a packet may be sent under a key, or is a repeat.

        Raises:
            KeyReusedError: the key was another packet's; the caller's fault.
            UsageError: it is not a key; the caller's fault.
        """
        check_key(key)
        with self._lock:
            self._forget_old()
            first = self._firsts.get(key)
        if first is not None and first.update != identity_of(packet):
            raise reused()

    def _look(self, key: str, first: First, outcome: Future[None]) -> None:
        try:
            outcome.get()
        except Exception:  # noqa: BLE001 - whoever sent it is told
            with self._lock:
                if self._firsts.get(key) is first:
                    del self._firsts[key]

    def _forget_old(self) -> None:
        while self._firsts:
            key, first = next(iter(self._firsts.items()))
            if first.until > self._now():
                return
            del self._firsts[key]


def reused() -> KeyReusedError:
    """Return the error for a key that was another packet's."""
    return KeyReusedError("this idempotency key came with another update before")


def identity_of(packet: Packet) -> tuple[bytes, object]:
    """Return what tells this update from every other one: a digest, and its key, any object that can be compared."""
    digest = blake2b(packet.json, digest_size=16)
    if not isinstance(packet, TrackedPacket):
        return digest.digest(), None
    digest.update(repr((packet.receipt, packet.ttl, packet.exclude)).encode(errors="replace"))
    return digest.digest(), packet.key


def check_key(key: object) -> None:
    """Accept an idempotency key by returning.

    Raises:
        UsageError: if it is not text of 1 to 256 characters, or has no UTF-8; the caller's fault.
    """
    if not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        raise UsageError(f"an idempotency key is text of 1 to {LONGEST_KEY} characters")
    try:
        key.encode()
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can have: an engine could not be asked for it
        raise UsageError("an idempotency key is text, and half a surrogate pair is none") from None
