"""The control interface: what a back-end in any language tells the server.

1.  With a secret every call needs it, but for `/healthz`: whoever asks whether a server lives (a load
    balancer, Kubernetes) need not be trusted with everything. Without one the listener is on loopback only, and then a
    call must name this machine as its host, so that no web page can reach it by giving its own
    name this machine's address.
2.  A call is checked whole before any of it takes effect: a wrong one changes nothing.
3.  A session that has ended is unknown here: to a back-end both mean that the user has left.
"""

from __future__ import annotations

import functools
import hmac
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import msgspec

from cometary.errors import ProtocolError, UsageError
from cometary.gate.rate_limit import is_loopback
from cometary.packets.paths import check_path
from cometary.sessions import Packet
from cometary.transport.codecs import json, negotiate, preferred
from cometary.transport.codecs.amount import check_json
from cometary.transport.http.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.doors.control.control_line import ControlLine
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Endpoint, Exchange

    Call = Callable[[Any], dict[str, object]]

T = TypeVar("T")

HEALTH: Final = "/healthz"
MOST_LISTED: Final = 1_000
"""Paths of a session that an answer lists: all would cost more with each, whatever the call is about."""


class PacketBody(msgspec.Struct, omit_defaults=True):
    """A packet or an update, and what its sender wishes for it."""

    path: str
    message: Any = None
    receipt: str | None = None
    ttl: float | None = None
    key: str | None = None


class SessionPaths(msgspec.Struct):
    """The body of `/connect` and `/disconnect`."""

    sid: str
    paths: list[str]


class SessionPackets(msgspec.Struct):
    """The body of `/send`."""

    sid: str
    packets: list[PacketBody]


class SessionOnly(msgspec.Struct):
    """The body of `/kick`."""

    sid: str


class CrashCount(msgspec.Struct):
    """The body of `/crash`."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class ControlEndpoint:
    """Answers the calls of back-ends.

    Args:
        manager: knows the sessions.
        update: routes a packet to whoever is connected to its path.
        update_tracked: does so with one that its sender had wishes for.
        tree: returns the supervision tree as plain data.
        statistics: returns how many sessions there are, and what has become of all packets.
        sessions: answers `GET /sessions`.
        receipts: answers `GET /receipts`.
        line: where calls that send wait while very much has not been passed on.
        secret: what every call must bear; None only on loopback.
        crash: crashes so many session actors, and returns how many it did; None: there is no such call.
    """

    def __init__(
        self,
        manager: SessionManager,
        update: Callable[[Packet], None],
        update_tracked: Callable[[TrackedPacket], None],
        tree: Callable[[], dict[str, object]],
        statistics: Callable[[], dict[str, object]],
        *,
        sessions: Endpoint,
        receipts: Endpoint,
        line: ControlLine,
        secret: str | None,
        crash: Callable[[int], int] | None = None,
    ) -> None:
        self._manager = manager
        self._update = update
        self._update_tracked = update_tracked
        self._bearer = None if secret is None else b"Bearer " + secret.encode()
        self._router = Router()
        self._line = line
        for path, type_, call, make in (
            ("/update", PacketBody | list[PacketBody], self.update, line.make),
            ("/connect", SessionPaths, self.connect, at_once),
            ("/disconnect", SessionPaths, self.disconnect, at_once),
            ("/send", SessionPackets, self.send, line.make),
            ("/kick", SessionOnly, self.kick, at_once),
        ):
            self._router.add("POST", path, _posting(type_, call, make))
        if crash is not None:
            self._router.add("POST", "/crash", _posting(CrashCount, functools.partial(_crash, crash)))
        for path, answer in (
            ("/statistics", statistics),
            ("/tree", tree),
            (HEALTH, self.healthz),
        ):
            self._router.add("GET", path, _getting(answer))
        self._router.add("GET", "/sessions", sessions)
        self._router.add("GET", "/receipts", receipts)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: the caller's fault; the exchange is still to be refused with it.
        """
        if exchange.path != HEALTH or self._bearer is None:
            self._authorize(exchange)
        self._router(exchange)

    def _authorize(self, exchange: Exchange) -> None:
        if self._bearer is not None:
            given = exchange.headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._bearer):
                exchange.extra_headers = ((b"WWW-Authenticate", b"Bearer"),)
                raise ProtocolError("unauthorized", "this call needs the server's secret")
        elif not names_this_machine(exchange.headers.get(b"host", b"")):
            raise ProtocolError(
                "forbidden", "without a secret, calls are taken under this machine's own name only"
            )

    # -- the calls --------------------------------------------------------------------------

    def update(self, body: PacketBody | list[PacketBody]) -> dict[str, object]:
        """Route one update, or several in order."""
        packets = self._packets(body if isinstance(body, list) else [body])
        for packet in packets:
            if packet.__class__ is Packet:
                self._update(packet)
            else:
                self._update_tracked(cast("TrackedPacket", packet))
        return {"updates": len(packets)}

    def connect(self, body: SessionPaths) -> dict[str, object]:
        """Connect a session to paths."""
        keeper = self._find(body.sid)
        try:
            self._manager.connect(keeper, body.paths)
        except UsageError as error:
            raise ProtocolError("bad-request", str(error)) from None
        return self._manager.shown_paths(keeper, MOST_LISTED)

    def disconnect(self, body: SessionPaths) -> dict[str, object]:
        """Disconnect a session from paths."""
        keeper = self._find(body.sid)
        self._manager.disconnect(keeper, body.paths)
        return self._manager.shown_paths(keeper, MOST_LISTED)

    def send(self, body: SessionPackets) -> dict[str, object]:
        """Send packets to one session."""
        keeper = self._find(body.sid)
        packets = self._packets(body.packets)
        for packet in packets:
            self._manager.posting.post(keeper, packet)
        self._line.sent_to(keeper)
        return {"packets": len(packets)}

    def kick(self, body: SessionOnly) -> dict[str, object]:
        """End a session."""
        self._find(body.sid).end("kicked")
        return {}

    def healthz(self) -> dict[str, object]:
        """Say that the server answers."""
        return {"status": "ok"}

    def _find(self, sid: str) -> SessionKeeper:
        try:
            return self._manager.find(sid)
        except ProtocolError as error:
            raise ProtocolError("unknown-session", error.detail) from None

    def _packets(self, bodies: Sequence[PacketBody]) -> list[Packet]:
        packets: list[Packet] = []
        manager = self._manager
        for body in bodies:
            check_path(body.path, from_client=False)
            try:
                if body.receipt is None and body.ttl is None and body.key is None:
                    packet = manager.packet(body.path, body.message)
                else:
                    packet = manager.tracked(
                        body.path, body.message, receipt=body.receipt, ttl=body.ttl, key=body.key
                    )
            except UsageError as error:
                raise ProtocolError("bad-request", str(error)) from None
            packets.append(packet)
        return packets


