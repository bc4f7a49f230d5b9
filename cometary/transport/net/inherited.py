"""Listening sockets that the process was started with, as systemd's socket activation hands them over.

1.  They are matched by their address: a listener that is to be at the address of one has that one, and opens none. So a
    server needs no other options with them than without, and what they do not cover is opened as ever.
2.  They are whoever's who started the process, and stay open there: callers wait in their backlogs while one process
    takes the place of another, and none of them is turned away.
3.  What the environment says of them is taken out of it: they are nobody else's, a process that is started by
    this one least of all.

Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final, Literal

from cometary.transport.net.listener import Network, addresses_of, open_sockets

if TYPE_CHECKING:
    from collections.abc import MutableMapping

FIRST: Final = 3
"""The first descriptor that is handed over."""

NAMES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Inherited:
    """The sockets of one process; `open_sockets` is for a `Network`.

    Args:
        environment: says of them; that is taken out.
        pid: of this process.
        reuse_port: see `open_sockets`.
    """

    def __init__(self, environment: MutableMapping[str, str], pid: int, *, reuse_port: bool = False) -> None:
        self._reuse_port = reuse_port
        self._sockets: dict[tuple[str, int], socket.socket] = {}
        self._used: set[tuple[str, int]] = set()
        said = [environment.pop(name, "") for name in NAMES]
        if said[0] == str(pid) and said[1].isdecimal():
            for descriptor in range(FIRST, FIRST + int(said[1])):
                self._take(descriptor)

    def _take(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its one argument
        sock = socket.socket(fileno=descriptor)
        if sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM:
            sock.settimeout(0)
            self._sockets[sock.getsockname()[:2]] = sock
        else:
            sock.detach()  # it is for something else in this process

    def network(self) -> Network:
        """Return what a server takes its sockets from; to be asked before any of them is."""
        successor: Literal["none", "sockets", "port"] = "port" if self._reuse_port else "none"
        return Network(self.open_sockets, successor="sockets" if self._sockets else successor)

    def close(self) -> None:
        """Close this process's descriptors of them."""
        for sock in self._sockets.values():
            sock.close()

    @property
    def unused(self) -> list[str]:
        """The addresses of those that no listener has asked for."""
        return [f"{host}:{port}" for host, port in self._sockets if (host, port) not in self._used]

    async def open_sockets(self, host: str, port: int) -> list[socket.socket]:
        """Return listening sockets, those that were handed over at all addresses that `host` has, or new ones.

        Raises:
            OSError: an address is taken, or not this machine's: the configuration's fault.
        """
        wanted = [address[:2] for _, address in await addresses_of(host, port)]
        found = [address for address in wanted if address in self._sockets]
        self._used.update(found)
        if found:
            return [self._sockets[address].dup() for address in found]
        return await open_sockets(host, port, reuse_port=self._reuse_port)
