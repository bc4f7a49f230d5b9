"""A session as plain data: all of it that matters, so that it can go on at another node.

1.  `freeze` changes nothing; what it returns shares nothing with the session, and is made of text, numbers, lists and
    maps alone, so that it can travel as JSON or as CBOR. `thaw` makes the session's lasting part of it again.
2.  Times are seconds that are left when it is frozen, or have passed by then. No two clocks agree: the mover of the
    session says how long the move took. A packet's time to live and a token's expiry run on meanwhile. The die timer
    starts anew.
3.  Nothing that holds a connection moves. What was sent and not acknowledged is kept, with its number; what was never
    sent, or was on its way to the session's actor, comes behind that in order, as if it were sent when thawed.
4.  Calls of the application that had not begun come after the move. One that had begun, and one that had failed and
    was not reported, is reported as a failure there: none is made twice, and none vanishes.
5.  What is code does not move: contracts are those of the node where it is thawed (`cometary.packets.frozen`).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

import msgspec

from cometary.errors import ActorEndedError, UsageError
from cometary.fsm import StartTimer
from cometary.log import show
from cometary.packets.frozen import (
    FrozenPacket,
    FrozenValue,
    freeze_packet,
    freeze_value,
    thaw_packet,
    thaw_value,
)
from cometary.packets.packet import Packet
from cometary.packets.receipted import AskedPacket
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.allowance import Allowance
from cometary.sessions.bucket import Bucket
from cometary.sessions.events import Attach, End, Request, RequestDropped, Stream, StreamDropped
from cometary.sessions.failure import Failure
from cometary.sessions.keeper import TOO_SLOW, UP_TO_DATE, SessionKeeper, SignedOn
from cometary.sessions.lease import FrozenLease, freeze_lease, thaw_lease
from cometary.sessions.machine import SessionMachine
from cometary.sessions.outbox import Outbox
from cometary.sessions.policy import Policy
from cometary.sessions.replayed import Replayed
from cometary.sessions.session import Session
from cometary.sessions.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cometary.sessions.application import Hub
    from cometary.sessions.keeper import Call
    from cometary.sessions.settings import SessionSettings
    from cometary.sessions.tracking import Outcome

VERSION: Final = 1

INTERRUPTED: Final = "the session went on at another node while its handler ran"
"""What a call has failed of that had begun."""


class Released(NamedTuple):
    """A session that is to go on elsewhere.

    Attributes:
        frozen: the session, as plain data; see `cometary.sessions.frozen`.
        carriers: its client's requests that were not answered, and streams that were not attached yet, in the order in
            which its actor is to be told of them there (`SessionKeeper.tell`).
    """

    frozen: dict[str, Any]
    carriers: list[Request | Attach]


class FrozenCall(msgspec.Struct):
    """What the application is still to be told.

    Attributes:
        hook: which handlers are called.
        size: bytes that it counts with.
        packet: what the client has sent, for `packet`.
        failed: how the call failed; None if it was not made yet.
    """

    hook: Literal["signon", "packet"]
    size: int
    packet: FrozenPacket | None = None
    failed: str | None = None


class FrozenSession(msgspec.Struct):
    """A session.

    Attributes:
        version: of this form.
        sid: its secret id.
        name: its public name.
        age: seconds since it was opened.
        policy: what its wire's sessions are like.
        wait: seconds that its client wants its requests held at most.
        first_rid: the id of the request that opened it.
        expected: the id of the next new one.
        acknowledged: the highest number that its client has acknowledged, or is presumed to have.
        presumed: how many packets are presumed to have arrived.
        sent: the packets that come next, which were sent.
        waiting: packets that were never sent.
        started: whether its sign-on was queued.
        received: packets of the client's that were taken in.
        calls: what the application was not told yet.
        data: the application's own notes.
        paths: what it is connected to.
        lease: on what the client was let in, if somebody was asked.
        ends: why it ends, behind what waits, if it does.
        expired: packets that have expired.
        dropped: packets that were dropped.
        too_slow: whether its client was too slow to be waited for.
        allowance: for how many seconds others may still wait for its client, if they have had to.
        tokens: how many packets its client may send at once, if these are counted.
    """

    version: int
    sid: str
    name: str
    age: float
    policy: Policy
    wait: float
    first_rid: int
    expected: int
    acknowledged: int
    sent: list[FrozenPacket]
    waiting: list[FrozenPacket]
    started: bool
    received: int
    calls: list[FrozenCall]
    data: FrozenValue
    paths: list[str]
    lease: FrozenLease | None
    ends: str | None
    presumed: int
    expired: int
    dropped: int
    too_slow: bool
    allowance: float | None
    tokens: float | None


def freeze(keeper: SessionKeeper, paths: Sequence[str], mail: Sequence[object] = ()) -> dict[str, Any]:
    """Return a session that has not ended as plain data; on the loop, but not in its own turn.

    Args:
        keeper: the session.
        paths: what it is connected to.
        mail: what is in its actor's mailbox.

    Raises:
        UsageError: if the application's data has no plain form; its fault.
    """
    now, machine, outbox = keeper.now(), keeper.machine, keeper.machine.outbox
    tracking, unsent = outbox.tracking, outbox.sent - outbox.acknowledged
    frozen = FrozenSession(
        version=VERSION,
        sid=keeper.sid,
        name=keeper.name,
        age=now - keeper.opened,
        policy=machine.policy,
        wait=machine.wait,
        first_rid=machine.window.first_rid,
        expected=machine.window.expected,
        acknowledged=outbox.acknowledged,
        sent=[freeze_packet(packet) for packet in outbox.packets[:unsent]],
        waiting=[*_unsent(outbox, now), *_posted(keeper, mail)],
        started=keeper.started,
        received=keeper.received,
        calls=list(_calls(keeper)),
        data=_data(keeper),
        paths=list(paths),
        lease=None if keeper.lease is None else freeze_lease(keeper, keeper.lease),
        ends=next((message.reason for message in mail if isinstance(message, End)), None),
        presumed=outbox.presumed,
        expired=0 if tracking is None else tracking.expired,
        dropped=0 if tracking is None else tracking.dropped,
        too_slow=keeper.lag == TOO_SLOW,
        allowance=None if keeper.allowance is None else keeper.allowance.left,
        tokens=None if keeper.bucket is None else keeper.bucket.tokens,
    )
    plain: dict[str, Any] = msgspec.to_builtins(frozen)
    return plain


def _data(keeper: SessionKeeper) -> FrozenValue:
    try:
        return freeze_value(keeper.data)
    except UsageError as error:
        raise UsageError(f"the data of <Session {keeper.name}> cannot move: {error}") from error


def _unsent(outbox: Outbox, now: float) -> Iterator[FrozenPacket]:
    """Write the packets that were never sent, each with what is left of its time."""
    for place in range(outbox.sent - outbox.acknowledged, len(outbox)):
        deadline = inf if outbox.tracking is None else outbox.tracking.deadline(place)
        yield freeze_packet(outbox.packets[place], deadline - now)


def _posted(keeper: SessionKeeper, mail: Iterable[object]) -> Iterator[FrozenPacket]:
    """Write the packets that its actor has not been told of yet; their time begins when it is."""
    outbox = keeper.machine.outbox
    queue = Outbox(outbox.limit_packets, outbox.limit_bytes)
    queue.restore(0, 0, outbox.packets)  # what is replayed is to fit behind what comes before it
    for message in mail:
        packets = message.that_fit(queue) if isinstance(message, Replayed) else [message]
        for packet in packets:
            if isinstance(packet, Packet):
                queue.keep(packet)
                yield freeze_packet(packet, packet.ttl if isinstance(packet, TrackedPacket) else inf)
    if isinstance(keeper.begun, AskedPacket):
        yield freeze_packet(keeper.begun.failed())


def _calls(keeper: SessionKeeper) -> Iterator[FrozenCall]:
    """Write what the application is to be told: first what it has not come to the end of (rule 4)."""
    begun = keeper.begun
    if isinstance(begun, Packet):
        yield FrozenCall("packet", 0, freeze_packet(begun), INTERRUPTED)
    elif isinstance(begun, SignedOn):
        yield FrozenCall("signon", 0, None, INTERRUPTED)
    for item, size in keeper.todo():
        if isinstance(item, Packet):
            yield FrozenCall("packet", size, freeze_packet(item))
        elif isinstance(item, SignedOn):
            yield FrozenCall("signon", size)
        elif isinstance(item, Failure) and item.packet is not None:
            yield FrozenCall("packet", size, freeze_packet(item.packet), show(item.error))
        elif isinstance(item, Failure):
            yield FrozenCall("signon", size, None, show(item.error))


def let_go(machine: SessionMachine, mail: Iterable[object]) -> list[Request | Attach]:
    """Return what was not answered, in the order in which it came; and release the stream that is attached (rule 3).

    Args:
        machine: the session's machine, which is not stepped any more.
        mail: what was in its actor's mailbox.
    """
    left: list[Request | Attach] = []
    streams: list[Stream] = []
    for carrier in machine.let_go():
        if isinstance(carrier, Stream):
            streams.append(carrier)
        else:
            left.append(carrier)
    for message in mail:
        if isinstance(message, Request | Attach):
            left.append(message)
        elif isinstance(message, RequestDropped):
            left = [one for one in left if one is not message.request]
        elif isinstance(message, StreamDropped):
            left = [one for one in left if not (isinstance(one, Attach) and one.stream is message.stream)]
            streams = [stream for stream in streams if stream is not message.stream]
    for stream in streams:
        stream.release()
    return left


def read(plain: object) -> FrozenSession:
    """Read what `freeze` has returned.

    Raises:
        UsageError: if it is none, or of a version of which nothing is known here; the caller's fault.
    """
    version = cast("dict[object, object]", plain).get("version") if isinstance(plain, dict) else None
    if version != VERSION:
        raise UsageError(
            f"a session in version {version!r} of its plain form cannot be read: {VERSION} is known"
        )
    try:
        return msgspec.convert(plain, FrozenSession)
    except msgspec.ValidationError as error:
        raise UsageError(f"this is no session: {error}") from None


class Thawing:
    """Makes a session of what was frozen: in two steps, since its timers need its actor, and its actor the rest.

    Args:
        frozen: the session.
        settings: of the server that it comes to.
        hub: of that server.
        now: the time, in seconds of the clock of timers.
        late: seconds that have passed since it was frozen.

    Raises:
        UsageError: if one of its packets cannot be sent here; nobody's fault.

    Attributes:
        keeper: the session.
        waiting: what it is to be sent before all else.
    """

    def __init__(
        self, frozen: FrozenSession, settings: SessionSettings, hub: Hub, now: float, late: float
    ) -> None:
        self._frozen = frozen
        self._late = late
        machine = SessionMachine(settings, frozen.first_rid, frozen.wait, frozen.policy)
        machine.window.expected = frozen.expected
        self.keeper = keeper = SessionKeeper(frozen.sid, frozen.name, machine, now - late - frozen.age)
        self.waiting = self._packets(frozen.waiting, hub)
        machine.outbox.restore(frozen.acknowledged, frozen.presumed, self._packets(frozen.sent, hub))
        keeper.started = frozen.started
        keeper.received = frozen.received
        keeper.lag = TOO_SLOW if frozen.too_slow else UP_TO_DATE
        if frozen.allowance is not None:
            keeper.allowance = Allowance(now, frozen.allowance)
        if frozen.tokens is not None:
            keeper.bucket = Bucket(frozen.tokens, now)
        keeper.data.update(thaw_value(frozen.data))
        for call in frozen.calls:
            keeper.queue(self._call(call, hub), size=call.size)

    def _packets(self, frozen: Iterable[FrozenPacket], hub: Hub) -> list[Packet]:
        return [thaw_packet(packet, hub.tracked, self._late) for packet in frozen]

    def _call(self, call: FrozenCall, hub: Hub) -> Call | Failure:
        packet = None if call.packet is None else thaw_packet(call.packet, hub.tracked)
        if call.failed is not None:
            error = ActorEndedError(call.failed, "crashed")
            return Failure(call.hook, error, Session(self.keeper, hub), packet)
        return SignedOn() if packet is None else packet

    def resume(self, settle: Callable[[TrackedPacket, Outcome], object]) -> None:
        """Let it go on: its actor is there.

        Args:
            settle: told what becomes of its packets that want receipts.
        """
        frozen, keeper = self._frozen, self.keeper
        outbox = keeper.machine.outbox
        if frozen.expired or frozen.dropped or any(isinstance(one, TrackedPacket) for one in outbox.packets):
            outbox.tracking = tracking = Tracking(len(outbox), settle)
            tracking.expired, tracking.dropped = frozen.expired, frozen.dropped
        if frozen.lease is not None:
            thaw_lease(keeper, frozen.lease, self._late)
        if frozen.started:
            for action in keeper.machine.start():  # the die timer, and nothing else
                if isinstance(action, StartTimer):
                    keeper.new_timer(str(action.name), action).start(action.seconds or 0.0)
        for packet in self.waiting:
            keeper.tell(packet)
        if frozen.ends is not None:
            keeper.end(frozen.ends)
