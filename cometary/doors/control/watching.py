"""Looking at one session, and at what has crashed: `GET /session`, `GET /trace`, `GET /crashes`.

1.  A session is known by its public name. Never shown are its id, and what is in its packets: of these there are the
    path and the size.
2.  A trace is lines of JSON, one for each step of the session's machine, until the session ends or whoever asked has
    left. What comes while those lines are not read is left out, and a line says how many that were. A session that is
    traced makes no short steps; others do not notice.
3.  There are `MOST_TRACES` at a time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from cometary.errors import ProtocolError
from cometary.fsm import StartTimer, Stopped, TimedOut
from cometary.packets.packet import Packet
from cometary.sessions.events import Answer, Arrival, Request, Write
from cometary.transport.codecs import preferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.fsm import State
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.transport.http.exchange import Endpoint, Exchange
    from cometary.transport.http.stream import Stream

MOST_TRACES: Final = 10
LINES: Final = b"application/x-ndjson"


def watching(manager: SessionManager, crashes: Callable[[], list[dict[str, Any]]]) -> dict[str, Endpoint]:
    """Return what answers these calls, by path.

    Args:
        manager: knows the sessions.
        crashes: returns the latest crash reports.
    """

    def tell_of_crashes(exchange: Exchange) -> None:
        _respond(exchange, {"crashes": crashes()})

    def tell_of_session(exchange: Exchange) -> None:
        _respond(exchange, manager.describe(_find(manager, exchange)))

    return {"/crashes": tell_of_crashes, "/session": tell_of_session, "/trace": Traces(manager)}


def _respond(exchange: Exchange, answer: object) -> None:
    codec = preferred(exchange.headers.get(b"accept", b""))
    exchange.respond(200, codec.encode(answer), codec.content_type)


def _find(manager: SessionManager, exchange: Exchange) -> SessionKeeper:
    name = dict(parse_qsl(exchange.query.decode("latin-1"))).get("name", "")
    for keeper in manager.directory:
        if keeper.name == name and keeper.ended is None:
            return keeper
    raise ProtocolError("unknown-session", "There is no session of this name; it may have ended.")


class Traces:
    """Answers `GET /trace`.

    Args:
        manager: knows the sessions.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._under_way: set[Trace] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Begin a trace.

        Raises:
            ProtocolError: `unknown-session`, the caller's fault; `too-many-requests` if too many are under way.
        """
        keeper = _find(self._manager, exchange)
        if len(self._under_way) >= MOST_TRACES:
            raise ProtocolError("too-many-requests", "too many sessions are being traced", retry_after=1)
        trace = Trace(exchange.stream(200, LINES), self._under_way.discard)
        self._under_way.add(trace)
        trace.watch(keeper)


class Trace:
    """One trace.

    Args:
        stream: where the lines go.
        ended: told of it when it ends.
    """

    def __init__(self, stream: Stream, ended: Callable[[Trace], object]) -> None:
        self._stream = stream
        self._ended = ended
        self._lost = 0
        self._stop: Callable[[], None] | None = None
        stream.on_drop = self._end
        stream.on_writable = self._tell_of_lost

    def watch(self, keeper: SessionKeeper) -> None:
        """Begin."""
        self._stop = keeper.machine.observe(self._step)

    def _step(self, before: State, event: object, after: State, actions: Sequence[object]) -> None:
        if self._stop is None:
            return
        self._write(
            {
                "time": round(time.time(), 6),
                "before": before.name,
                "event": in_brief(event),
                "after": after.name,
                "actions": [in_brief(action) for action in actions],
            }
        )
        if any(isinstance(action, Stopped) for action in actions):
            self._end()
            self._stream.finish()

    def _write(self, line: dict[str, object]) -> None:
        if self._stream.full:
            self._lost += 1
        else:
            self._stream.write(msgspec.json.encode(line) + b"\n")

    def _tell_of_lost(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            self._write({"lost": lost})

    def _end(self) -> None:
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()
            self._ended(self)


def in_brief(what: object) -> dict[str, object]:
    """Return an event or an action of a session's machine without what is in its packets."""
    return {"kind": type(what).__name__, **_members(what)}


def _members(what: object) -> dict[str, object]:
    if isinstance(what, Arrival | Packet):
        packet = what.packet if isinstance(what, Arrival) else what
        return {"path": packet.path, "size": packet.size}
    if isinstance(what, Request):
        return {"rid": what.rid, "ack": what.ack, "packets": [packet.path for packet in what.packets]}
    if isinstance(what, Answer | Write):
        return {"first": what.first_seq, "packets": [packet.path for packet in what.packets]}
    if isinstance(what, StartTimer | TimedOut):
        return {"name": str(what.name)}
    return {"reason": what.reason} if isinstance(what, Stopped) else {}
