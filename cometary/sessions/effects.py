"""What the machine of a session asks for, done.

Functions, and not methods of the session's actor, because this runs twice for every delivery: a
module of functions can be compiled, an actor, which is one of Pykka's, cannot.

What the machine asks for is done, also when something crashes in the middle of it: the machine has
moved on already, and will not ask again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cometary.fsm import CancelTimer, StartTimer, Stopped
from cometary.sessions.events import Answer, ExpireAt, HandOver, Refuse
from cometary.sessions.keeper import SessionKeeper

if TYPE_CHECKING:
    from cometary.actors import Timer
    from cometary.sessions.events import Request


class Performer(Protocol):
    """What only the session's actor can do."""

    def new_timer(self, name: str, /) -> Timer:
        """Make the timer `name`, and have the keeper keep it."""
        ...

    def take_in(self, request: Request, /) -> None:
        """Hand the packets of `request` to the application."""
        ...

    def expire_at(self, time: float, /) -> None:
        """Tell the machine when it is `time`."""
        ...

    def end(self, reason: str, /) -> None:
        """Take note that the session has ended."""
        ...


def advance(performer: Performer, keeper: SessionKeeper, event: object) -> bool:
    """Step the machine, and do what it asks for.

    Returns:
        False, and nothing has been done, if the session has ended.
    """
    if keeper.ended is not None:
        return False
    perform(performer, keeper, keeper.machine.step(event))
    return True


def perform(performer: Performer, keeper: SessionKeeper, actions: Sequence[Any]) -> None:
    """Do all that the machine has asked for, in order.

    Raises:
        BaseException: what one of these has raised; those behind it have been done all the same.
    """
    action: Any = None
    try:
        for action in actions:
            kind = type(action)  # pyright: ignore[reportUnknownVariableType]
            if kind is StartTimer:
                timer = keeper.timers.get(action.name) or performer.new_timer(action.name)
                timer.message = action  # it carries the token by which a late one is recognised
                timer.start(action.seconds)
            elif kind is Answer:
                action.request.answer(action.first_seq, action.packets)
            elif kind is CancelTimer:
                keeper.timers[action.name].cancel()
            elif kind is HandOver:
                performer.take_in(action.request)
            elif kind is Refuse:
                action.request.refuse(action.error)
            elif kind is Stopped:
                performer.end(action.reason)
            elif kind is ExpireAt:
                performer.expire_at(action.time)
    except BaseException:
        perform(performer, keeper, behind(action, actions))
        raise


def behind(last: Any, actions: Sequence[Any]) -> Sequence[Any]:
    """Return the actions that come behind `last`; all of them if that is None."""
    for place in range(len(actions)):
        if actions[place] is last:
            return actions[place + 1 :]
    return actions
