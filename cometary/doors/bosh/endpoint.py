"""The BOSH endpoint: takes each request to its session, or opens one.

Errors are told as in BOSH: by a `<body/>` with a condition, in an answer with the status 200.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pykka import ActorDeadError

from cometary.actors.messages import answer_if_discarded
from cometary.doors.bosh.bodies import Body, read_body, write_body
from cometary.doors.bosh.events import Asked, Gone
from cometary.doors.bosh.names import (
    BAD_REQUEST,
    INTERNAL_SERVER_ERROR,
    ITEM_NOT_FOUND,
    LEGACY,
    POLICY_VIOLATION,
    SYSTEM_SHUTDOWN,
)
from cometary.doors.bosh.script import CONTENT as SCRIPT
from cometary.doors.bosh.script import body_of, script_of
from cometary.doors.bosh.terms import CONTENT, Offer, agree
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef
    from cometary.doors.bosh.session import BoshSession
    from cometary.doors.bosh.sessions import Sessions
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.transport.http.exchange import Exchange


class Caller:
    """Who waits for the answer to a request.

    This is not the request itself, which would then refer to itself: what it says, up to a whole body, would stay
    until the garbage collector comes, and that counts objects, not bytes.

    Args:
        exchange: is answered; a GET with a script.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def answer(self, status: int, body: bytes, content: str) -> None:
        """Answer, unless that was done."""
        if not self.exchange.answered:
            answer(self.exchange, status, body, content)


class BoshRequest(Asked):
    """A request that came as an HTTP exchange.

    Args:
        body: what it says.
        exchange: is answered.
        now: the time, in seconds.
    """

    __slots__ = ("_exchange", "session")

    def __init__(self, body: Body, exchange: Exchange, now: float) -> None:
        super().__init__(body, Caller(exchange), now)
        self._exchange = exchange
        self.session: ActorRef[BoshSession] | None = None

    def refuse(self, condition: str, *, is_legacy: bool = False) -> None:
        """Answer with a condition by which a session ends."""
        if is_legacy and condition in LEGACY:
            self.request.answer(LEGACY[condition], b"", CONTENT)
        else:
            self.request.answer(200, write_body([("type", "terminate"), ("condition", condition)]), CONTENT)

    def discarded(self) -> None:
        """Answer in place of a session that has ended with this in its mailbox."""
        self.refuse(ITEM_NOT_FOUND)

    def drop(self, now: Callable[[], float]) -> None:
        """Take note that nobody is waiting for the answer any more."""
        self._exchange.leave_unanswered()
        if self.session is not None:
            self.session.actor_inbox.put_if_open(Gone(self, now()))


answer_if_discarded(BoshRequest)


def answer(exchange: Exchange, status: int, body: bytes, content: str) -> None:
    """Answer with a body or, for a GET, with a script."""
    if body and exchange.method != "POST":
        body, content = script_of(body), SCRIPT
    exchange.respond(status, body, content.encode() if body else b"text/plain")


class BoshEndpoint:
    """Answers `POST /http-bind`, and GET if scripts are wanted.

    Args:
        sessions: the living sessions.
        offer: what clients are offered.
        limiter: how many sessions an address may open.
        ready: whether the server takes more sessions.
        now: reads the clock, in seconds.
        look_elsewhere: see `Inside`.
    """

    def __init__(
        self,
        sessions: Sessions,
        offer: Offer,
        limiter: OpenLimiter,
        *,
        ready: Callable[[], bool],
        now: Callable[[], float],
        look_elsewhere: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._look_elsewhere = look_elsewhere
        self._sessions = sessions
        self._offer = offer
        self._limiter = limiter
        self._ready = ready
        self._now = now

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later.

        Raises:
            ProtocolError: `forbidden`: a browser would show the answer as a page; the fault of the page that asks.
        """
        if exchange.headers.get(b"sec-fetch-mode") == b"navigate":
            raise ProtocolError("forbidden", "This is not a page: what others have sent is in the answers.")
        try:
            data = exchange.body if exchange.method == "POST" else body_of(exchange.query)
            request = BoshRequest(read_body(data), exchange, self._now())
        except ProtocolError:
            answer(exchange, 200, write_body([("type", "terminate"), ("condition", BAD_REQUEST)]), CONTENT)
            return
        peer, sid = exchange.peer, request.body.sid
        if sid is not None and self._sessions.find(sid) is None:
            self._look_elsewhere(sid)
        exchange.release_request()
        if sid is None:
            self._open(request, peer)
            session = request.session
        else:
            request.session = session = self._sessions.find(sid)
            self._submit(request, session)
        if session is not None and not exchange.answered:
            exchange.on_drop = partial(request.drop, self._now)
            if exchange.carrier is None:  # its client has gone while it waited for its turn
                request.drop(self._now)

    def _submit(self, request: BoshRequest, session: ActorRef[BoshSession] | None) -> None:
        if session is None:
            request.refuse(ITEM_NOT_FOUND)
            return
        try:
            session.tell(request)
        except ActorDeadError:
            request.refuse(ITEM_NOT_FOUND)

    def _open(self, request: BoshRequest, peer: str) -> None:
        is_legacy = "ver" not in request.body.attributes
        try:
            terms = agree(request.body, self._offer)
        except ProtocolError:
            terms = BAD_REQUEST
        if isinstance(terms, str):
            request.refuse(terms, is_legacy=is_legacy)
            return
        try:
            self._limiter.check(peer)
        except ProtocolError:
            request.refuse(POLICY_VIOLATION, is_legacy=is_legacy)
            return
        if not self._ready():
            request.refuse(SYSTEM_SHUTDOWN)
        elif not self._sessions.has_room:
            request.refuse(INTERNAL_SERVER_ERROR)
        else:
            request.session = self._sessions.open(terms, request)
