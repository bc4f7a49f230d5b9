"""Back-ends that trace their own work (`traceparent`, W3C Trace Context): what their calls send is part of the trace.

A call that has to wait in line for others is not: by then nobody knows whose it was.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from cometary.transport.http.router import resolve

if TYPE_CHECKING:
    from cometary.packets.probes import Probes
    from cometary.transport.http.exchange import Endpoint, Exchange

SAMPLED: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]")
"""The header of a caller that keeps its trace; for one that does not, nothing is to be done."""


class CallerTraces:
    """Answers as another endpoint does, and meanwhile tells the probes whose call it is.

    Args:
        endpoint: that other one.
        probes: look at what is sent.
    """

    def __init__(self, endpoint: Endpoint, probes: Probes) -> None:
        self._endpoint = endpoint
        self._probes = probes

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: the caller's fault; the exchange is still to be refused with it.
        """
        self._answer(self._endpoint, exchange)

    def resolve(self, exchange: Exchange) -> Endpoint | None:
        """See `Resolving.resolve`."""
        found = resolve(self._endpoint, exchange)
        return None if found is None else partial(self._answer, found)

    def _answer(self, endpoint: Endpoint, exchange: Exchange) -> None:
        given = exchange.headers.get(b"traceparent", b"")
        if SAMPLED.fullmatch(given):
            self._probes.caller = given.decode()
        try:
            endpoint(exchange)
        finally:
            self._probes.caller = None
