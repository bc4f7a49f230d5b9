"""What the loop's thread is in the middle of, seen from another thread.

Only the frames say it: the loop itself leaves no trace for each message, because that would cost.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import pykka

from cometary.actors.cell import Cell
from cometary.actors.scheduled import ScheduledCell
from cometary.actors.states import RUNNING
from cometary.escapes import class_name, really

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

MACHINERY = ("trio", "outcome", "cometary.actors")
"""Packages between Trio's loop and a handler."""

TURN = getattr(ScheduledCell.run, "__code__", None)
"""The code of an actor's turn; None if it is compiled, and has no frames."""

RECEIVING = {"on_receive", "_handle_receive"}
"""Methods of an actor whose argument is the message."""


@dataclass(frozen=True, slots=True)
class LoopCall:
    """A call that Trio's loop, or an actor's turn, has made and that has not returned.

    Attributes:
        frames: its own frame and those of all that it has called, the innermost last.
    """

    frames: tuple[FrameType, ...]

    @property
    def identity(self) -> FrameType:
        """Its own frame: one object for the length of the call."""
        return self.frames[0]

    def traceback(self) -> str:
        """Where it is, as text; like any traceback without the values of variables."""
        lines = ((frame, frame.f_lineno) for frame in self.frames)
        return "".join(traceback.StackSummary.extract(lines).format())


def running_call(thread: int) -> LoopCall | None:
    """Look what the Trio loop of a thread is in the middle of; None if it waits, or is not there."""
    # Documented for exactly this, in spite of its name.
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    inside: list[FrameType] = []
    while frame is not None and not _is_loop(frame):
        inside.append(frame)
        if frame.f_code is TURN and _first_of(inside) is not None:
            break  # not further: whoever runs the scheduler's batch may be a long call of its own
        frame = frame.f_back
    return None if frame is None else _first_of(inside)


def _is_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name == "unrolled_run" and frame.f_globals.get("__name__") == "trio._core._run"


def _first_of(inside: list[FrameType]) -> LoopCall | None:
    """Return the outermost call that is not machinery; `inside` has the innermost frame first."""
    outside_in = tuple(reversed(inside))
    for depth, frame in enumerate(outside_in):
        module = str(frame.f_globals.get("__name__"))
        if not any(module == each or module.startswith(f"{each}.") for each in MACHINERY):
            return LoopCall(outside_in[depth:])
    return None


@dataclass(frozen=True, slots=True)
class BlockedHandler:
    """What held up the loop; never the message itself, which may hold a secret.

    Attributes:
        ref: the actor whose handler it is; None if it is none.
        message_type: name of the class of the message; None if it handles none, or that is not known.
        function: name of the function that the loop has called.
        seconds: how long it has held up the loop by now, at least.
        traceback: where it is, as text.
    """

    ref: ActorRef[Any] | None
    message_type: str | None
    function: str
    seconds: float
    traceback: str

    def __str__(self) -> str:
        who = f"{self.function}, which is no actor's," if self.ref is None else f"{self.ref}"
        doing = f" with a message of type {self.message_type}" if self.message_type else ""
        return (
            f"{who} has held up the event loop for {self.seconds:.3f} s{doing}; it is here:\n{self.traceback}"
        )


def describe(system: ActorSystem, call: LoopCall, seconds: float) -> BlockedHandler:
    """Find out whose call it is, while it goes on."""
    where, function = call.traceback(), call.identity.f_code.co_qualname
    for frame in call.frames:
        actor: Any = _argument(frame, 0)
        # Of what a frame holds only the type is asked: it is anybody's object, and this is another thread.
        if issubclass(type(actor), pykka.Actor) and really(actor.actor_inbox, Cell):
            message = _argument(frame, 1) if frame.f_code.co_name in RECEIVING else None
            kind = None if message is None else class_name(type(message))
            return BlockedHandler(actor.actor_inbox.ref, kind, function, seconds, where)
    return BlockedHandler(_in_its_turn(system), None, function, seconds, where)


def _argument(frame: FrameType, number: int) -> object:
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[number]) if number < code.co_argcount else None


def _in_its_turn(system: ActorSystem) -> ActorRef[Any] | None:
    """Find the actor that has its turn: its handler may be compiled, and has no frame then."""
    for ref in list(system.actors):
        cell = ref.actor_inbox
        if cell.state == RUNNING and isinstance(cell, ScheduledCell):
            return ref
    return None
