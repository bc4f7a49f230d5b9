"""A Unix socket that nobody but its owner can open."""

from __future__ import annotations

import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from cometary.errors import ConfigError

OWNER_ONLY: Final = 0o600
ALL_BUT_OWNER: Final = 0o177
WAITING: Final = 4
CREDENTIALS: Final = struct.Struct("3i")
"""What Linux tells of the other end: process, user, group (unix(7), `SO_PEERCRED`)."""


def open_socket(path: str) -> socket.socket:
    """Listen at a path.

    Raises:
        ConfigError: see `make_way`.
        OSError: the path cannot be used.
    """
    make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # For the moment that it takes files of other threads are for their owner alone as well, which harms nobody.
    before = os.umask(ALL_BUT_OWNER)
    try:
        sock.bind(path)
        Path(path).chmod(OWNER_ONLY)  # where the mask is not heeded
        sock.listen(WAITING)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def make_way(path: str) -> None:
    """See that there is nothing at a path; a socket at which nobody listens any more is removed.

    Raises:
        ConfigError: something else is there, or somebody listens, or the path leads nowhere, or there are no such
            sockets; the operator's fault.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("manhole", "this system has no Unix sockets")
    if not os.access(Path(path).absolute().parent, os.W_OK):
        raise ConfigError(
            "manhole", f"{path} cannot be made: its directory is not there, or not ours to write in"
        )
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError("manhole", f"{path} is there, and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
    raise ConfigError("manhole", f"somebody listens at {path} already")


def remove_socket(path: str) -> None:
    """Take the path away, if it is still there."""
    with suppress(OSError):
        Path(path).unlink()


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
