"""The watchdog: a thread that warns of whatever holds up the event loop, while it does.

What it cannot see is a call into C code that never lets other threads run (that keeps the
interpreter's lock), such as one huge regular expression: the watchdog stands still as well.

1.  Each `Watch.tick` takes one look: at the call that the loop is in the middle of, if it is in any.
2.  A call that was seen before, without the loop having moved on since, has gone on all that time. From
    when it was first seen until now is how long it has held up the loop, at least.
3.  The same call again is not enough: an `async def` handler that computes, waits, and computes is one
    call. So the first look at a call also asks the loop for a sign of life (`beat`).
4.  A call that has lasted for the limit is reported, once, while it goes on.

What the loop's thread is in the middle of is seen from this other thread by its frames alone: the loop itself leaves no
trace for each message, because that would cost. While it sleeps, the watchdog dozes (`cometary.actors.dozing`).
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pykka
import trio

from cometary.actors.cell import Cell
from cometary.actors.dozing import Rest
from cometary.actors.mailbox import RUNNING
from cometary.actors.scheduled_cell import ScheduledCell
from cometary.actors.scheduler import Scheduler
from cometary.actors.shortcut import Shortcut
from cometary.errors import UsageError
from cometary.escapes import class_name, exit_in, really
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")

IDLE = 0.4
AGAIN = 0.25
"""Parts of `limit` between two looks: where the loop was in no call, and where it was in one. So the watchdog notices
all that takes half as long again, and a server that has little to do is not looked at more often than that needs."""

SHORTEST = 0.001
"""Seconds between two looks, at least."""


def check_limit(limit: float | None) -> None:
    """Check the limit of a watchdog.

    Raises:
        UsageError: if it is no positive number of seconds; the calling code's fault.
    """
    if limit is not None and not 0 < limit <= threading.TIMEOUT_MAX:
        raise UsageError(f"the watchdog's limit is a positive number of seconds or None, not {limit}")


@contextlib.contextmanager
def watching(system: ActorSystem, limit: float) -> Generator[Watch[LoopCall]]:
    """Watch a system's loop while the block lasts.

    Args:
        system: the system; its loop's thread is the one that calls this.
        limit: seconds that one call may hold up the loop before a warning names it.
    """
    watch = Watch[LoopCall](
        limit,
        now=time.monotonic,
        look=partial(running_call, system.thread),
        beat=system.post,
        report=partial(warn, system),
    )
    rest = Rest(system.thread)
    thread = threading.Thread(target=_look_until, args=(rest, watch), name="cometary-watchdog")
    with _instrument(rest):
        thread.start()
        try:
            yield watch
        finally:
            rest.end()
            thread.join()


@contextlib.contextmanager
def _instrument(rest: Rest) -> Generator[None]:
    """Have the loop wake up who rests, while the block lasts."""
    trio.lowlevel.add_instrument(rest)
    try:
        yield
    finally:
        with contextlib.suppress(KeyError):  # Trio has taken it out, if it failed
            trio.lowlevel.remove_instrument(rest)


def warn(system: ActorSystem, call: LoopCall, seconds: float) -> None:
    """Log whose call holds up the loop, and where it is."""
    blocked = describe(system, call, seconds)
    logger.warning(
        "handler blocks the loop",
        text=str(blocked),
        function=blocked.function,
        message_type=blocked.message_type,
        seconds=blocked.seconds,
        stack=blocked.traceback,
        extra={"blocked_handler": blocked},
        **({} if blocked.ref is None else blocked.ref.actor_inbox.account()),
    )


def _look_until(rest: Rest, watch: Watch[LoopCall]) -> None:
    while True:
        rest.until_next_look(watch.pause, idle=watch.idle)
        if rest.over:
            return
        try:
            watch.tick()
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception("watchdog failed", text="The watchdog failed, and looks again")


class Call(Protocol):
    """What the loop is in the middle of; `identity` is one object as long as it is the same call."""

    @property
    def identity(self) -> object:
        """The object that is the same at each look."""
        ...


C = TypeVar("C", bound=Call)


class Suspect:
    """A call since it was first seen."""

    __slots__ = ("identity", "moved_on", "reported", "since")

    def __init__(self, identity: object, since: float) -> None:
        self.identity = identity
        self.since = since
        self.moved_on = False
        self.reported = False

    def move_on(self) -> None:
        """Take note that the loop has come round."""
        self.moved_on = True


class Watch(Generic[C]):
    """Looks, compares, and reports; it has no clock, no thread and no loop of its own.

    Args:
        limit: seconds that a call may take.
        now: reads a clock that goes on while the loop is blocked, in seconds.
        look: tells which call the loop is in the middle of; None: in none.
        beat: has the loop call a function when it next comes round.
        report: is told of a call that takes too long, and for how many seconds it has.

    Attributes:
        longest: the most seconds for which one call was seen to go on.
    """

    def __init__(
        self,
        limit: float,
        *,
        now: Callable[[], float],
        look: Callable[[], C | None],
        beat: Callable[[Callable[[], None]], object],
        report: Callable[[C, float], object],
    ) -> None:
        self._limit = limit
        self._now = now
        self._look = look
        self._beat = beat
        self._report = report
        self._suspect: Suspect | None = None
        self.longest = 0.0

    @property
    def idle(self) -> bool:
        """Whether the loop was in no call in the last look."""
        return self._suspect is None

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return max(SHORTEST, self._limit * (IDLE if self.idle else AGAIN))

    def tick(self) -> None:
        """Take a look; to be called `pause` seconds after the last one."""
        call, suspect = self._look(), self._suspect
        if call is None:
            self._suspect = None
        elif suspect is None or suspect.moved_on or suspect.identity is not call.identity:
            self._suspect = suspect = Suspect(call.identity, self._now())
            self._beat(suspect.move_on)
        else:
            self._goes_on(suspect, call)

    def _goes_on(self, suspect: Suspect, call: C) -> None:
        seconds = self._now() - suspect.since
        self.longest = max(self.longest, seconds)
        if seconds >= self._limit and not suspect.reported:
            suspect.reported = True
            self._report(call, seconds)


MACHINERY = ("trio", "outcome", "cometary.actors")
"""Packages between Trio's loop and a handler."""

