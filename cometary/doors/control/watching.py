"""Looking at sessions, at crashes and at nodes: `GET /session`, `/ended`, `/trace`, `/crashes`, `/nodes`.

1.  A session is known by its public name, even after it has ended, as long as that is remembered. Its id and the
    content of its packets are never shown: only their path and size.
2.  A trace is lines of JSON, one for each step of the session's machine, until the session ends or the caller has
    left. Steps that come while those lines are not read are left out, and a line says how many. A traced session
    makes no short steps; others do not notice.
3.  At most `MOST_TRACES` run at a time.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.doors.control.named import living_session, query_of
from cometary.errors import ProtocolError
from cometary.fsm import Stopped
from cometary.sessions.brief import step_in_brief
from cometary.transport.codecs import preferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.fsm import State
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.ended import EndedSessions
    from cometary.transport.http.exchange import Endpoint, Exchange
    from cometary.transport.http.stream import Stream

MOST_TRACES: Final = 10
LONGEST_NUMBER: Final = 9
"""Digits."""

LINES: Final = b"application/x-ndjson"


def watching(
    manager: SessionManager,
    crashes: Callable[[], list[dict[str, Any]]],
    nodes: Callable[[], list[dict[str, Any]]] = list,
) -> dict[str, Endpoint]:
    """Return what answers these calls, by path.

    Args:
        manager: knows the sessions.
        crashes: returns the latest crash reports.
        nodes: returns the nodes of which this server is one.
    """

    def tell_of_crashes(exchange: Exchange) -> None:
        _respond(exchange, {"crashes": crashes()})

    def tell_of_session(exchange: Exchange) -> None:
        name = query_of(exchange).get("name", "")
        ended = manager.ended_sessions.find(name)
        _respond(exchange, manager.describe(living_session(manager, name)) if ended is None else ended)

    def tell_of_ended(exchange: Exchange) -> None:
        query = query_of(exchange)
        _respond(exchange, {"ended": ended_sessions(manager.ended_sessions, **query)})

    return {
        "/crashes": tell_of_crashes,
        "/nodes": lambda exchange: _respond(exchange, {"nodes": nodes()}),
        "/session": tell_of_session,
        "/ended": tell_of_ended,
        "/trace": Traces(manager),
    }


def ended_sessions(
    ended: EndedSessions, search: str = "", reason: str = "", most: str = "100", **_: str
) -> list[dict[str, Any]]:
    """Return the latest sessions that have ended, the latest first.

    Args:
        ended: those that are known.
        search: what is in their name, their user, or one of their paths.
        reason: why they have ended; any reason if it is empty.
        most: how many.

    Raises:
        ProtocolError: `bad-request`, as `most` is not a number; the caller's fault.
    """
    if not most.isdecimal() or len(most) > LONGEST_NUMBER:
        raise ProtocolError("bad-request", "most is a number of sessions.")
    found = islice(chain.from_iterable(ended.search(search, reason)), int(most))
    return [one for name in found if (one := ended.find(name)) is not None]


def _respond(exchange: Exchange, answer: object) -> None:
    codec = preferred(exchange.headers.get(b"accept", b""))
    exchange.respond(200, codec.encode(answer), codec.content_type)


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
        keeper = living_session(self._manager, query_of(exchange).get("name", ""))
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
        self._write(step_in_brief(before, event, after, actions))
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
