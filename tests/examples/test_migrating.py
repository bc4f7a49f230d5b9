"""What the pages on coming from elsewhere show: both sides run, and do the same for the same clients."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from queue import Queue
from typing import Any, Final

import pytest

from cometary.authentication import SignedToken
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server

socketio: Any = import_module("socketio")  # it has no types

PATIENCE: Final = 30
"""Seconds after which nothing more is going to come."""


@contextmanager
def python_socketio() -> Generator[str]:
    """Run the chat that is to move; gives its origin."""
    command = [sys.executable, "-m", "uvicorn", "examples.migrating.before_socketio:site", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError("uvicorn does not start")
        try:
            yield found[1]
        finally:
            process.kill()


@contextmanager
def cometary() -> Generator[str]:
    """Run the chat that has moved; gives its origin."""
    with running_server("examples.migrating.after_socketio:app", "--socketio", "/socket.io/") as server:
        yield server.origin


def connected(origin: str, token: str) -> tuple[Any, Queue[object]]:
    """Return a client that is in the kitchen, and what it hears there."""
    client: Any = socketio.Client()
    heard: Queue[object] = Queue()
    client.on("said/kitchen", heard.put)
    client.connect(origin, auth={"token": token}, transports=["websocket"])
    assert client.call("enter", "kitchen") == "entered"
    return client, heard


@pytest.mark.parametrize("chat", [python_socketio, cometary])
def test_clients_of_socketio_find_the_same_chat(chat: Any) -> None:
    with chat() as origin:
        ada, heard_by_ada = connected(origin, "t0")
        grace, heard_by_grace = connected(origin, "t1")
        ada.emit("say", ("kitchen", "Tea is ready."))
        assert heard_by_grace.get(timeout=PATIENCE) == {"user": "ada", "text": "Tea is ready."}
        grace.emit("say", ("kitchen", "I come."))
        assert heard_by_ada.get(timeout=PATIENCE) == {"user": "grace", "text": "I come."}, "and not its own"
        with pytest.raises(socketio.exceptions.ConnectionError):
            socketio.Client().connect(origin, auth={"token": "?"}, transports=["websocket"])
        ada.disconnect()
        grace.disconnect()


SAID = {"user": "ada", "text": "Tea is ready."}


def test_two_users_talk_in_the_room_of_channels() -> None:
    command = [sys.executable, "-m", "tests.examples.channels_room"]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == f"a stranger: websocket.close\nada: {SAID}\ngrace: {SAID}\n"


def test_two_users_talk_in_the_room_that_has_moved() -> None:
    secret = "a-secret-of-the-back-end-and-the-server"
    app = "examples.migrating.after_channels:app"
    tokens = SignedToken(secret)
    room = ("::connect", {"paths": ["room/kitchen"]})
    with (
        running_server(app, COMETARY_TOKEN_SECRET=secret) as server,
        ClientSession(server.comet, tokens.make("ada")) as ada,
        ClientSession(server.comet, tokens.make("grace")) as grace,
    ):
        for session in (ada, grace):
            session.exchange(room, hold=False)
        assert ada.hear(("room/kitchen", "Tea is ready.")) == [("room/kitchen", SAID)]
        assert grace.hear() == [("room/kitchen", SAID)]
