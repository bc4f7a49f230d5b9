"""STOMP as others speak it: stomp.py in each version, and @stomp/stompjs over TCP and over a WebSocket."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest
import stomp  # type: ignore[import-untyped]
import trio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cometary import server
from cometary.config import Address, Settings
from cometary.doors.stomp.conversation import Conversation
from cometary.doors.stomp.frames import Frame, encode
from cometary.doors.stomp.talk import AT_ONCE
from cometary.server import Running
from tests.certificates import issuer, make_files

SECRET = "the-secret-of-this-test"
HERE = Path(__file__).parent


@asynccontextmanager
async def serving(**tls: str) -> AsyncGenerator[Running]:
    free = Address("127.0.0.1", 0)
    settings: dict[str, Any] = {"stomp_websocket": "/stomp", "secret": SECRET, **tls}
    async with trio.open_nursery() as nursery:
        given = Settings(port=0, control=free, stomp=free, **settings)
        running = await nursery.start(server.serve, given, None)
        yield running
        running.stop()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as running:
        yield running


class Listener(stomp.ConnectionListener):  # type: ignore[misc]
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: Queue[Any] = Queue()

    def on_message(self, frame: Any) -> None:
        self.told.put((frame.headers["destination"], frame.body, frame.headers["message-id"]))

    def on_receipt(self, frame: Any) -> None:
        self.told.put(frame.headers["receipt-id"])

    def on_error(self, frame: Any) -> None:
        self.told.put(frame.headers["message"])


def talk(connection: Any) -> list[Any]:
    """Subscribe, send, acknowledge and leave; returns what was heard."""
    listener = Listener()
    connection.set_listener("", listener)
    connection.connect("any", SECRET, wait=True)
    connection.subscribe("/queue/jobs", id="1", ack="client-individual")
    connection.send("/queue/jobs", "é:\n", content_type="text/plain")
    heard = [listener.told.get(timeout=10)]
    connection.ack(heard[0][2], *(("1",) if connection.version == "1.1" else ()))
    transaction = connection.begin()
    connection.send("/queue/jobs", "1", transaction=transaction)
    connection.send("/queue/jobs", "2", transaction=transaction)
    connection.commit(transaction)
    heard += [listener.told.get(timeout=10) for _ in range(2)]
    connection.disconnect(receipt="bye")
    return [*heard, listener.told.get(timeout=10)]


@pytest.mark.parametrize(
    ("version", "kind"),
    [("1.0", stomp.Connection10), ("1.1", stomp.Connection11), ("1.2", stomp.Connection12)],
)
async def test_stomp_py_sends_hears_acknowledges_and_leaves(
    running: Running, version: str, kind: Any
) -> None:
    parts = urlsplit(running.urls["stomp"])
    connection = kind([(parts.hostname, parts.port)])
    assert connection.version == version
    *heard, left = await trio.to_thread.run_sync(talk, connection)
    assert [(destination, body) for destination, body, _ in heard] == [
        ("/queue/jobs", "é:\n"),
        ("/queue/jobs", "1"),
        ("/queue/jobs", "2"),
    ]
    assert left == "bye"


async def stompjs_speaks(running: Running, trusted: str = "") -> None:
    websocket = running.comet.replace("http", "ws", 1).replace("/comet", "/stomp")
    port = str(urlsplit(running.urls["stomp"]).port)
    command = ["node", str(HERE / "stompjs.mjs"), port, websocket, SECRET]
    with trio.fail_after(60):
        done = await trio.run_process(
            command, capture_stdout=True, env={**os.environ, "NODE_EXTRA_CA_CERTS": trusted}
        )
    assert [json.loads(line) for line in done.stdout.decode().splitlines()] == [
        ["tcp", "1.2", ["plain é", {"a": 1}, "a\0b"]],
        ["websocket", "1.2", ["plain é", {"a": 1}, "a\0b"]],
    ]


async def test_stompjs_speaks_over_tcp_and_over_a_websocket(running: Running) -> None:
    await stompjs_speaks(running)


async def test_it_speaks_over_tls_and_a_secure_websocket(tmp_path: Path) -> None:
    cert, key = make_files(tmp_path)
    trusted = tmp_path / "issuer.pem"
    trusted.write_bytes(issuer().cert_pem.bytes())
    async with serving(tls_cert=cert, tls_key=key, stomp_tls="on") as running:
        await stompjs_speaks(running, str(trusted))


async def test_a_frame_that_fails_in_its_turn_costs_its_own_connection_alone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Conversation.take

    def take_or_fail(self: Conversation, frame: Frame) -> None:
        if frame.headers.get("destination") == "fails":
            raise RuntimeError("this is not the client's fault")
        take(self, frame)

    monkeypatch.setattr(Conversation, "take", take_or_fail)
    url = running.comet.replace("http:", "ws:").replace("/comet", "/stomp")
    hello = encode("CONNECT", [("accept-version", "1.2"), ("passcode", SECRET)], "1.2")

    def last_word(destinations: list[str]) -> str:
        sent = [encode("SEND", [("destination", each), ("receipt", each)], "1.2") for each in destinations]
        with connect(url, subprotocols=[Subprotocol("v12.stomp")], open_timeout=20) as socket:
            socket.send(b"".join([hello, *sent]), text=True)
            with suppress(ConnectionClosed):
                while f"receipt-id:{destinations[-1]}" not in (heard := str(socket.recv(timeout=20))):
                    pass
                return heard
        return "closed"

    in_its_turn = [f"path/{number}" for number in range(2 * AT_ONCE)]
    assert await trio.to_thread.run_sync(last_word, [*in_its_turn, "fails"]) == "closed"
    assert "RECEIPT" in await trio.to_thread.run_sync(last_word, in_its_turn)
