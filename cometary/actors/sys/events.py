"""What a trace tells: one event at a time, as a value and as a line."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from cometary.actors.formatting import format_message
from cometary.actors.ref import ActorRef
from cometary.log import show

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
