"""What is known about any actor from outside, without asking it: also if it is busy, or just being restarted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import trio

from cometary.actors.cell import Cell
from cometary.actors.formatting import format_message
from cometary.actors.mailbox import ENDING, IDLE, PARKED, READY, RUNNING, SUSPENDED
from cometary.actors.names import Whom, names_shown
from cometary.actors.ref import ActorRef
from cometary.actors.sys.calls import TIMEOUT, call_at_once
from cometary.actors.sys.debugging import debug_of
from cometary.actors.task_cell import TaskCell
from cometary.escapes import class_name
from cometary.log import show

WorkStatus = Literal["starting", "waiting", "runnable", "running", "suspended", "exiting", "restarting"]

_WORDS: Final[dict[int, WorkStatus]] = {
    IDLE: "waiting",
    READY: "runnable",
    RUNNING: "running",
    ENDING: "exiting",
    PARKED: "restarting",
    SUSPENDED: "suspended",
}


class TimerInfo(NamedTuple):
    """A timer of an actor that is running: what it is about, as text, and the seconds until it expires."""

    about: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One actor, as `process_info` tells.

    Attributes:
        ref: its reference.
        actor: the name of its class; of an actor that runs a machine, that of the machine.
        names: what it is registered as, as text; the first few.
        status: `starting`, `waiting` (for mail), `runnable` (has mail), `running` (in its handler), `suspended`,
            `exiting`, or `restarting` (it has ended, and its supervisor has not started the next incarnation).
        state: the name of the state of its machine; None if it runs none.
        supervisor: who supervises it; None if nobody does.
        started_at: when this incarnation began, in seconds since the epoch.
        restarts: how often it has been restarted behind this reference.
        mailbox: messages that wait.
        last_message: the class of the message that it is handling, or has handled last. Of a plain actor that is
            neither logged, traced nor counted this is not known: None.
        links: who is linked to it.
        monitors: whom it monitors.
        monitored_by: who monitors it.
        timers: its timers that are running, the soonest first.
        tasks: how many tasks of its own it runs.
        trap_exits: whether it traps exits.
    """

    ref: ActorRef[Any]
    actor: str
    names: tuple[str, ...]
    status: WorkStatus
    state: str | None
    supervisor: ActorRef[Any] | None
    started_at: float | None
    restarts: int
    mailbox: int
    last_message: str | None
    links: tuple[ActorRef[Any], ...]
    monitors: tuple[ActorRef[Any], ...]
    monitored_by: tuple[ActorRef[Any], ...]
    timers: tuple[TimerInfo, ...]
    tasks: int
    trap_exits: bool


def process_info(ref: Whom, *, timeout: float | None = TIMEOUT) -> Any:
    """Return a `ProcessInfo` about the actor, at once, whatever it is doing.

    It looks at all timers of the system. Source: OTP, `erlang:process_info/1`.

    Args:
        ref: the actor, or its name.
        timeout: seconds to wait until the loop has come to it.

    Returns:
        On the Trio loop a future of the information, elsewhere that.

    Raises:
        pykka.ActorDeadError: if the actor has ended for good, or nobody has the name.
    """
    return call_at_once(ref, _look, timeout)


def _look(cell: Cell) -> ProcessInfo:
    if cell.closed:
        raise cell.dead()
    actor: Any = cell.actor
    machine = getattr(actor, "system_machine_state", None)
    return ProcessInfo(
        ref=cell.ref,
        actor=cell.ref.label,
        names=names_shown(cell.ref),
        status=_status_of(cell),
        state=None if machine is None else machine(),
        supervisor=None if cell.parent is None else getattr(cell.parent, "parent_ref", None),
        started_at=cell.system.actors.get(cell.ref),
        restarts=cell.life,
        mailbox=len(cell),
        last_message=_last_message_of(cell),
        links=cell.linked_actors(),
        monitors=cell.monitored_actors(),
        monitored_by=cell.watching_actors(),
        timers=_timers_of(cell),
        tasks=cell.task_count,
        trap_exits=actor is not None and bool(actor.trap_exits),
    )


def _status_of(cell: Cell) -> WorkStatus:
    if cell.actor is not None and cell.starting is not None:
        return "starting"
    if isinstance(cell, TaskCell):
        if cell.doomed:
            return "exiting"
        if cell.state == IDLE and not cell.empty():
            return "runnable"
    return _WORDS[cell.state]


def _last_message_of(cell: Cell) -> str | None:
    kind = cell.latest if isinstance(cell, TaskCell) else None
    if kind is None and cell.actor is not None and (debug := debug_of(cell.actor)) is not None:
        kind = debug.latest
    return None if kind is None else class_name(kind)


def _timers_of(cell: Cell) -> tuple[TimerInfo, ...]:
    own = getattr(cell.actor, "system_timers", None)
    if own is not None:
        return tuple(TimerInfo(about, seconds) for about, seconds in own())
    now, kind = trio.current_time(), cell.ref.actor_class
    timers = cell.system.scheduler.timers.of(cell)
    return tuple(
        TimerInfo(format_message(kind, timer.message) or show(None), timer.deadline - now) for timer in timers
    )
