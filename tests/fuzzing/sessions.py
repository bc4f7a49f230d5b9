"""Sessions on the wires that are attacked, each opened in its own way: what stands for `SID` in the corpus."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from tests.fuzzing.bystander import open_session

HTTPBIND: Final = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'"
LAST_RID: Final = 2**53 - 1
SOCKETIO: Final = "/socket.io/?EIO=4&transport=polling"


async def ask(port: int, method: str, target: str, body: str = "") -> str:
    """Return what is answered to one request, on a connection of its own."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    received = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(f"{head}{body}".encode())
        async for data in stream:
            received += data
    return received.partition(b"\r\n\r\n")[2].decode()


async def by_csp(port: int) -> bytes:
    """Open one by the Comet Session Protocol."""
    return found(r'"session":"([^"]+)"', await ask(port, "POST", "/csp/handshake", "{}"))


async def by_socketio(port: int) -> bytes:
    """Open one by Socket.IO, polling, in the main namespace."""
    sid = found(r'"sid":"([^"]+)"', await ask(port, "GET", SOCKETIO))
    await ask(port, "POST", f"{SOCKETIO}&sid={sid.decode()}", "40")
    return sid


async def by_bosh(port: int) -> bytes:
    """Open one by BOSH."""
    body = f"<body {HTTPBIND} rid='1' to='localhost' wait='0' hold='0' ver='1.6' xmpp:version='1.0'/>"
    return found(r"sid=['\"]([^'\"]+)", await ask(port, "POST", "/http-bind", body))


async def leave_bosh(port: int, sid: bytes) -> None:
    """End a session of BOSH, if it still lives: a request from beyond the window ends it whatever was said before."""
    await ask(port, "POST", "/http-bind", f"<body {HTTPBIND} rid='{LAST_RID}' sid='{sid.decode()}'/>")


async def leave_alone(_port: int, _sid: bytes) -> None:
    """Let a session end by itself."""


def found(pattern: str, text: str) -> bytes:
    """Return what stands for the session in an answer.

    Raises:
        ValueError: there is nothing.
    """
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"there is no session in {text!r}")
    return match[1].encode()


OPEN: Final[Mapping[str, Callable[[int], Awaitable[bytes]]]] = {
    "comet": open_session,
    "control": open_session,
    "csp": by_csp,
    "socketio": by_socketio,
    "bosh": by_bosh,
}
"""By the interfaces of the corpus."""

LEAVE: Final[Mapping[str, Callable[[int, bytes], Awaitable[None]]]] = {"bosh": leave_bosh}
"""How a worker takes leave of its session. One of BOSH takes eight times the memory of one by CSP, for its connection
and its parser. Left alone there would be as many as the machine is fast, and their memory would pass for growth."""
