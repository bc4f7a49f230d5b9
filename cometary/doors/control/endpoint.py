"""The control interface: what a back-end in any language tells the server.

1.  With secrets, every call needs one that is good for it (`rights`), except `/healthz` and `/readyz`: a caller that
    asks whether a server lives (a load balancer, Kubernetes) need not be trusted with anything. Without any, the
    listener is on loopback only, and a call must name this machine as its host, so that no web page can reach it by
    giving its own name this machine's address.
2.  A call is checked as a whole before any of it takes effect: a wrong one changes nothing.
3.  What a secret is not good for is refused before any of it takes effect; a secret that is good for everything costs
    no more than one comparison.
4.  A session that has ended is unknown here: to a back-end both mean that the user has left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from cometary.actors import Future
from cometary.dispatch.call_line import TAKEN, settle, settled
from cometary.dispatch.history import History
from cometary.dispatch.members import Present
from cometary.doors.control.limits import limit, refuse_right
from cometary.doors.control.operations import ReadinessEndpoint, operating
from cometary.doors.control.publishing import Publishing, refusal_of
from cometary.doors.control.rights import EVERYTHING, Rights, Secrets
from cometary.doors.control.sending import Sending, read_sending
from cometary.doors.control.shapes import (
    CrashCount,
    HistoryOf,
    PacketBody,
    PathsToConnect,
    PresenceOf,
    SessionPackets,
    SessionPaths,
    SessionQuestion,
)
from cometary.errors import AskError, MailboxFullError, ProtocolError, UsageError
from cometary.log import get_logger
from cometary.packets.paths import check_target
from cometary.packets.position import read_position, read_replay
from cometary.sessions.application import Paths
from cometary.transport.codecs import json, negotiate, preferred
from cometary.transport.codecs.amount import check_json
from cometary.transport.http.hosts import names_this_machine
from cometary.transport.http.router import Router

if TYPE_CHECKING:
    from cometary.dispatch.hub import Hub
    from cometary.doors.door import Operations
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Endpoint, Exchange


T = TypeVar("T")
Outcome = tuple[Future[T], Callable[[T], dict[str, object]]]
"""The result of a call, now or later, and how it is returned."""

logger = get_logger("cometary.transport")

HEALTH: Final = "/healthz"
READINESS: Final = "/readyz"
OPEN: Final = frozenset({HEALTH, READINESS})
"""The calls that anyone may make."""

INSPECTOR: Final = "/inspector/"
BEARER: Final = b"Bearer "
MOST_LIMITED: Final = 100
"""Kinds of rights that are remembered."""

MOST_LISTED: Final = 1_000
"""Paths of a session that an answer lists: listing all would cost more with each, whatever the call is about."""


class ControlEndpoint:
    """Answers the calls of back-ends.

    Args:
        hub: does what back-ends ask for.
        tree: returns the supervision tree as plain data.
        statistics: returns how many sessions there are, and what has become of all packets.
        sessions: answers `GET /sessions`.
        receipts: answers `GET /receipts`.
        metrics: answers `GET /metrics`.
        operations: what operators tell the server.
        watching: answers further GET calls, by path; see `cometary.doors.control.watching`.
        acting: makes further POST calls, by path; see `cometary.doors.control.acting`.
        secrets: every call must bear one of these; none only on loopback.
        crash: crashes so many session actors, and returns how many it did; None if there is no such call.
        inspector: answers what is below `/inspector/`, and lets pages in by rules of its own; None if there is none.
    """

    def __init__(
        self,
        hub: Hub,
        tree: Callable[[], dict[str, object]],
        statistics: Callable[[], dict[str, object]],
        *,
        sessions: Endpoint,
        receipts: Endpoint,
        metrics: Endpoint,
        operations: Operations,
        watching: Mapping[str, Endpoint],
        acting: Mapping[str, tuple[Any, Callable[[Any], Outcome[Any]]]],
        secrets: Secrets,
        crash: Callable[[int], int] | None = None,
        inspector: Router | None = None,
    ) -> None:
        self._hub = hub
        self._publishing = Publishing(hub)
        self._secrets = secrets
        self._inspector = inspector
        self._router = Router()
        self._limited: dict[Rights, Router] = {}
        self._posts: dict[str, tuple[Any, Callable[[Any], Outcome[Any]]]] = {
            "/update": (PacketBody | list[PacketBody], self.update),
            "/batch": (list[Any], self.batch),
            "/connect": (PathsToConnect, self.connect),
            "/disconnect": (SessionPaths, self.disconnect),
            "/send": (SessionPackets, self.send),
            "/history": (HistoryOf, self.history),
            "/presence": (PresenceOf, self.presence),
            "/ask": (SessionQuestion, self.ask),
            **acting,
        }
        if crash is not None:
            self._posts["/crash"] = (CrashCount, functools.partial(_crash, crash))
        self._gets: dict[str, Endpoint] = {
            "/statistics": _getting(statistics),
            "/tree": _getting(tree),
            HEALTH: _getting(self.healthz),
            "/sessions": sessions,
            "/receipts": receipts,
            "/metrics": metrics,
            READINESS: ReadinessEndpoint(operations),
            **watching,
        }
        self._operating = operating(operations)
        short = {
            "/send": functools.partial(read_sending, hub.packet)
        }  # a caller with all rights needs no look at it
        for path, (type_, call) in self._posts.items():
            self._router.add("POST", path, PostEndpoint(type_, call, short.get(path)))
        for path, endpoint in self._gets.items():
            self._router.add("GET", path, endpoint)
        for path, endpoint in self._operating.items():
            self._router.add("POST", path, endpoint)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: the caller's fault; the exchange is still to be refused with it.
        """
        self._router_for(exchange)(exchange)

    def resolve(self, exchange: Exchange) -> Endpoint | None:
        """See `Resolving.resolve`: whether a call is allowed is decided by its head."""
        return self._router_for(exchange).resolve(exchange)

    def _router_for(self, exchange: Exchange) -> Router:
        """Return what answers, with the rights that this call has."""
        if not self._secrets:
            if not names_this_machine(exchange.headers.get(b"host", b"")):
                raise ProtocolError(
                    "forbidden", "without a secret, calls are accepted only under this machine's own name"
                )
            return self._router if self._inspector is None or not is_inspector(exchange) else self._inspector
        if exchange.path in OPEN:
            return self._router
        if self._inspector is not None and is_inspector(exchange):
            return self._inspector
        given = exchange.headers.get(b"authorization", b"")
        rights = self._secrets.rights_of(given[len(BEARER) :]) if given.startswith(BEARER) else None
        if rights is None:
            exchange.extra_headers = ((b"WWW-Authenticate", b"Bearer"),)
            raise ProtocolError("unauthorized", "this call needs the server's secret")
        return self._router if rights is EVERYTHING else self._router_with(rights)

    def _router_with(self, rights: Rights) -> Router:
        router = self._limited.get(rights)
        if router is None:
            if len(self._limited) >= MOST_LIMITED:  # those of secrets that were replaced
                self._limited.clear()
            self._limited[rights] = router = self._new_router(rights)
        return router

    def _new_router(self, rights: Rights) -> Router:
        router = Router()
        for path, (type_, call) in self._posts.items():
            allowed = f"POST {path}" in rights.calls
            limited = functools.partial(limit, rights, call)
            router.add("POST", path, PostEndpoint(type_, limited) if allowed else refuse_right)
        for path, endpoint in self._gets.items():
            router.add("GET", path, endpoint if f"GET {path}" in rights.calls else refuse_right)
        for path, endpoint in self._operating.items():
            router.add("POST", path, endpoint if f"POST {path}" in rights.calls else refuse_right)
        return router

    # -- the calls --------------------------------------------------------------------------

    def update(self, body: PacketBody | list[PacketBody]) -> Outcome[None]:
        """Route one update, or several in order."""
        bodies = body if isinstance(body, list) else [body]
        return self._publishing.update(bodies), lambda _: {"updates": len(bodies)}

    def batch(self, body: list[Any]) -> Outcome[list[dict[str, object]]]:
        """Route several in order, and tell what has become of each."""
        return self._publishing.batch(body), lambda results: {"results": results}

    def connect(self, body: PathsToConnect) -> Outcome[Paths]:
        """Connect a session to paths."""
        replay = _checked(read_replay, body.last, body.since)
        return self._hub.connect(body.sid, body.paths, replay, listing=MOST_LISTED), Paths.shown

    def disconnect(self, body: SessionPaths) -> Outcome[Paths]:
        """Disconnect a session from paths."""
        return self._hub.disconnect(body.sid, body.paths, listing=MOST_LISTED), Paths.shown

    def send(self, body: SessionPackets | Sending) -> Outcome[None]:
        """Send packets to one session."""
        if isinstance(body, Sending):
            return self._hub.send(body.sid, (body.packet,)), ONE_PACKET
        packets = self._publishing.packets(body.packets)
        return self._hub.send(body.sid, packets), lambda _: {"packets": len(packets)}

    def history(self, body: HistoryOf) -> Outcome[History]:
        """Tell what is kept of a path."""
        behind = None if body.since is None else _checked(read_position, body.since)
        return _checked(self._hub.history, body.path, behind, body.last), History.shown

    def presence(self, body: PresenceOf) -> Outcome[Present]:
        """Tell who is on a path."""
        check_target(body.path)
        return settled(_checked(self._hub.presence, body.path, body.most)), Present.as_dict

    def ask(self, body: SessionQuestion) -> Outcome[dict[str, object]]:
        """Ask the client of a session, and tell what it answers, or whose fault it is if there is no answer."""
        check_target(body.path)
        answer = self._hub.ask(body.sid, body.path, body.message, body.timeout)
        told: Future[dict[str, object]] = Future()
        answer.add_done_callback(functools.partial(settle, told, functools.partial(_told, answer)))
        return told, dict

    def healthz(self) -> dict[str, object]:
        """Say that the server answers."""
        return {"status": "ok"}


