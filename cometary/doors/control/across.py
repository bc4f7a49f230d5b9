"""Calls that concern another node: those that name one (`?node=NAME`), and those about a session that is not here.

1.  A call that names a node is forwarded to that, by the nodes' own link, once its secret is known to be one; what that
    is good for is judged there, where all the rest is. So are a trace and whatever else is answered bit by bit.
2.  A call that names a session by its public name is answered here if the session lives or is remembered here.
    Otherwise all other nodes are asked who has it, and it is forwarded to the one where it lives, or else to one where
    it is remembered. It is forwarded with the name of that node, which looks no further: so there are no loops.
3.  The page of the inspector is served here, whatever its address says, and so are the calls that anyone may make: no
    stranger has this node ask another one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from cometary.doors import questions
from cometary.doors.control.endpoint import OPEN
from cometary.doors.control.named import living_session, query_of
from cometary.doors.inspector.everywhere import all_of
from cometary.doors.inspector.site import PREFIX
from cometary.errors import ProtocolError
from cometary.transport.codecs import negotiate
from cometary.transport.http.router import resolve
from cometary.transport.http.service import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.others import Others
    from cometary.sessions import SessionManager
    from cometary.transport.http.exchange import Endpoint, Exchange

KICK: Final = "/kick"
BY_NAME: Final = frozenset({"/session", "/trace", KICK})
"""The calls that know a session by its public name."""

MOST: Final = 100
"""Calls whose session is being looked for."""

LIVES: Final = "lives"
ENDED: Final = "ended"


class AcrossNodes:
    """Answers as another endpoint does what concerns this node, and has other nodes answer the rest.

    Args:
        endpoint: that other one.
        others: the other nodes.
        manager: knows the sessions of this one.
        start_soon: runs an async function beside everything else.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        others: Others,
        manager: SessionManager,
        start_soon: Callable[..., None],
    ) -> None:
        self._endpoint = endpoint
        self._others = others
        self._manager = manager
        self._start_soon = start_soon
        self._under_way = 0

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: the caller's fault; the exchange is still to be refused with it.
        """
        (self.resolve(exchange) or self._endpoint)(exchange)

    def resolve(self, exchange: Exchange) -> Endpoint | None:
        """See `Resolving.resolve`: what concerns no other node is answered as quickly as ever."""
        found = resolve(self._endpoint, exchange)
        if found is None or exchange.path in OPEN or exchange.path.startswith(PREFIX):
            return found
        if exchange.query or exchange.path in BY_NAME:
            return partial(self._answer, found)
        return found

    def _answer(self, found: Endpoint, exchange: Exchange) -> None:
        query = query_of(exchange)
        node = query.get("node")
        if node is None and exchange.path in BY_NAME:
            name = name_in(exchange, query)
            if name is not None and not self._has(name):
                self._look_for(name, found, exchange)
                return
        if node is None or node == self._others.own:
            found(exchange)
        else:
            self._others.forward(node, exchange)

    def _has(self, name: str) -> str:
        """Return whether a session lives here (`LIVES`), or is remembered; an empty text if neither."""
        try:
            living_session(self._manager, name)
        except ProtocolError:
            return "" if self._manager.ended_sessions.find(name) is None else ENDED
        return LIVES

    def find(self, name: str) -> bytes | None:
        """Return what another node is told that looks for a session."""
        return questions.write_answer(self._has(name))

    # -- a session that is elsewhere (rule 2)

    def _look_for(self, name: str, found: Endpoint, exchange: Exchange) -> None:
        if self._under_way >= MOST:
            raise ProtocolError("too-many-requests", "too many sessions are being looked for", retry_after=1)
        self._under_way += 1
        self._start_soon(self._find, name, found, exchange)

    async def _find(self, name: str, found: Endpoint, exchange: Exchange) -> None:
        """Have the node answer that has the session; this one says that it is unknown if none has."""
        try:
            node = await self._whose(name)
        finally:
            self._under_way -= 1
        if exchange.carrier is None:
            return  # its caller has left meanwhile, of which nobody would tell the other node any more
        if node is None:
            call(found, exchange)
            return
        exchange.query = urlencode({**query_of(exchange), "node": node}).encode()
        call(partial(self._others.forward, node), exchange)

    async def _whose(self, name: str) -> str | None:
        question = questions.encode(questions.Find(name))
        nodes = [node for node, _ in self._others.states()]
        said = await all_of([partial(self._others.ask, node, question) for node in nodes])
        for wanted in (LIVES, ENDED):
            if questions.write_answer(wanted) in said:
                return nodes[said.index(questions.write_answer(wanted))]
        return None


class Named(msgspec.Struct):
    """What is read of a call's body."""

    name: str | None = None


def name_in(exchange: Exchange, query: dict[str, str]) -> str | None:
    """Return the public name of a session that a call gives; None if it gives none."""
    if exchange.path != KICK:
        return query.get("name")
    codec = negotiate(exchange.headers.get(b"content-type", b""))
    try:
        return msgspec.convert(codec.decode(exchange.body), Named).name
    except (ProtocolError, msgspec.ValidationError):
        return None  # whoever answers says what is wrong
