"""The network between the polling station and the site, with a plug to pull."""

from __future__ import annotations

import trio

LOST = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)
"""What is raised when it fails."""


class Network:
    """The way to one port of this machine.

    Attributes:
        port: the port.
        up: whether the plug is in.
    """

    def __init__(self) -> None:
        self.port = 0
        self.up = True
        self._stream: trio.SocketStream | None = None

    async def connect(self) -> trio.SocketStream:
        """Open a connection.

        Raises:
            OSError: the network is down, or nobody listens.
        """
        if not self.up:
            raise OSError("the network is down")
        self._stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        return self._stream

    async def cut(self) -> None:
        """Pull the plug: the connection breaks, and there is no other until it is mended."""
        self.up = False
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)

    def mend(self) -> None:
        """Put it in again."""
        self.up = True
