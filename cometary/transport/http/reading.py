"""How much of a connection is read at once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cometary.transport.net import socket_calls

if TYPE_CHECKING:
    import socket

    from cometary.transport.http.head_memory import KnownHead

FEW: Final = 479
"""Bytes that are read into memory of the allocator's smallest kind, at once: a whole request of most programs."""

_IN_C: Final[bool] = socket_calls.IN_C
_receive: Final = socket_calls.receive


def receive(sock: socket.socket, most: int, known: KnownHead | None) -> bytes:
    """Return what has come: where the last request, `known`, was short, first as much as that.

    Args:
        sock: what it has come by.
        most: how many bytes one read may take.
        known: the head of the last request, if its length is remembered.

    Raises:
        OSError: nothing has come, or the connection is broken: nobody's fault.
    """
    if _IN_C:  # which takes no more memory than has come
        return _receive(sock, most)
    if known is None or known.request_bytes >= FEW or most <= FEW:
        return sock.recv(most)
    data = sock.recv(FEW)
    if len(data) == FEW:
        with suppress(BlockingIOError):
            data += sock.recv(most - FEW)
    return data
