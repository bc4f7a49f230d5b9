"""The supervision tree, as far as it is in view, and one actor of it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.actors.mailbox import SUSPENDED
from cometary.actors.sys import process_info
from cometary.doors.inspector.machines import drawn
from cometary.errors import ProtocolError
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.outline import Line, lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cometary.actors import ActorRef, ActorSystem
    from cometary.doors.inspector import looks
    from cometary.doors.inspector.counting import Counting

SLICE: Final = 1_000
"""Lines that are passed over at once: about a millisecond."""


async def listed(
    look: looks.Tree, root: ActorRef[Any], counting: Counting, rates: Mapping[str, float]
) -> dict[str, Any]:
    """Return the lines of the tree that are in view.

    Args:
        look: which those are.
        root: the root of the tree.
        counting: counts the messages of the actors that are in view.
        rates: those of sessions, by their names.
    """
    found = await _passed(lines(root, _Opens(look)), look.search.casefold())
    shown = found[look.first : look.first + look.most]
    told = [told_of(line, look, counting, rates) for line in shown if line.holder is None or _is_there(line)]
    return {"at": "tree", "first": look.first, "total": len(found), "lines": told}


class _Opens:
    """Whether what is below a supervisor is in view."""

    def __init__(self, look: looks.Tree) -> None:
        self._all = bool(look.search)
        self._opened, self._closed = frozenset(look.opened), frozenset(look.closed)

    def __call__(self, line: Line) -> bool:
        ref = line.ref
        if self._all or ref is None:
            return True
        if isinstance(line.supervisor, DynamicSupervisor):
            return ref.actor_urn in self._opened
        return ref.actor_urn not in self._closed


async def _passed(all_lines: Iterable[Line], search: str) -> list[Line]:
    found: list[Line] = []
    rest = iter(all_lines)
    while part := list(islice(rest, SLICE)):
        found += [line for line in part if search in _text_of(line).casefold()] if search else part
        await trio.lowlevel.checkpoint()
    return found


def _text_of(line: Line) -> str:
    ref = line.ref
    return line.id if ref is None else f"{line.id}\n{ref.qualified_label}"


def _is_there(line: Line) -> bool:
    """Whether a line belongs to a child that its supervisor still has."""
    holder = line.holder
    return not isinstance(holder, DynamicSupervisor) or line.item in holder.children


def told_of(line: Line, look: looks.Tree, counting: Counting, rates: Mapping[str, float]) -> dict[str, Any]:
    """Return one line, with how many messages the actor gets a second, if known."""
    node, ref = line.node(), line.ref
    told: dict[str, Any] = {
        member: getattr(node, member)
        for member in ("id", "kind", "actor", "state", "restarts", "mailbox", "count", "names", "urn")
    }
    if ref is not None:
        told["suspended"] = ref.actor_inbox.state == SUSPENDED
        if node.kind in {"worker", "supervisor"}:
            told["rate"] = rates.get(node.id, counting.rate_of(ref))
    supervisor = line.supervisor
    if supervisor is not None:
        told["open"] = not look.search and _Opens(look)(line)
    return {"depth": line.depth, **told}


async def one(urn: str, system: ActorSystem, counting: Counting) -> dict[str, Any]:
    """Return one actor.

    Raises:
        ProtocolError: `not-found`; the caller's fault.
        pykka.ActorDeadError: it has ended for good.
    """
    ref = system.urns.get(urn)
    if ref is None:
        raise ProtocolError("not-found", "There is no actor with this URN; it may have ended.")
    info = await process_info(ref)
    machine = getattr(ref.actor_inbox.actor, "system_machine", None)
    return {
        "at": "actor",
        "urn": urn,
        "actor": info.actor,
        "session": getattr(ref.actor_inbox.actor, "display_name", None),
        "names": info.names,
        "status": info.status,
        "started": None if info.started_at is None else round(info.started_at),
        "restarts": info.restarts,
        "mailbox": info.mailbox,
        "rate": counting.rate_of(ref),
        "last_message": info.last_message,
        "supervisor": _named(info.supervisor),
        "links": [_named(other) for other in info.links],
        "monitors": [_named(other) for other in info.monitors],
        "monitored_by": [_named(other) for other in info.monitored_by],
        "timers": [timer.about for timer in info.timers],
        "tasks": info.tasks,
        "trap_exits": info.trap_exits,
        "machine": None if machine is None else drawn(machine()),
    }


def _named(ref: ActorRef[Any] | None) -> dict[str, Any] | None:
    return None if ref is None else {"actor": ref.label, "urn": ref.actor_urn}
