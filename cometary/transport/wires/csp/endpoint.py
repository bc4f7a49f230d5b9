"""The endpoints of CSP: which session a request belongs to, and what it asks for.

1.  Each is asked by GET or POST. What a client sends is the variable `d`, or the body, which counts more. The body of a
    /comet is its query, if its session is not named in the URL.
2.  A script of another site's page could ask as well, without saying which page it is from. So a client that says
    that it comes from another site has to name its origin, of which `origins` are allowed. Where a browser says
    nothing about that, as over HTTP without TLS, an answer is a script only for a page that is named in `Referer`, of
    this origin or one of `origins`; such a page can read nothing of any other answer.
3.  An answer is what its client has put around it. So it is never taken for what it is not said to be, and, unless the
    operator will have it so, a document that is made of it runs no scripts, and is of no origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from cometary.errors import ProtocolError
from cometary.transport.codecs import json
from cometary.transport.http.files import NO_SNIFFING
from cometary.transport.http.query import members_of
from cometary.transport.http.router import refuse_method
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.csp.comets import HeldComet, StreamedComet
from cometary.transport.wires.csp.packets import read_batch
from cometary.transport.wires.csp.sends import CspOpening, Send, credentials_of
from cometary.transport.wires.csp.variables import DEFAULTS, SCRIPTS, ack_of
from cometary.transport.wires.streams.endpoint import bearer_token

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Endpoint, Exchange, Headers
    from cometary.transport.wires.csp.csp import Csp
    from cometary.transport.wires.csp.variables import Variables

METHODS: Final = ("GET", "POST")

HEADERS: Final[Headers] = ((b"Cache-Control", b"no-cache, must-revalidate"), NO_SNIFFING)
NO_SCRIPTS: Final[Headers] = ((b"Content-Security-Policy", b"sandbox"),)

SAYS_WHENCE: Final = frozenset({b"origin", b"sec-fetch-site"})
ORIGIN_OF: Final = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
ELSEWHERE: Final = frozenset({b"cross-site", b"same-site"})


class CspEndpoints:
    """What answers requests.

    Args:
        csp: all sessions.
        allows: says whether pages of an origin may use the server, which is known to them by a name.
        documents: whether answers may be documents with scripts.
    """

    def __init__(self, csp: Csp, allows: Callable[[bytes, bytes], bool], *, documents: bool) -> None:
        self._csp = csp
        self._allows = allows
        self._headers: Headers = HEADERS if documents else (*HEADERS, *NO_SCRIPTS)
        answers: dict[str, Callable[[Exchange, Mapping[str, str]], None]] = {
            "handshake": self._handshake,
            "comet": self._comet,
            "send": self._send,
            "close": self._close,
        }
        if documents:
            answers["reflect"] = self._reflect
        self.endpoints: dict[str, Endpoint] = {name: self._around(answer) for name, answer in answers.items()}

    def _around(self, answer: Callable[[Exchange, Mapping[str, str]], None]) -> Endpoint:
        def endpoint(exchange: Exchange) -> None:
            exchange.extra_headers = (*exchange.extra_headers, *self._headers)
            if exchange.method not in METHODS:
                refuse_method(exchange, METHODS)
            elif exchange.carrier is not None:  # else its client has gone while it waited for its turn
                check_site(exchange)
                answer(exchange, members_of(exchange.query))

        return endpoint

    def _handshake(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        data = data_of(exchange, query)
        if len(data) > LONGEST_OPENING:
            raise ProtocolError("too-large", "The data of a handshake is too long.")
        given = json.decode(data)
        if not isinstance(given, dict):
            raise ProtocolError("bad-request", "The data of a handshake has to be an object.")
        token = cast("dict[str, object]", given).get("token", bearer_token(exchange.headers))
        variables = self._changed(exchange, DEFAULTS, query)
        self._csp.gate.open(CspOpening(self._csp, exchange, variables, token))

    def _comet(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        if exchange.body and "s" not in query:
            query = {**query, **members_of(exchange.body)}
        session = self._csp.session_of(query)
        variables = self._changed(exchange, session.variables, query)
        ack = ack_of(query, exchange.headers.get(b"last-event-id"))
        kind = StreamedComet if variables.streams else HeldComet
        comet = kind(self._csp, session, exchange, variables, ack)
        self._csp.gate.attach(session.sid, comet, ack, credentials_of(exchange))

    def _send(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        session = self._csp.session_of(query)
        variables, ack = self._changed(exchange, session.variables, query), ack_of(query)
        batch = read_batch(data_of(exchange, query))
        session.send(Send(self._csp, session, exchange, variables, ack, batch=batch))

    def _close(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        session = self._csp.session_of(query)
        variables, ack = self._changed(exchange, session.variables, query), ack_of(query)
        session.send(Send(self._csp, session, exchange, variables, ack, close=True))

    def _reflect(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        variables = DEFAULTS.changed(query)
        if variables.media_type in SCRIPTS:
            raise ProtocolError("bad-request", "Scripts are not reflected.")
        exchange.respond(200, data_of(exchange, query), variables.content_type)

    def _changed(self, exchange: Exchange, before: Variables, query: Mapping[str, str]) -> Variables:
        """Return the variables that a request says, if who asks may have an answer of that kind (rule 2).

        Raises:
            ProtocolError: `bad-request`, the client's fault; `forbidden`, that of the page that asked.
        """
        variables = before.changed(query)
        if variables.media_type in SCRIPTS and SAYS_WHENCE.isdisjoint(exchange.headers):
            page = ORIGIN_OF.match(exchange.headers.get(b"referer", b""))
            if page is None or not self._allows(page[0].lower(), exchange.headers.get(b"host", b"")):
                raise ProtocolError(
                    "forbidden", "A request for a script has to name the page that it is for."
                )
        return variables


def data_of(exchange: Exchange, query: Mapping[str, str]) -> bytes:
    """Return the variable `d` of a request (rule 1)."""
    return exchange.body or query.get("d", "").encode()


def check_site(exchange: Exchange) -> None:
    """See whether a request comes from a page that may ask (rule 2).

    Raises:
        ProtocolError: `forbidden`, the fault of the page that asked.
    """
    if b"origin" not in exchange.headers and exchange.headers.get(b"sec-fetch-site") in ELSEWHERE:
        raise ProtocolError("forbidden", "A request from a page of another site has to name its origin.")
