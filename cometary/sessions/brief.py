"""A session and what happens to it, in brief: for operators, who never see its id, nor what is in its packets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cometary.fsm import StartTimer, Stopped, TimedOut
from cometary.packets.packet import Packet
from cometary.sessions.events import Answer, Arrival, Request, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.fsm import State
    from cometary.sessions.keeper import SessionKeeper


def session_in_brief(keeper: SessionKeeper, now: float) -> dict[str, Any]:
    """Return a living session as plain data, at the time `now` of the clock that timed its opening."""
    tracking = keeper.machine.outbox.tracking
    return {
        "name": keeper.name,
        "user": keeper.user,
        "wire": keeper.wire,
        "state": keeper.machine.state.name if keeper.ended is None else "ended",
        "age": round(now - keeper.opened, 3),
        "queued": len(keeper.machine.outbox),
        "queued_bytes": keeper.machine.outbox.size,
        "unhandled": keeper.unhandled,
        "delivered": keeper.machine.outbox.delivered,
        "expired": 0 if tracking is None else tracking.expired,
        "dropped": 0 if tracking is None else tracking.dropped,
    }


def step_in_brief(before: State, event: object, after: State, actions: Sequence[object]) -> dict[str, Any]:
    """Return one step of a session's machine as plain data, with the time, in seconds since the epoch."""
    return {
        "time": round(time.time(), 6),
        "before": before.name,
        "event": in_brief(event),
        "after": after.name,
        "actions": [in_brief(action) for action in actions],
    }


def in_brief(what: object) -> dict[str, Any]:
    """Return an event or an action of a session's machine without what is in its packets."""
    return {"kind": type(what).__name__, **_members(what)}


def _members(what: object) -> dict[str, Any]:
    if isinstance(what, Arrival | Packet):
        return packet_in_brief(what.packet if isinstance(what, Arrival) else what)
    if isinstance(what, Request):
        return {"rid": what.rid, "ack": what.ack, "packets": [packet.path for packet in what.packets]}
    if isinstance(what, Answer | Write):
        return {"first": what.first_seq, "packets": [packet.path for packet in what.packets]}
    if isinstance(what, StartTimer | TimedOut):
        return {"name": str(what.name)}
    return {"reason": what.reason} if isinstance(what, Stopped) else {}


def packet_in_brief(packet: Packet) -> dict[str, Any]:
    """Return the path of a packet, and its size in bytes."""
    return {"path": packet.path, "size": packet.size}
