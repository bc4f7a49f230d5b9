"""The actor of a mirrored session: what differs from one whose client says where it is.

1.  Its client says its request's id and which packets it has, and nothing more; the owner's machine knows the rest
    (`cometary.cluster.mirrored`).
2.  A packet of a path is recorded before it is delivered, as if it were sent to the session alone. So contracts do not
    hold here: what is recorded is delivered. For a client that reads, there is as much room again, as in any session
    (`cometary.sessions.flow`); a queue that is full then ends it. The place of a packet in its path's log is recorded
    with it.
3.  The node that adopts the session has its outbox as it was, takes all of it for sent, and reads on in the logs of its
    paths at once, since it knows where they were left.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cometary.cluster.client_position import ClientPosition
from cometary.cluster.mirrored import MirroredMachine
from cometary.cluster.owner_events import ClientSign, TakeForSent
from cometary.cluster.recorded_actor import RecordedActor
from cometary.sessions.resuming import Resuming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.position import Position
    from cometary.sessions.events import Attach
    from cometary.sessions.resuming import ResumingSign

NOTHING_SAID = Resuming(0)


class MirroredActor(RecordedActor):
    """Runs one mirrored session; for the arguments see `SessionActor`."""

    __slots__ = ()

    # -- what its client says (rule 1)

    def _hear(self, request: Any) -> None:
        refusal = self._refusal(request)
        if refusal is None:
            self._tell_request(request, NOTHING_SAID, ClientPosition())
        else:
            request.refuse(refusal)

    def _drop(self, request: Any) -> None:
        if hasattr(request, "broken"):  # what came on a WebSocket has none, and is no use without it
            super()._drop(request)

    def _attach(self, attach: Attach) -> None:
        self._tell_where(attach, None)

    def _tell_where(self, what: Attach | ResumingSign, says: Any) -> None:  # noqa: ARG002 - it may say anything
        refusal = self._idle_refusal(what)
        if refusal is None:
            self._tell_owner(ClientSign(0, what.ack, ClientPosition(), what))
        else:
            self._end_stream(what.stream, refusal)

    # -- packets of paths (rule 2)

    def _publish(self, packet: Packet) -> None:
        at = self._recorded.places.position_of(packet)
        if at is None or self._recorded.places.awaits(packet.path, at):
            self._publish_at(packet, packet.path, at)

    def _publish_at(self, packet: Packet, path: str, at: Position | None) -> None:
        if at is not None and self._recorded.places.has(path):
            self._recorded.places.reach(path, at)
            self._recorded.fields.touched = True
        self._recorded.waiting.append(packet)
        self._send_what_waits()

    @property
    def _most_waiting(self) -> int:
        return 2 * super()._most_waiting

    @property
    def _most_bytes_waiting(self) -> int:
        return 2 * super()._most_bytes_waiting

    # -- after an adoption (rule 3)

    def _step_owner(self, event: object) -> None:
        machine = self._recorded.machine
        assert isinstance(machine, MirroredMachine)  # noqa: S101 - a mirrored session has it
        machine.sent = self._keeper.machine.outbox.sent
        super()._step_owner(event)

    def _do(self, actions: Sequence[Any]) -> None:
        if actions and isinstance(actions[0], TakeForSent):  # the first thing that an adopter does
            self._take_for_sent(actions[0])
            actions = actions[1:]
        super()._do(actions)

    def _take_for_sent(self, action: TakeForSent) -> None:
        outbox = self._keeper.machine.outbox
        outbox.restore(action.acknowledged, 0, ())
        outbox.stretch()  # its client may have been behind
        self._deliver(action.packets)
        outbox.relax()
        if outbox.acknowledged + len(outbox.packets) == action.sent:  # else there was no room, and it ends
            outbox.batch(sys.maxsize)
        self._read_logs({})
