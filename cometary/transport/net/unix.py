"""Listening Unix sockets: a proxy or a back-end on the same machine reaches them by a path.

1.  The mode of the file, which is set before the socket listens, says who may connect.
2.  A socket left behind by a process that was killed is removed. One that a process listens at is not, unless that
    process is to be replaced (`reuse_port`): then new callers reach the new process.
3.  What closes a socket removes its file, if it is still the same file.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

UNIX_PEER: Final = "unix"
"""What stands for the address of a peer at a Unix socket, which has none."""

BACKLOG: Final = 4096


class UnixListener(socket.socket):
    """A socket at a path, whose file is removed when it is closed, but not when a duplicate of it is (`dup`)."""

    _path: Path | None = None
    _file = (0, 0)

    def take(self, path: str, mode: int) -> None:
        """Listen at a path; see `open_unix_socket`."""
        self.bind(path)
        self._path = Path(path)
        self._file = identity(self._path)
        self._path.chmod(mode)
        self.listen(BACKLOG)

    def close(self) -> None:
        """Close it, and remove the file (rule 3)."""
        path, self._path = self._path, None
        if path is not None:
            with suppress(OSError):
                if identity(path) == self._file:
                    path.unlink()
        super().close()


def open_unix_socket(path: str, mode: int, *, reuse_port: bool = False) -> socket.socket:
    """Return a listening socket, non-blocking.

    Args:
        path: where it is to be.
        mode: of its file.
        reuse_port: whether it replaces one that another process listens at.

    Raises:
        OSError: another process listens there, the path is a file of another kind, or no socket can be made: the
            configuration's fault.
    """
    clear(path, whoever_listens=reuse_port)
    sock = UnixListener(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.take(path, mode)
    except BaseException:
        sock.close()
        raise
    return sock


def clear(path: str, *, whoever_listens: bool) -> None:
    """Remove a socket that nobody listens at, or any socket (rule 2); a file of another kind stays."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except OSError:
        return
    if whoever_listens or not is_listened_to(path):
        with suppress(FileNotFoundError):
            Path(path).unlink()


def is_listened_to(path: str) -> bool:
    """Whether a process takes connections at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(0)
        return caller.connect_ex(path) not in {errno.ECONNREFUSED, errno.ENOENT}


def identity(path: Path) -> tuple[int, int]:
    """Return what identifies a file."""
    status = path.lstat()
    return status.st_dev, status.st_ino
