"""Run the server behind a real nginx and a real Caddy that speak HTTP/2 to browsers, as the pages recommend them.

    make proxies

Each has its configuration from `examples/deployment`, with a port, a certificate and a server of this run in it. Over
one connection of HTTP/2 go more held requests, and more streams, at a time than browsers have connections of HTTP/1.1;
what is pushed has to come on each of them at once. WebSockets go by HTTP/1.1 beside it, as browsers have it.

It needs nginx, and Caddy (Debian: `apt-get install nginx-light caddy`), of which one that is missing is left out.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import trio
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cometary.app import App
from cometary.config import Address, Settings
from cometary.server import serve
from cometary.sessions import Session
from cometary.transport.net.listener import open_sockets
from tests.certificates import make_files, trusting

DEPLOYMENT: Final = Path(__file__).parent.parent / "examples/deployment"

ON_TIME: Final = 1.0
"""Seconds in which a packet has to come; a proxy that holds it back does so for longer."""

TABS: Final = 12
"""Sessions at a time: twice as many as browsers have connections of HTTP/1.1."""

NGINX: Final = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""

CADDY: Final = """
{{
    admin off
    auto_https disable_redirects
    storage file_system {folder}
}}
{site}
"""


def nginx_of(folder: Path, port: int, server: str) -> list[str]:
    """Write the configuration of nginx; returns the command."""
    cert, key = make_files(folder)
    site = (DEPLOYMENT / "nginx.conf").read_text().replace("127.0.0.1:8080", server)
    site = site.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    site = re.sub(r"/etc/ssl/\S+\.pem", cert, site)
    site = re.sub(r"/etc/ssl/\S+\.key", key, site)
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, site=site))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(file)]


def caddy_of(folder: Path, port: int, server: str) -> list[str]:
    """The same of Caddy."""
    cert, key = make_files(folder)
    site = (DEPLOYMENT / "Caddyfile").read_text().replace("127.0.0.1:8080", server)
    site = site.replace("www.example.org {", f"https://127.0.0.1:{port} {{\n\ttls {cert} {key}")
    file = folder / "Caddyfile"
    file.write_text(CADDY.format(folder=folder, site=site))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


PROXIES: Final = {"nginx": nginx_of, "caddy": caddy_of}


class Trial:
    """What is tried behind one proxy.

    Args:
        url: the endpoint there.
        sessions: those of the application, as they sign on.
    """

    def __init__(self, url: str, sessions: list[Session]) -> None:
        self._url = url
        self._sessions = sessions
        self._client = httpx.AsyncClient(http1=False, http2=True, verify=trusting(), timeout=20)

    async def run(self) -> list[str]:
        """Try all; returns what is wrong."""
        async with self._client:
            await self._reached()
            wrong = [
                *await self._several(self._try_poll, "a held request"),
                *await self._several(partial(self._try_stream, "application/x-ndjson"), "lines of JSON"),
                *await self._several(partial(self._try_stream, "text/event-stream"), "server-sent events"),
            ]
        if not await trio.to_thread.run_sync(self._try_websocket):
            wrong.append("a WebSocket")
        return wrong

    async def _reached(self) -> None:
        for _ in range(100):
            try:
                await self._client.get(self._url)
            except httpx.TransportError:
                await trio.sleep(0.1)
            else:
                return

    async def _several(self, attempt: Any, name: str) -> list[str]:
        late = list[str]()

        async def one() -> None:
            took = await attempt()
            if took > ON_TIME:
                late.append(f"{name} came after {took:.1f} s")

        async with trio.open_nursery() as nursery:
            for _ in range(TABS):
                nursery.start_soon(one)
        return late

    async def _open(self) -> Session:
        response = await self._client.post(self._url, json={"rid": 1})
        assert response.http_version == "HTTP/2"
        sid = response.json()["sid"]
        return next(session for session in self._sessions if session.sid == sid)

    async def _try_poll(self) -> float:
        session, since = await self._open(), trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._push_soon, session)
            answer = await self._client.post(self._url, json={"sid": session.sid, "rid": 2, "ack": 0})
        assert answer.json()["packets"] == [{"path": "news", "message": 1}]
        return trio.current_time() - since - SOON

    async def _try_stream(self, accept: str) -> float:
        session, since = await self._open(), trio.current_time()
        body, headers = {"sid": session.sid, "ack": 0}, {"Accept": accept}
        async with self._client.stream("POST", self._url, json=body, headers=headers) as response:
            text = ""
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._push_soon, session)
                async for piece in response.aiter_text():
                    text += piece
                    if '"message":1' in text:
                        break
        return trio.current_time() - since - SOON

    async def _push_soon(self, session: Session) -> None:
        await trio.sleep(SOON)
        session.send("news", 1)

    def _try_websocket(self) -> bool:
        url = self._url.replace("https", "wss")
        with connect(
            url, ssl=trusting(), subprotocols=[Subprotocol("cometary.1")], compression=None
        ) as socket:
            socket.send('{"rid":1}')
            return "sid" in json.loads(socket.recv(timeout=20))


SOON: Final = 0.2
"""Seconds after which there is something to push."""


@asynccontextmanager
async def proxy(name: str, server: str) -> AsyncGenerator[str]:
    """Run a proxy before the server; yields the endpoint's URL there."""
    (sock,) = await open_sockets("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()
    with TemporaryDirectory() as folder:
        command = PROXIES[name](Path(folder), port, server)
        process = await trio.lowlevel.open_process(command, stderr=subprocess.DEVNULL)
        try:
            yield f"https://127.0.0.1:{port}/comet"
        finally:
            process.terminate()
            await process.wait()


async def main() -> int:
    """Try each proxy that there is; returns the exit status."""
    app, sessions, failed = App(), list[Session](), False
    app.signon(sessions.append)
    async with trio.open_nursery() as nursery:
        settings = Settings(port=0, control=Address("127.0.0.1", 0), hosts=("*",), log_level="error")
        running = await nursery.start(partial(serve, doors=()), settings, app)
        address = running.comet.removeprefix("http://").removesuffix("/comet")
        for name in PROXIES:
            if shutil.which(name) is None and shutil.which(name, path="/usr/sbin") is None:
                sys.stdout.write(f"---- {name} is not installed\n")
                continue
            async with proxy(name, address) as url:
                wrong = await Trial(url, sessions).run()
            failed |= bool(wrong)
            verdict = f"FAIL {name}: {'; '.join(wrong)}" if wrong else f"ok   {name}: all on time"
            sys.stdout.write(f"{verdict}, HTTP/2, {TABS} sessions\n")
        running.stop()
    return int(failed)


if __name__ == "__main__":
    sys.exit(trio.run(main))
