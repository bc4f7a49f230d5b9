"""Who may come to the manhole, and whether its socket can be where it is wanted."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cometary.errors import ConfigError
from cometary.transport.net.unix import is_listened_to

if TYPE_CHECKING:
    import trio

CREDENTIALS: Final = struct.Struct("3i")
"""What Linux tells about the other end: process, user, group (unix(7), `SO_PEERCRED`)."""


def check_place(path: str) -> None:
    """Check that a socket can be made at a path; one at which nobody listens any more is replaced.

    Raises:
        ConfigError: it cannot; the operator's fault.
    """
    place = Path(path).absolute()
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("manhole", "this system has no Unix sockets")
    if not os.access(place.parent, os.W_OK):
        raise ConfigError(
            "manhole", f"{path} cannot be made: its directory is missing, or the server may not write there"
        )
    if os.path.lexists(place) and not place.is_socket():
        raise ConfigError("manhole", f"{path} exists, and is not a socket")
    if place.is_socket() and is_listened_to(path):
        raise ConfigError("manhole", f"another process listens at {path}")


def user_of(stream: trio.SocketStream) -> int | None:
    """Return the id of the user at the other end; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    told = stream.socket.getsockopt(socket.SOL_SOCKET, option, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(told)[1])


def may_come_in(user: int | None) -> bool:
    """Whether a user may use a prompt: the server's own and root; anyone who got here, if the system cannot tell."""
    return user is None or user in {0, os.geteuid()}
