"""A session at the server of a module, for commands that are told of that server by their environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.sessions import ClientSession
from tests.servers import RunningServer

SECRET = "known-to-both"


@pytest.fixture
def session(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientSession]:
    """Be in a session at `server`, which the module has to have, with `SECRET`."""
    monkeypatch.setenv("COMETARY_SECRET", SECRET)
    monkeypatch.setenv("COMETARY_CONTROL", server.control.removeprefix("http://"))
    with ClientSession(server.comet) as session:
        yield session
