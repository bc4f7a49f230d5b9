"""How long a push takes while views of a hosted application are slow: `python -m benchmarks.hosting`.

One process serves a session and a WSGI application; this one holds a request of the session, and has the views
called. What is sent carries the time, by a clock that both processes have in common.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import quantiles
from typing import IO, Any, Final, cast

import trio

from cometary import App, Session
from cometary.server import Running

VIEWS: Final = 8
PUSHES: Final = 1000
PAUSE: Final = 0.005
"""Seconds between two pushes."""

READY: Final = re.compile(r"cometary: comet http://127\.0\.0\.1:(\d+)/comet")

app = App()


@app.signon
def joined(session: Session) -> None:
    """Let the session hear the time."""
    session.connect("time")


@app.task
async def clock(_: Running) -> None:
    """Send the time, over and over."""
    while True:
        app.update("time", time.perf_counter())
        await trio.sleep(PAUSE)


def site(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Sleep for 50 ms, or compute for as long."""
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(0.05)
    elif environ["PATH_INFO"] == "/compute":
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            sum(range(1000))
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


@contextmanager
def server() -> Generator[int]:
    """Serve; yields the port."""
    command = [sys.executable, "-m", "cometary", "serve", "benchmarks.hosting:app", "--port", "0"]
    options = ["--control", "127.0.0.1:0", "--wsgi", "benchmarks.hosting:site", "--log-level", "error"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        (port,) = READY.findall(cast("IO[str]", process.stdout).readline())
        yield int(port)
        process.terminate()


def delays(port: int) -> list[float]:
    """Return how long pushes took, in microseconds."""
    connection = HTTPConnection("127.0.0.1", port)

    def ask(body: object) -> Any:
        connection.request("POST", "/comet", json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    sid, rid, ack, found = ask({"rid": 1})["sid"], 1, 0, list[float]()
    while len(found) < PUSHES:
        rid += 1
        answer = ask({"sid": sid, "rid": rid, "ack": ack})
        now = time.perf_counter()
        if answer["packets"]:
            ack = answer["seq"] + len(answer["packets"]) - 1
            found.append((now - answer["packets"][-1]["message"]) * 1e6)
    return found


def call_views(port: int, path: str, stopping: threading.Event) -> None:
    """Call a view over and over."""
    connection = HTTPConnection("127.0.0.1", port)
    while not stopping.is_set():
        connection.request("GET", path)
        connection.getresponse().read()


def main() -> None:
    """Measure, and print a table."""
    print("| views | p50 µs | p99 µs |\n| --- | --- | --- |")
    for path in ("", "/sleep", "/compute"):
        stopping = threading.Event()
        with server() as port:
            callers = [
                threading.Thread(target=call_views, args=(port, path, stopping))
                for _ in range(VIEWS if path else 0)
            ]
            for caller in callers:
                caller.start()
            found = quantiles(delays(port), n=100)
            stopping.set()
            for caller in callers:
                caller.join()
        print(f"| {path or 'none'} | {found[49]:.0f} | {found[98]:.0f} |")


if __name__ == "__main__":
    main()
