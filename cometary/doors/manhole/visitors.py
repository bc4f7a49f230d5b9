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
"""What Linux tells of the other end: process, user, group (unix(7), `SO_PEERCRED`)."""


def check_place(path: str) -> None:
    """See whether a socket can be made at a path; one that nobody listens to any more is no hindrance.

    Raises:
        ConfigError: it cannot; the operator's fault.
    """
    place = Path(path).absolute()
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("manhole", "this system has no Unix sockets")
    if not os.access(place.parent, os.W_OK):
        raise ConfigError(
            "manhole", f"there can be no {path}: its directory is not there, or not ours to write in"
        )
    if os.path.lexists(place) and not place.is_socket():
        raise ConfigError("manhole", f"{path} is there, and is no socket")
    if place.is_socket() and is_listened_to(path):
        raise ConfigError("manhole", f"somebody listens at {path} already")


def user_of(stream: trio.SocketStream) -> int | None:
    """Return the id of the user at the other end; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    told = stream.socket.getsockopt(socket.SOL_SOCKET, option, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(told)[1])


def may_come_in(user: int | None) -> bool:
    """Whether a user may use a prompt: the one that runs the server, and root; whoever got here, if nobody can tell."""
    return user is None or user in {0, os.geteuid()}
