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
from cometary.sessions.events import (
    Answer,
    Beat,
    ExpireAt,
    Full,
    HandOver,
    Refuse,
    Release,
    Write,
    WriteMore,
)
from cometary.sessions.keeper import SessionKeeper

if TYPE_CHECKING:
    from cometary.actors import Timer
    from cometary.sessions.events import Ready, Stream


class Performer(Protocol):
    """What only the session's actor can do."""

    def new_timer(self, name: str, /) -> Timer:
        """Make the timer `name`, and have the keeper keep it."""
        ...

    def take_in(self, ready: Ready, /) -> None:
        """Hand the packets of `ready.request` to the application, then have the machine take `ready`."""
        ...

    def write_more(self, stream: Stream, /) -> None:
        """Have the machine go on with `stream` in another turn."""
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


def perform(  # noqa: C901 - in one piece, because it runs for every event
    performer: Performer, keeper: SessionKeeper, actions: Sequence[Any]
) -> None:
    """Do all that the machine has asked for, in order.

    Raises:
        BaseException: what one of these has raised; those behind it have been done all the same.
    """
    action: Any = None
    full: Any = None
    try:
        for action in actions:
            kind = type(action)  # pyright: ignore[reportUnknownVariableType]
            if kind is StartTimer:
                timer = keeper.timer(action.name) or performer.new_timer(action.name)
                timer.message = action  # it carries the token by which a late one is recognised
                timer.start(action.seconds)
            elif kind is Answer:
                action.request.answer(action.first_seq, action.packets)
            elif kind is Write:
                if not action.stream.write(action.first_seq, action.packets):
                    full = action.stream
            elif kind is HandOver:
                performer.take_in(action.ready)
            elif kind is not WriteMore:
                perform_other(performer, keeper, action)
            elif action.stream is not full:  # else it says by itself when it takes more
                performer.write_more(action.stream)
    except BaseException:
        perform(performer, keeper, behind(action, actions))
        if full is not None:
            advance(performer, keeper, Full(full))
        raise
    # Now only: the last action was perhaps to start the timer of a stream that takes more.
    if full is not None:
        advance(performer, keeper, Full(full))


def perform_other(performer: Performer, keeper: SessionKeeper, action: Any) -> None:
    """Do what is not asked for at every delivery."""
    kind = type(action)  # pyright: ignore[reportUnknownVariableType]
    if kind is CancelTimer:
        timer = keeper.timer(action.name)
        if timer is not None:
            timer.cancel()
    elif kind is Refuse:
        action.carrier.refuse(action.error)
    elif kind is Stopped:
        performer.end(action.reason)
    elif kind is ExpireAt:
        performer.expire_at(action.time)
    elif kind is Beat:
        action.stream.beat()
    elif kind is Release:
        action.stream.release()


def behind(last: Any, actions: Sequence[Any]) -> Sequence[Any]:
    """Return the actions that come behind `last`; all of them if that is None."""
    for place in range(len(actions)):
        if actions[place] is last:
            return actions[place + 1 :]
    return actions
