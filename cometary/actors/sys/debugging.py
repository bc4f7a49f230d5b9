"""What a traced or counted actor has, and no other: wrappers around its handler.

They are attributes of the one instance that hide the methods of its class, so that all other
actors, and the runtime, do not know that there is such a thing as a trace.

1.  They are there while anybody wants to be told, or statistics are kept. They go with the
    incarnation.
2.  An observer that raises is logged and not called again.
3.  Everything is told on the loop's thread, in the order in which it happened.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MethodType
from typing import TYPE_CHECKING, Any, Literal

from cometary.actors.exits import Exit
from cometary.actors.formatting import format_message
from cometary.actors.idleness import IDLENESS, Idleness
from cometary.actors.messages import PROXIED
from cometary.actors.ref import ActorRef
from cometary.actors.sys.state import DEBUG
from cometary.escapes import exit_in
from cometary.log import get_logger, show

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell
    from cometary.actors.future import Future

Kind = Literal["in", "out", "transition", "exit"]

_WORDS = {"in": "got", "out": "answered", "transition": "moved", "exit": "ended"}


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One thing that happened to a traced actor.

    As text it is one line in which the content is shortened, and shown by the `format_message`
    of the actor's class if that has one.

    Attributes:
        ref: the actor.
        kind: `in`, a message that its handler is about to get; `out`, an answer to an `ask`;
            `transition`, an event that its machine has handled; `exit`, its end.
        content: the message; the answer, or the exception instead of one; the tuple `(state
            before, event, state after, actions)`; the `Exit`.
        time: seconds since the epoch.
    """

    ref: ActorRef[Any]
    kind: Kind
    content: Any
    time: float = field(default_factory=time.time)

    def __str__(self) -> str:
        return f"{self.ref} {_WORDS[self.kind]} {self._shown()}"

    def _shown(self) -> str:
        actor_class = self.ref.actor_class
        if self.kind == "exit":
            return str(self.content)
        if self.kind == "transition":
            before, event, after, actions = self.content
            doing = ", ".join(f"{format_message(actor_class, action)}" for action in actions)
            return f"{before} -> {after} on {format_message(actor_class, event)}" + (
                f": {doing}" if doing else ""
            )
        return format_message(actor_class, self.content) or show(None)


def print_event(event: TraceEvent) -> None:
    """Write the event to standard error, as OTP's `sys:trace/2` does to its terminal."""
    sys.stderr.write(f"*DBG* {event}\n")


Observer = Callable[[TraceEvent], object]

logger = get_logger("cometary.actors")


class Counts:
    """The messages of an actor, and the time that it took for them."""

    def __init__(self) -> None:
        self.since = time.time()
        self.messages_in = 0
        self.messages_out = 0
        self.busy = 0.0


class Debug:
    """The wrappers of one incarnation, and those who are told.

    Attributes:
        observers: who is told of each event, and how many more of them; infinity for all.
        counts: the statistics, if they are kept.
        log: the latest events, if they are kept.
        latest: the class of the latest message.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._cell: Cell = actor.actor_inbox
        self._unobserve: Callable[[], None] | None = None
        self.observers: dict[Observer, float] = {}
        self.counts: Counts | None = None
        self.log: deque[TraceEvent] | None = None
        self.latest: type | None = None

    # -- putting it on and taking it off ----------------------------------------------------

    def put_on(self) -> None:
        """Hide the actor's methods behind the wrappers."""
        self._cell.go_on_in_full()
        wrapper = (
            self._receive_async if inspect.iscoroutinefunction(self._actor.on_receive) else self._receive
        )
        vars(self._actor).update({DEBUG: self, "on_receive": wrapper, "_handle_receive": self._handle})
        observe = getattr(self._actor, "system_observe", None)
        if observe is not None:
            self._unobserve = observe(self._note_transition)
        self._cell.watch(self._ended)

    def take_off_if_unwanted(self) -> None:
        """Uncover the methods, if nobody wants to be told and nothing is counted."""
        if self.observers or self.counts is not None or self.log is not None:
            return
        for name in (DEBUG, "on_receive", "_handle_receive"):
            vars(self._actor).pop(name, None)
        idleness: Idleness | None = vars(self._actor).get(IDLENESS)
        if idleness is not None:
            vars(self._actor)["on_receive"] = idleness.on_receive
        if self._unobserve is not None:
            self._unobserve()
        self._cell.unwatch(self._ended)

    # -- the wrappers -----------------------------------------------------------------------

    def _handler(self) -> Callable[[Any], Any]:
        idleness: Idleness | None = vars(self._actor).get(IDLENESS)
        if idleness is not None:
            return idleness.on_receive
        return MethodType(type(self._actor).on_receive, self._actor)

    def _receive(self, message: Any) -> Any:
        self._note_in(message)
        began = time.perf_counter()
        try:
            return self._handler()(message)
        finally:
            self._note_busy(began)

    async def _receive_async(self, message: Any) -> Any:
        self._note_in(message)
        began = time.perf_counter()
        try:
            return await self._handler()(message)
        finally:
            self._note_busy(began)

    def _handle(self, message: Any) -> Any:
        """Stand in for Pykka's `_handle_receive`, which an `ask` and a call by proxy go through."""
        reply = self._cell.replying
        if reply is not None:
            # Not when the handler returns: it may have promised the answer for later.
            reply.add_done_callback(lambda: self._cell.system.post(self._note_out, reply))
        if type(message) in PROXIED:
            self._note_in(message)
        return type(self._actor)._handle_receive(self._actor, message)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    # -- telling ----------------------------------------------------------------------------

    def _note_in(self, message: Any) -> None:
        if self.counts is not None:
            self.counts.messages_in += 1
        self.latest = type(message)
        self._tell("in", message)

    def _note_out(self, reply: Future[Any]) -> None:
        if self.counts is not None:
            self.counts.messages_out += 1
        try:
            content: Any = reply.get(timeout=0)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            content = error  # it is what was answered
        self._tell("out", content)

    def _note_transition(self, *transition: object) -> None:
        self._tell("transition", transition)

    def _note_busy(self, began: float) -> None:
        if self.counts is not None:
            self.counts.busy += time.perf_counter() - began

    def _ended(self, _ref: ActorRef[Any], exit_: Exit) -> None:
        self._tell("exit", exit_)

    def _tell(self, kind: Kind, content: object) -> None:
        if not self.observers and self.log is None:
            return
        event = TraceEvent(self._cell.ref, kind, content)
        if self.log is not None:
            self.log.append(event)
        for observer in list(self.observers):
            self._tell_one(observer, event)

    def _tell_one(self, observer: Observer, event: TraceEvent) -> None:
        left = 0.0
        try:
            left = self.observers.pop(observer, 0)
            if left <= 0:
                return
            observer(event)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception(
                "trace observer failed",
                text=f"An observer of the trace of {self._cell.ref} failed, and is not called again",
                **self._cell.account(),
            )
            left = 0
        if left > 1:
            self.observers[observer] = left - 1
        else:
            self.take_off_if_unwanted()


def debug_of(actor: Actor) -> Debug | None:
    """Return what the actor has, if it is traced or counted."""
    found: Debug | None = vars(actor).get(DEBUG)
    return found


def debugged(actor: Actor) -> Debug:
    """Return what the actor has, or put it on."""
    debug = debug_of(actor)
    if debug is None:
        debug = Debug(actor)
        debug.put_on()
    return debug
