"""Sessions, as pages see them: the living sessions, one of them, and those that have ended."""

from __future__ import annotations

import time
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.doors.control.named import fits, living_session
from cometary.doors.inspector.machines import drawn
from cometary.sessions.brief import packet_in_brief
from cometary.sessions.journal import shown_user

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.doors.inspector import looks
    from cometary.doors.inspector.readings import Readings
    from cometary.sessions import SessionKeeper, SessionManager

SLICE: Final = 100
"""Sessions: about a millisecond."""

QUEUE_SHOWN: Final = 50
PATHS_SHOWN: Final = 3
OF_AN_ENDED_ONE: Final = ("name", "user", "reason", "ended", "age", "undelivered", "restarts")


async def listed(look: looks.Sessions, manager: SessionManager, readings: Readings) -> dict[str, Any]:
    """Return the lines in view of the list of living sessions."""
    keepers = await _in_order(look, manager, readings)
    shown = keepers[look.first : look.first + look.most]
    lines = [line(keeper, manager, readings) for keeper in shown if keeper.ended is None]
    return {"at": "sessions", "first": look.first, "total": len(keepers), "lines": lines}


async def heads(
    look: looks.Sessions, most: int, manager: SessionManager, readings: Readings
) -> tuple[int, list[float]]:
    """Return how long that list is, and by which numbers its first `most` lines are in order."""
    keepers = await _in_order(look, manager, readings)
    if look.sort == "opened":
        return len(keepers), [float(opened(keeper)) for keeper in keepers[:most]]
    return len(keepers), [-_by(look.sort, keeper, readings) for keeper in keepers[:most]]


async def _in_order(look: looks.Sessions, manager: SessionManager, readings: Readings) -> list[SessionKeeper]:
    keepers = list(manager.directory)
    if look.search:
        keepers = await _found(keepers, manager, look.search)
    if look.sort != "opened":
        keepers = await _sorted(keepers, look.sort, readings)
    return keepers


async def _found(
    keepers: Iterable[SessionKeeper], manager: SessionManager, search: str
) -> list[SessionKeeper]:
    found: list[SessionKeeper] = []
    rest = iter(keepers)
    while part := list(islice(rest, SLICE)):
        for keeper in part:
            told = {
                "name": keeper.name,
                "user": shown_user(keeper),
                "paths": manager.hub.paths(keeper).listed,
            }
            if keeper.ended is None and fits(told, search):
                found.append(keeper)
        await trio.lowlevel.checkpoint()
    return found


async def _sorted(keepers: Iterable[SessionKeeper], sort: str, readings: Readings) -> list[SessionKeeper]:
    keyed: list[tuple[float, int, SessionKeeper]] = []
    rest = iter(keepers)
    while part := list(islice(rest, 10 * SLICE)):
        keyed += [(-_by(sort, keeper, readings), len(keyed) + n, keeper) for n, keeper in enumerate(part)]
        await trio.lowlevel.checkpoint()
    keyed.sort()
    return [keeper for _, _, keeper in keyed]


def _by(sort: str, keeper: SessionKeeper, readings: Readings) -> float:
    if sort == "queued":
        return len(keeper.machine.outbox)
    return keeper.unhandled if sort == "unhandled" else readings.rates.get(keeper.name, 0.0)


def line(keeper: SessionKeeper, manager: SessionManager, readings: Readings) -> dict[str, Any]:
    """Return the line of one session. It has no age, which would differ at each look."""
    paths = manager.hub.paths(keeper, PATHS_SHOWN)
    return {
        "name": keeper.name,
        "user": shown_user(keeper),
        "wire": keeper.wire,
        "state": keeper.machine.state.name,
        "opened": opened(keeper),
        "queued": len(keeper.machine.outbox),
        "unhandled": keeper.unhandled,
        "rate": round(readings.rates.get(keeper.name, 0.0), 1),
        "restarts": keeper.ref.actor_inbox.life,
        "paths": paths.listed,
        "path_count": paths.total,
    }


def opened(keeper: SessionKeeper) -> int:
    """Return when a session opened, in whole seconds since the epoch."""
    return round(time.time() - (trio.current_time() - keeper.opened))


def one(look: looks.Session, manager: SessionManager, readings: Readings) -> dict[str, Any]:
    """Return one session, which is recorded from now on; or what is remembered of one that has ended.

    Raises:
        ProtocolError: there is none of this name, and none is remembered; the caller's fault.
    """
    ended = manager.ended_sessions.find(look.name)
    if ended is not None:
        return {"at": "session", **ended}
    keeper = living_session(manager, look.name)
    described = manager.describe(keeper)
    del described["age"]
    outbox, lease = keeper.machine.outbox, keeper.lease
    return {
        "at": "session",
        **described,
        "user": shown_user(keeper),
        "opened": opened(keeper),
        "received": keeper.received,
        "sent": outbox.sent,
        "restarts": keeper.ref.actor_inbox.life,
        "urn": keeper.ref.actor_urn,
        "rate": round(readings.rates.get(keeper.name, 0.0), 1),
        "machine": drawn(keeper.machine),
        "queue": [
            {"seq": outbox.acknowledged + number, **packet_in_brief(packet)}
            for number, packet in enumerate(outbox.packets[:QUEUE_SHOWN], 1)
        ],
        "connections": _connections(keeper, addresses=manager.journal.addresses),
        "timers": _timers(keeper),
        "expires": None if lease is None or lease.expires == inf else _wall(lease.expires),
        "steps": manager.ended_sessions.recordings.look(keeper),
    }


def _connections(keeper: SessionKeeper, *, addresses: bool) -> list[dict[str, Any]]:
    machine = keeper.machine
    found: list[dict[str, Any]] = []
    if machine.held is not None:
        where = machine.held.address if addresses else ""
        found.append({"kind": "held request", "rid": machine.held.rid, "address": where})
    if machine.stream is not None:
        found.append({"kind": machine.stream.wire, "carried": machine.stream.carried})
    return found


def _timers(keeper: SessionKeeper) -> list[dict[str, Any]]:
    running = ((name, timer) for name, timer in keeper.timers.items() if timer.running)
    return [{"name": name, "due": _wall(timer.deadline)} for name, timer in running]


def _wall(moment: float) -> float:
    """Return a moment of the loop's clock in seconds since the epoch."""
    return round(time.time() + moment - trio.current_time())


async def ended(look: looks.Ended, manager: SessionManager) -> dict[str, Any]:
    """Return the lines in view of the list of sessions that have ended."""
    total, shown = await _latest(look, look.first, look.most, manager)
    lines = [{member: one[member] for member in OF_AN_ENDED_ONE} for one in shown]
    return {"at": "ended", "first": look.first, "total": total, "lines": lines}


async def ended_heads(look: looks.Ended, most: int, manager: SessionManager) -> tuple[int, list[float]]:
    """Return how long that list is, and by which numbers its first `most` lines are in order."""
    total, shown = await _latest(look, 0, most, manager)
    return total, [-one["ended"] for one in shown]


async def _latest(
    look: looks.Ended, first: int, most: int, manager: SessionManager
) -> tuple[int, list[dict[str, Any]]]:
    known, total = manager.ended_sessions, len(manager.ended_sessions)
    names = known.latest(first, most)
    if look.search or look.reason:
        found: list[str] = []
        for part in known.search(look.search, look.reason):
            found += part
            await trio.lowlevel.checkpoint()
        names, total = found[first : first + most], len(found)
    return total, [one for name in names if (one := known.find(name)) is not None]  # one may be forgotten
