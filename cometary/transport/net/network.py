"""Where connections come from: the system's sockets, or others that behave like them.

A simulation of the whole server puts sockets in memory in their place (`tests/simulation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cometary.transport.net.listener import open_sockets
from cometary.transport.net.poller import Poller, best_poller

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, slots=True)
class Network:
    """What the front end takes its sockets from, and what watches them.

    Attributes:
        open_sockets: Listens at a host and a port; see `cometary.transport.net.listener.open_sockets`.
        new_poller: Makes what watches these sockets and those that they accept.
    """

    open_sockets: Callable[[str, int], Awaitable[list[socket.socket]]] = open_sockets
    new_poller: Callable[[], Poller] = best_poller


SYSTEM: Final = Network()
"""The system's own."""
