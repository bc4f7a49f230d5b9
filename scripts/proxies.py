"""Run the server behind a real nginx, as it comes and as it should not be, and see what becomes of streams.

    make proxies

1.  `as it comes`: a bare `proxy_pass`, which speaks HTTP/1.0 to the server and buffers. Streams are on time all the
    same, since they say `X-Accel-Buffering: no`. An upgrade to a WebSocket does not come through, and is answered so.
2.  `held back`: buffering is forced, and compression with it. The hello of a stream does not come within three seconds,
    which is how a client finds out; it polls, in the same session, and nothing is lost.
3.  `documented`: what `docs/how-to/reverse-proxy.md` recommends, for this path; WebSockets come through, too.

It needs nginx (Debian: `apt-get install nginx-light`), which is no part of `make test`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import trio

from cometary.app import App
from cometary.chaos.shared import Target, find
from cometary.chaos.wire import READ, Wire
from cometary.client.streams import READERS
from cometary.config import Address, Settings
from cometary.server import serve
from cometary.sessions import Session
from cometary.transport.net.listener import open_sockets

HELLO: Final = 3.0
"""Seconds in which the hello of a stream has to come."""

LOCATIONS: Final = {
    "as it comes": "",
    "held back": "proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.1;"
    " gzip on; gzip_proxied any; gzip_types text/event-stream application/x-ndjson;",
    "documented": "proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 75s;"
    " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $wished_connection;",
}

NGINX: Final = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $wished_connection {{ default upgrade; "" ""; }}
    server {{
        listen 127.0.0.1:{port};
        location = /comet {{ proxy_pass {server}; proxy_set_header Host $http_host; {location} }}
    }}
}}
"""


@dataclass
class Seen:
    """What became of one thing behind one proxy."""

    name: str
    well: bool
    what: str


async def main() -> int:
    """Try all; returns the exit status."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        sys.stderr.write("nginx is not installed (Debian: apt-get install nginx-light)\n")
        return 2
    seen: list[Seen] = []
    app, sessions = App(), list[Session]()
    app.signon(sessions.append)
    async with trio.open_nursery() as nursery:
        settings = Settings(port=0, control=Address("127.0.0.1", 0), hosts=("*",), log_level="error")
        running = await nursery.start(partial(serve, doors=()), settings, app)
        for name, location in LOCATIONS.items():
            async with proxy(nginx, running.comet, location) as target:
                seen += [await try_stream(name, target, sessions, accept) for accept in READERS]
                seen.append(await try_upgrade(name, target))
        running.stop()
    for one in seen:
        print(f"{'ok  ' if one.well else 'FAIL'} {one.name}: {one.what}")
    return 0 if all(one.well for one in seen) else 1


@asynccontextmanager
async def proxy(nginx: str, server: str, location: str) -> AsyncGenerator[Target]:
    """Run nginx before the server; yields where it is."""
    (sock,) = await open_sockets("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(NGINX.format(folder=folder, port=port, server=server, location=location))
        command = [nginx, "-p", folder, "-e", f"{folder}/error.log", "-c", str(file)]
        process = await trio.lowlevel.open_process(command, stderr=subprocess.DEVNULL)
        try:
            yield await reached(f"http://127.0.0.1:{port}/comet")
        finally:
            process.terminate()
            await process.wait()


async def reached(url: str) -> Target:
    """Wait until the proxy listens."""
    for _ in range(100):
        try:
            return await find(url, anywhere=False)
        except Exception:  # noqa: BLE001 - not yet
            await trio.sleep(0.1)
    return await find(url, anywhere=False)


async def ask(target: Target, body: dict[str, object]) -> dict[str, Any]:
    """Make one request."""
    with closing(await Wire.connect(target)) as wire:
        await wire.send(target.request(json.dumps(body).encode()))
        answer: dict[str, Any] = json.loads((await wire.receive()).body)
    return answer


async def try_stream(name: str, target: Target, sessions: list[Session], accept: bytes) -> Seen:
    """Attach a stream, push, and, if nothing comes, poll."""
    what = accept.decode()
    sid = (await ask(target, {"rid": 1}))["sid"]
    while sessions[-1].sid != sid:
        await trio.lowlevel.checkpoint()
    with closing(await Wire.connect(target)) as wire:
        body = json.dumps({"sid": sid, "ack": 0}).encode()
        request = target.stream(accept, sid.encode(), 0, body)
        await wire.send(
            request.replace(b"\r\nAccept:", b"\r\nAccept-Encoding: gzip\r\nAccept:", 1)
        )  # as browsers do
        began, reader, got = trio.current_time(), READERS[accept](), list[Any]()
        with trio.move_on_after(HELLO):
            await wire.begin()
            while not any(body.packets for body in got):
                got += reader.feed(await wire.more())
                if len(got) == 1:
                    sessions[-1].send("news", 1)
            took = trio.current_time() - began
            return Seen(name, name != "held back", f"{what}: hello and a packet within {took * 1000:.0f} ms")
    sessions[-1].send("news", 1)
    answer = await ask(target, {"sid": sid, "rid": 2, "ack": 0})
    whole = not got and answer["packets"] == [{"path": "news", "message": 1}]
    return Seen(
        name, whole and name == "held back", f"{what}: no hello in 3 s; a poll got what there was: {whole}"
    )


async def try_upgrade(name: str, target: Target) -> Seen:
    """Ask for a WebSocket, whose upgrade comes through where somebody has seen to it."""
    head = b"GET" + target.head.removeprefix(b"POST").removesuffix(b"Content-Length: ")
    with closing(await Wire.connect(target)) as wire:
        await wire.send(
            b"%bConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: cometary.1\r\n\r\n"
            % head
        )
        status = int((await wire.read(READ)).split(maxsplit=2)[1])
    return Seen(name, status == (101 if name == "documented" else 426), f"WebSocket: {status}")


if __name__ == "__main__":
    sys.exit(trio.run(main))