def _crash(crash: Callable[[int], int], body: CrashCount) -> dict[str, object]:
    return {"crashed": crash(body.count)}


def at_once(call: Callable[[], None]) -> None:
    """Make a call that does not wait in line."""
    call()


def _posting(
    type_: Any, call: Call, make: Callable[[Callable[[], None]], None] = at_once
) -> Callable[[Exchange], None]:
    decode_json = msgspec.json.Decoder(type_).decode

    def read(body: bytes, codec: Codec) -> Any:
        if codec is json:
            check_json(body)
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return json.checked(body, decode_json(body))
        try:  # which says what is wrong
            return msgspec.convert(codec.decode(body), type_)
        except msgspec.ValidationError as error:
            raise ProtocolError("bad-request", f"The body does not fit the call: {error}.") from None

    def endpoint(exchange: Exchange) -> None:
        codec = negotiate(exchange.headers.get(b"content-type", b""))
        try:
            make(functools.partial(answer_with, exchange, codec, read(exchange.body, codec)))
        except ProtocolError as error:
            exchange.refuse(error, codec)

    def answer_with(exchange: Exchange, codec: Codec, body: Any) -> None:
        try:
            answer = call(body)
        except ProtocolError as error:
            exchange.refuse(error, codec)
        else:
            exchange.respond(200, codec.encode(answer), codec.content_type)

    return endpoint


def _getting(answer: Callable[[], dict[str, object]]) -> Callable[[Exchange], None]:
    def endpoint(exchange: Exchange) -> None:
        codec = preferred(exchange.headers.get(b"accept", b""))
        exchange.respond(200, codec.encode(answer()), codec.content_type)

    return endpoint


LOCAL_NAMES: Final = frozenset({"localhost", "", "::1"})


@functools.lru_cache(maxsize=64)
def names_this_machine(host: bytes) -> bool:
    """Whether a `Host` header names this machine's loopback, with or without a port.

    Back-ends send the same few for every call, so the answers are remembered.
    """
    name = host.decode("latin-1")
    if not name.endswith("]"):
        name = name.rpartition(":")[0] or name
    name = name.strip("[]").lower()
    return name in LOCAL_NAMES or is_loopback(name)
