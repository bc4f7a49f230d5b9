"""What a session's machine holds, as fields of a class of its own.

A machine is Python, as its handlers are found by their declarations. This can be compiled, and compiled code that
knows the class (`cometary.sessions.short_steps`) finds a field without asking for it by its name.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from cometary.fsm.engine import Engine
from cometary.sessions.arbiter import Arbiter
from cometary.sessions.events import Request, Stream
from cometary.sessions.outbox import Outbox
from cometary.sessions.policy import Policy
from cometary.sessions.settings import SessionSettings
from cometary.sessions.window import RequestWindow


@mypyc_attr(allow_interpreted_subclasses=True)
class MachineData(Engine):
    """The fields of a session's machine, which sets all of them.

    Attributes:
        settings: limits.
        policy: times and manners.
        outbox: what waits for the client.
        window: which request is new.
        held: the request that is held; in `have_request` only, and then there is no stream.
        stream: the stream that is attached: the carrier in `have_request`, in the other states one that takes no more.
        arbiter: what only the shell can know.
        wait: seconds that a request is held at most.
        most_bytes: bytes of packets in one answer, or one write to a stream, at most; one packet always goes.
        completes: whether a request is answered with all that is not acknowledged.
    """

    __slots__ = (
        "arbiter",
        "completes",
        "held",
        "most_bytes",
        "outbox",
        "policy",
        "settings",
        "stream",
        "wait",
        "window",
    )

    settings: SessionSettings
    policy: Policy
    outbox: Outbox
    window: RequestWindow[Request]
    held: Request | None
    stream: Stream | None
    arbiter: Arbiter
    wait: float
    most_bytes: int
    completes: bool
