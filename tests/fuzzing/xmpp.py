"""What stands in for an XMPP server, behind BOSH: it opens its streams, and takes whatever is said."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

OPENING: Final = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    b"<stream:features/>"
)


class Stream(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Open a stream, and read to its end."""
        with suppress(OSError):
            self.request.sendall(OPENING)
            while self.request.recv(65536):
                pass


class Server(socketserver.ThreadingTCPServer):
    """All of them."""

    daemon_threads = True
    request_queue_size = 100


@contextmanager
def xmpp_server() -> Generator[int]:
    """Run one until the end of the block; where it listens."""
    with Server(("127.0.0.1", 0), Stream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()
