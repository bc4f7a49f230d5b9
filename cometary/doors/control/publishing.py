"""Publishing: what back-ends send, in one call or in many, each update once or a result for each.

1.  `/update` takes all of its updates or none: it is checked as a whole before any takes effect.
2.  `/batch` takes each update by itself, in order, and has a result for each: `{}` if it was taken, else an error.
3.  An update with an idempotency key is sent once: a repeat is answered as the first was
    (`cometary.dispatch.idempotency`).
4.  A message may come already encoded (`json`, `cbor`): it is passed on byte for byte.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cometary.actors import Future
from cometary.dispatch.call_line import after_all, settle, when_all
from cometary.doors.control.shapes import PacketBody
from cometary.errors import KeyReusedError, MailboxFullError, ProtocolError, UsageError
from cometary.packets.paths import check_target
from cometary.transport.codecs.encoded import encoded_cbor, encoded_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cometary.dispatch.hub import Hub
    from cometary.packets.packet import Packet

    Result = dict[str, object]


class Update(NamedTuple):
    """What is to be published.

    Attributes:
        packet: the update.
        key: its idempotency key; None for none.
    """

    packet: Packet
    key: str | None


class Publishing:
    """Publishes what back-ends send.

    Args:
        hub: sends them.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def packets(self, bodies: Iterable[PacketBody]) -> list[Packet]:
        """Return the packets for one session.

        Raises:
            ProtocolError: `bad-request`, the caller's fault.
        """
        for body in bodies:
            if body.exclude is not None or body.idempotency_key is not None:
                raise ProtocolError("bad-request", "exclude and idempotency_key are for updates.")
        return [self._packet(body) for body in bodies]

    def update(self, bodies: Sequence[PacketBody]) -> Future[None]:
        """Publish all or none (rule 1).

        Raises:
            ProtocolError: `bad-request`, the caller's fault: nothing was sent.
        """
        updates = [Update(self._packet(body), body.idempotency_key) for body in bodies]
        keys = [update.key for update in updates if update.key is not None]
        if len(set(keys)) < len(keys):
            raise ProtocolError("bad-request", "Two updates of one call have the same idempotency key.")
        return self._hub.in_line(partial(self._publish_all, updates))

    def batch(self, items: Sequence[object]) -> Future[list[Result]]:
        """Publish each by itself (rule 2)."""
        return self._hub.in_line(partial(self._publish_each, items))

    def _publish_all(self, updates: Sequence[Update]) -> Future[None] | None:
        for packet, key in updates:
            if key is not None:
                self._hub.check_once(packet, key)
        waiting = [taken for update in updates if (taken := self._publish(update)) is not None]
        return when_all(waiting) if waiting else None

    def _publish_each(self, items: Sequence[object]) -> Future[list[Result]]:
        outcomes = [self._try(item) for item in items]
        waiting = [outcome for outcome in outcomes if isinstance(outcome, Future)]
        answer: Future[list[Result]] = Future()
        after_all(waiting, partial(settle, answer, partial(_results, outcomes)))
        return answer

    def _try(self, item: object) -> Future[None] | Result:
        try:
            body = msgspec.convert(item, PacketBody)
            return self._publish(Update(self._packet(body), body.idempotency_key)) or {}
        except msgspec.ValidationError as error:
            return ProtocolError("bad-request", f"This is not an update: {error}.").body()
        except (ProtocolError, UsageError, MailboxFullError) as error:
            return refusal_of(error).body()

    def _publish(self, update: Update) -> Future[None] | None:
        if update.key is None:
            return self._hub.publish(update.packet)
        return self._hub.publish_once(update.packet, update.key)

    def _packet(self, body: PacketBody) -> Packet:
        check_target(body.path)
        try:
            message = _message(body)
            if body.receipt is None and body.ttl is None and body.key is None and body.exclude is None:
                return self._hub.packet(body.path, message)
            return self._hub.tracked(
                body.path, message, receipt=body.receipt, ttl=body.ttl, key=body.key, exclude=body.exclude
            )
        except UsageError as error:
            raise refusal_of(error) from None


def _message(body: PacketBody) -> object:
    """Return the message, which comes in one of three ways.

    Raises:
        UsageError: it comes in several; the caller's fault.
    """
    if body.json is None and body.cbor is None:
        return body.message
    if body.message is not None or (body.json is not None and body.cbor is not None):
        raise UsageError("an update has a message, or one that is encoded already, as json or cbor")
    return encoded_json(body.json) if body.json is not None else encoded_cbor(body.cbor or b"")


def _results(outcomes: Sequence[Future[None] | Result]) -> list[Result]:
    return [_result(outcome) for outcome in outcomes]


def _result(outcome: Future[None] | Result) -> Result:
    if not isinstance(outcome, Future):
        return outcome
    try:
        outcome.get()
    except (ProtocolError, UsageError, MailboxFullError) as error:
        return refusal_of(error).body()
    except Exception:  # noqa: BLE001 - the engine has logged what it could not pass on
        return ProtocolError("internal-error", "The update could not be passed on.").body()
    return {}


def refusal_of(error: ProtocolError | UsageError | MailboxFullError) -> ProtocolError:
    """Return what a back-end is told."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, MailboxFullError):
        return ProtocolError("too-many-requests", str(error), retry_after=1)
    return ProtocolError("key-reused" if isinstance(error, KeyReusedError) else "bad-request", str(error))
