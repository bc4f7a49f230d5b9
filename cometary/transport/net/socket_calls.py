"""Reading and writing a connected socket that does not block.

`socket.socket` lets go of the interpreter's lock for each call, since it could block, and takes it again; which takes
as long as all else that it does. A socket that does not block need not. So where there is a C compiler there is a
module of our own for that (`_socket_calls.c`), and without it these do as well. Both raise what the socket would.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final


def receive_by_socket(sock: socket.socket, most: int) -> bytes:
    """Return what has come: what `sock.recv(most)` would.

    Args:
        sock: what it has come by.
        most: how many bytes one read may take: 1 to 16,384.

    Raises:
        OSError: nothing has come (`BlockingIOError`), or the connection is broken: nobody's fault.
    """
    return sock.recv(most)


def send_by_socket(sock: socket.socket, data: bytes | memoryview) -> int:
    """Send as much as the kernel takes; returns how many bytes.

    Raises:
        OSError: it takes nothing (`BlockingIOError`), or the connection is broken: nobody's fault.
    """
    return sock.send(data)


def _made() -> Any:
    """Return the module in C, if it was made."""
    try:
        return import_module("cometary.transport.net._socket_calls")
    except ImportError:
        return None


_in_c: Final[Any] = _made()

IN_C: Final[bool] = _in_c is not None
"""Whether the module of our own is there."""

receive: Callable[[socket.socket, int], bytes] = _in_c.receive if IN_C else receive_by_socket
send: Callable[[socket.socket, bytes | memoryview], int] = _in_c.send if IN_C else send_by_socket
