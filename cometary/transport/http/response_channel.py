"""The channel of an HTTP connection, as exchanges know it: they are answered by it, thousands a second.

A class, since machine code calls a method of one that it knows straight, and one that a protocol promises as Python
does, which takes a third as long as all that the method does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.transport.net.buffered import BufferedChannel

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange, Headers


class ResponseChannel(BufferedChannel):
    """What a connection is to the exchanges that came by it."""

    __slots__ = ()

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Send the response of `exchange` when its turn has come (`Carrier`)."""
        raise NotImplementedError
