"""Listening sockets that the process was started with, as systemd's socket activation hands them over.

1.  They are matched by their address, or their path: a listener that is to be at one takes that socket, and opens
    none. So a server needs the same options with them as without, and what they do not cover is opened as usual.
2.  They belong to the one that started the process, and stay open there: callers wait in their backlogs while one
    process takes the place of another, and none of them is turned away.
3.  What the environment says about them is taken out of it: they belong to nobody else, least of all to a process
    that this one starts.

Source: sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Final, Literal

from cometary.transport.net.listener import Network, addresses_of, open_sockets
from cometary.transport.net.unix import open_unix_socket

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Where = str | tuple[Any, ...]
    """The path of a Unix socket, or a host and a port."""

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
        self._sockets: dict[Where, socket.socket] = {}
        self._used: set[Where] = set()
        said = [environment.pop(name, "") for name in NAMES]
        if said[0] == str(pid) and said[1].isdecimal():
            for descriptor in range(FIRST, FIRST + int(said[1])):
                self._take(descriptor)

    def _take(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its one argument
        sock = socket.socket(fileno=descriptor)
        where = place_of(sock)
        if where and sock.type == socket.SOCK_STREAM:
            sock.settimeout(0)
            self._sockets[where] = sock
        else:
            sock.detach()  # it is for something else in this process

    def network(self) -> Network:
        """Return what a server takes its sockets from; to be asked before any of them is."""
        successor: Literal["none", "sockets", "port"] = "port" if self._reuse_port else "none"
        return Network(
            self.open_sockets,
            open_unix_socket=self.open_unix_socket,
            successor="sockets" if self._sockets else successor,
        )

    def close(self) -> None:
        """Close this process's descriptors of them."""
        for sock in self._sockets.values():
            sock.close()

    @property
    def unused(self) -> list[str]:
        """The addresses of those that no listener has asked for."""
        left = [where for where in self._sockets if where not in self._used]
        return [f"unix:{where}" if isinstance(where, str) else f"{where[0]}:{where[1]}" for where in left]

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

    def open_unix_socket(self, path: str, mode: int) -> socket.socket:
        """Return a listening socket, the one that was handed over at that path, or a new one.

        Raises:
            OSError: the path is taken, or nothing can be made there: the configuration's fault.
        """
        handed = self._sockets.get(path)
        if handed is None:
            return open_unix_socket(path, mode, reuse_port=self._reuse_port)
        self._used.add(path)
        return handed.dup()


def place_of(sock: socket.socket) -> Where | None:
    """Return where a socket is that may be one of ours; None for any other."""
    name: Any = sock.getsockname()
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        return name[0], name[1]
    return name if sock.family is socket.AF_UNIX and isinstance(name, str) and name else None
