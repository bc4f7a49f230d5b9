"""Looking into a living actor, and changing it between two messages: OTP's `sys`.

from cometary.actors import sys

print(await sys.get_state(ref))
await sys.trace(ref)

Each of these is a message to the actor, served in order between two others; a suspended actor
serves it at once, and so does every actor what concerns only its trace and its statistics. On the
Trio loop each returns a future to be awaited, in any other thread it waits there and returns the
answer.

Source: OTP, `sys`.
"""

from __future__ import annotations

from cometary.actors.sys.changing_code import change_code
from cometary.actors.sys.debugging import TraceEvent, print_event
from cometary.actors.sys.information import ProcessInfo, TimerInfo, process_info
from cometary.actors.sys.logging import log
from cometary.actors.sys.measuring import Statistics, statistics
from cometary.actors.sys.state import Status, get_state, get_status, replace_state
from cometary.actors.sys.suspending import resume, suspend
from cometary.actors.sys.tracing import TraceChannel, no_trace, trace, trace_events

__all__ = [
    "ProcessInfo",
    "Statistics",
    "Status",
    "TimerInfo",
    "TraceChannel",
    "TraceEvent",
    "change_code",
    "get_state",
    "get_status",
    "log",
    "no_trace",
    "print_event",
    "process_info",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
    "trace",
    "trace_events",
]
