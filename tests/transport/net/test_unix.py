"""Listening Unix sockets: whose they are, what becomes of their files, and what of those that others left."""

from __future__ import annotations

import errno
import socket
import stat
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from cometary.transport.net.unix import open_unix_socket


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "push.sock"


def call(path: Path) -> int:
    """Return how a call at the path ends: 0 if it is taken."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path))


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_its_file_has_the_mode_that_was_given_and_goes_with_it(path: Path, mode: int) -> None:
    with closing(open_unix_socket(str(path), mode)) as sock:
        assert stat.S_IMODE(path.lstat().st_mode) == mode
        assert sock.gettimeout() == 0
        assert call(path) == 0
        sock.dup().close()
        assert call(path) == 0
    assert not path.exists()


def test_one_that_was_left_behind_is_taken_away(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert call(path) == errno.ECONNREFUSED
    with closing(open_unix_socket(str(path), 0o600)):
        assert call(path) == 0


def test_one_that_is_listened_to_is_left_alone(path: Path) -> None:
    with closing(open_unix_socket(str(path), 0o600)):
        with pytest.raises(OSError, match="in use"):
            open_unix_socket(str(path), 0o600)
        assert call(path) == 0


def test_one_whose_callers_have_to_wait_is_listened_to_and_nobody_waits_with_them(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as callers:
        listening.bind(str(path))
        listening.listen(0)
        for ended in (0, errno.EAGAIN):
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            assert caller.connect_ex(str(path)) == ended
        with pytest.raises(OSError, match="in use"):
            open_unix_socket(str(path), 0o600)


def test_one_that_is_listened_to_is_followed_if_that_was_said(path: Path) -> None:
    first = open_unix_socket(str(path), 0o600)
    with closing(open_unix_socket(str(path), 0o600, reuse_port=True)) as second:
        first.close()  # and leaves the file, which is not its own any more
        assert call(path) == 0
        second.accept()[0].close()


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_file_of_another_kind_is_left_alone(path: Path, *, reuse_port: bool) -> None:
    path.write_text("a user's")
    with pytest.raises(OSError, match="in use"):
        open_unix_socket(str(path), 0o600, reuse_port=reuse_port)
    assert path.read_text() == "a user's"


def test_where_there_is_no_directory_there_is_no_socket(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_unix_socket(str(path / "below"), 0o600)
