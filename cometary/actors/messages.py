"""The messages that the runtime itself handles; everything else goes to `on_receive`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from pykka import ActorDeadError, messages

from cometary.actors.exits import NORMAL, Exit
from cometary.actors.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors.cell import Cell
    from cometary.actors.future import Future
    from cometary.actors.ref import ActorRef


class Stop(NamedTuple):
    """Stop after the messages sent before this one; `exit` is what watchers are told."""

    exit: Exit = NORMAL


class ForLife(NamedTuple):
    """What is for one incarnation alone: the next one finds it in the mail that was kept, and drops it.

    Args:
        life: the number of the incarnation, see `Standing`.
        message: what it gets; a `Stop` if it has told itself to stop.
    """

    life: int
    message: Any


class Down(NamedTuple):
    """Sent to the actor that called `monitor`, once, when the monitored actor has ended.

    Source: Erlang reference manual, `erlang:monitor/2`.
    """

    ref: ActorRef[Any]
    exit: Exit


class ExitSignal(NamedTuple):
    """Sent to an actor that traps exits, in place of ending it: a linked actor has ended, or `ref.exit` was called.

    Args:
        ref: who has ended, or who called `exit`; None if that did not say.
        exit: how it has ended, or how this actor was to.

    Source: Erlang reference manual, "Processes", "Receiving Exit Signals".
    """

    ref: ActorRef[Any] | None
    exit: Exit


@runtime_checkable
class Answerable(Protocol):
    """A message whose sender waits for an answer by other means than `ask`."""

    def discarded(self) -> None:
        """Take note that there will be none: the actor has ended, or its full mailbox dropped this."""
        ...


class SystemMessage:
    """A call of `cometary.actors.sys`: served between two other messages, also when the actor is suspended.

    Args:
        call: what to do with the actor's cell; what it returns or raises is the answer.
        reply: where the answer goes.
    """

    __slots__ = ("_call", "_reply")

    def __init__(self, call: Callable[[Cell], object], reply: Future[Any]) -> None:
        self._call = call
        self._reply = reply

    def serve(self, cell: Cell) -> None:
        """Do it, and answer."""
        try:
            answer = self._call(cell)
        except Exception as error:  # noqa: BLE001 - it is the caller's, and harms the actor in no way
            self._reply.offer(error=error)
        else:
            self._reply.offer(answer)

    def discarded(self) -> None:
        """Answer that the actor has ended; see `Answerable`."""
        self._reply.offer(error=ActorDeadError("the actor ended before it came to a system message"))


PykkaStop = messages._ActorStop  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
STOPS = frozenset({Stop, PykkaStop})
PROXIED = frozenset({messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr})
WRAPPERS: frozenset[type] = frozenset({ForLife, Question})
SPECIAL = WRAPPERS | {SystemMessage} | STOPS | PROXIED
"""Message classes that a turn does not hand to `on_receive` as they are."""


def is_stop(message: Any) -> bool:
    """Whether `message` tells the actor to stop, with or without somebody who waits for it."""
    return as_received(message).__class__ in STOPS


def as_received(message: Any) -> object:
    """Return what the actor's handler gets for `message`."""
    kind: type = message.__class__
    return message.message if kind in WRAPPERS else message


__all__ = [
    "PROXIED",
    "SPECIAL",
    "STOPS",
    "Answerable",
    "Down",
    "ExitSignal",
    "ForLife",
    "PykkaStop",
    "Stop",
    "SystemMessage",
    "as_received",
]