def _told(answer: Future[Any]) -> dict[str, object]:
    try:
        return {"value": answer.get()}
    except AskError as error:
        return {"error": error.condition, "detail": error.detail, "fault": error.fault}


def _checked(call: Callable[..., T], *args: object) -> T:
    """Return what a call returns; an error in its arguments is an error in the request."""
    try:
        return call(*args)
    except UsageError as error:
        raise ProtocolError("bad-request", str(error)) from None


def _crash(crash: Callable[[int], int], body: CrashCount) -> Outcome[int]:
    return settled(crash(body.count)), lambda count: {"crashed": count}


class Same:
    """The answer to a call that is the same each time.

    Args:
        members: what it is.
    """

    __slots__ = ("_members", "json")

    def __init__(self, members: dict[str, object]) -> None:
        self._members = members
        self.json = json.encode(members)

    def __call__(self, _: object) -> dict[str, object]:
        """Return it."""
        return self._members


ONE_PACKET: Final = Same({"packets": 1})


class PostEndpoint:
    """The endpoint of a call that has a body.

    Args:
        type_: what the body is.
        call: makes the call.
        short: reads a body in JSON if it is of the commonest form, into what `call` takes as well; else returns None.
    """

    __slots__ = ("_call", "_decode_json", "_short", "_type")

    def __init__(
        self,
        type_: Any,
        call: Callable[[Any], Outcome[Any]],
        short: Callable[[bytes], object] | None = None,
    ) -> None:
        self._type = type_
        self._call = call
        self._short = short
        self._decode_json = msgspec.json.Decoder(type_).decode

    def __call__(self, exchange: Exchange) -> None:
        """Make the call, and answer when it has been."""
        self._answer(exchange, negotiate(exchange.headers.get(b"content-type", b"")))

    def resolve(self, exchange: Exchange) -> Endpoint:
        """See `Resolving.resolve`: the head decides how bodies are written."""
        return self if negotiate(exchange.headers.get(b"content-type", b"")) is not json else self._in_json

    def _in_json(self, exchange: Exchange) -> None:
        self._answer(exchange, json)

    def _answer(self, exchange: Exchange, codec: Codec) -> None:
        try:
            short = None if self._short is None or codec is not json else self._short(exchange.body)
            answer, tell = self._call(self.read(exchange.body, codec) if short is None else short)
        except ProtocolError as error:
            exchange.refuse(error, codec)
            return
        if answer is TAKEN:  # nearly always: nothing has to be asked of it
            told = tell.json if isinstance(tell, Same) and codec is json else codec.encode(tell(None))
            exchange.respond(200, told, codec.content_type)
        elif answer.done():
            _finish(exchange, codec, answer, tell)
        else:
            answer.add_done_callback(functools.partial(_finish, exchange, codec, answer, tell))

    def read(self, body: bytes, codec: Codec) -> Any:
        """Return what is in a body.

        Raises:
            ProtocolError: `bad-request`; the caller's fault.
        """
        if codec is json:
            check_json(body)
            try:
                value = self._decode_json(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # reading it anew says what is wrong
            else:
                if not json.is_written_as(body, value, flat=_is_flat(value)):
                    json.decode(body)
                return value
        try:
            return msgspec.convert(codec.decode(body), self._type)
        except msgspec.ValidationError as error:
            raise ProtocolError("bad-request", f"The body does not fit the call: {error}.") from None


def _is_flat(body: object) -> bool:
    """Whether it is known that no message in the body of a call is an array or an object."""
    kind = type(body)  # these have a metaclass, which makes `isinstance` slow
    if kind is SessionPackets:
        packets = cast("SessionPackets", body).packets
        return all(not isinstance(packet.message, (list, dict)) for packet in packets)
    return kind is PacketBody and not isinstance(cast("PacketBody", body).message, (list, dict))


def _finish(exchange: Exchange, codec: Codec, answer: Future[T], tell: Callable[[T], object]) -> None:
    """Answer a call, the answer being there."""
    try:
        body = codec.encode(tell(answer.get()))
    except (ProtocolError, UsageError, MailboxFullError) as error:
        exchange.refuse(refusal_of(error), codec)
    except Exception:
        text = f"{exchange.method} {exchange.path} failed"
        logger.exception("request failed", text=text, method=exchange.method, path=exchange.path)
        exchange.refuse(ProtocolError("internal-error", "The server failed; its log says why."), codec)
    else:
        exchange.respond(200, body, codec.content_type)


def _getting(answer: Callable[[], dict[str, object]]) -> Callable[[Exchange], None]:
    def endpoint(exchange: Exchange) -> None:
        codec = preferred(exchange.headers.get(b"accept", b""))
        exchange.respond(200, codec.encode(answer()), codec.content_type)

    return endpoint


def is_inspector(exchange: Exchange) -> bool:
    """Whether a request is for the inspector."""
    return exchange.path.startswith(INSPECTOR)