BATCH = Scheduler.run_batch.__code__
"""The code that gives actors their turns; a turn itself may be compiled, and has no frame then."""

RECEIVING = {"on_receive", "_handle_receive"}
"""Methods of an actor whose argument is the message."""

OURS = "cometary"
"""The package whose functions call those of others."""

IN_ITS_PLACE = Shortcut.take_in_turn.__name__
"""The method of a shortcut whose argument is the message."""


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
        if frame.f_code is BATCH and _first_of(inside) is not None:
            break  # not further: whoever runs the scheduler's batch may be a long call of its own
        frame = frame.f_back
    return None if frame is None else _first_of(inside)


def _is_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name == "unrolled_run" and frame.f_globals.get("__name__") == "trio._core._run"


def _first_of(inside: list[FrameType]) -> LoopCall | None:
    """Return the outermost call that is not machinery; `inside` has the innermost frame first."""
    outside_in = tuple(reversed(inside))
    for depth, frame in enumerate(outside_in):
        if not any(_is_of(frame, each) for each in MACHINERY):
            return LoopCall(outside_in[depth:])
    return None


def _is_of(frame: FrameType, package: str) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return module == package or module.startswith(f"{package}.")


@dataclass(frozen=True, slots=True)
class BlockedHandler:
    """What held up the loop; never the message itself, which may hold a secret.

    Attributes:
        ref: the actor whose handler it is; None if it is none.
        message_type: name of the class of the message; None if it handles none, or that is not known.
        function: name of the function that is to blame: of those that were called, the first that is not the
            framework's, if there is one.
        seconds: how long it has held up the loop by now, at least.
        traceback: where it is, as text.
    """

    ref: ActorRef[Any] | None
    message_type: str | None
    function: str
    seconds: float
    traceback: str

    def __str__(self) -> str:
        who = f"{self.function}, which is no actor's," if self.ref is None else self._actor(self.ref)
        doing = f" with a message of type {self.message_type}" if self.message_type else ""
        return (
            f"{who} has held up the event loop for {self.seconds:.3f} s{doing}; it is here:\n{self.traceback}"
        )

    def _actor(self, ref: ActorRef[Any]) -> str:
        """Tell whose it is; of an actor that runs the function of somebody else its name alone says nothing."""
        is_method = self.function.startswith(f"{ref.qualified_label}.")
        return f"{ref}" if is_method else f"{self.function}, run by {ref},"


def describe(system: ActorSystem, call: LoopCall, seconds: float) -> BlockedHandler:
    """Find out whose call it is, while it goes on."""
    where, function = call.traceback(), function_of(call)
    ref, kind = whose(call)
    return BlockedHandler(_in_its_turn(system) if ref is None else ref, kind, function, seconds, where)


def function_of(call: LoopCall) -> str:
    """Return the name of the function that is to blame: the outermost one that is not the framework's."""
    theirs = (frame for frame in call.frames if not _is_of(frame, OURS))
    return next(theirs, call.identity).f_code.co_qualname


def whose(call: LoopCall) -> tuple[ActorRef[Any] | None, str | None]:
    """Return whose handler a call is, by its frames, and the name of the class of the message, as far as both show."""
    for frame in call.frames:
        actor: Any = _argument(frame, 0)
        # Of what a frame holds only the type is asked: it is anybody's object, and this is another thread.
        if issubclass(type(actor), Shortcut):  # it is in an actor's place, and which that is, nothing shows
            message = _argument(frame, 1) if frame.f_code.co_name == IN_ITS_PLACE else None
            return None, None if message is None else class_name(type(message))
        if issubclass(type(actor), pykka.Actor) and really(actor.actor_inbox, Cell):
            message = _argument(frame, 1) if frame.f_code.co_name in RECEIVING else None
            return actor.actor_inbox.ref, None if message is None else class_name(type(message))
    return None, None


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
