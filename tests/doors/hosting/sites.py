"""WSGI applications, each of which does one thing to whoever serves it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], object]]

TEXT = ("Content-Type", "text/plain")
CHUNK = 64 * 1024

seen: list[Environ] = []
pulled: list[int] = []
closed = threading.Event()
go_on = threading.Event()


def text(environ: Environ, start: Start) -> Iterable[bytes]:
    """Note the request, and send back its body."""
    seen.append(environ)
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start("200 OK", [TEXT, ("Content-Length", str(len(body)))])
    return [body]


checked = validator(text)


class Endless:
    """A body that never ends, and notes how much of it was asked for."""

    def __iter__(self) -> Iterator[bytes]:
        for number in range(1_000_000):
            pulled.append(number)
            yield b"x" * CHUNK

    def close(self) -> None:
        closed.set()


def site(environ: Environ, start: Start) -> Iterable[bytes]:  # noqa: C901, PLR0911, PLR0912 - a table
    """Do what the path says."""
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("a view that fails")
    if path == "/exit":
        raise SystemExit(3)
    if path == "/silent":
        return []
    if path == "/endless":
        start("200 OK", [TEXT])
        return Endless()
    if path == "/wait":
        go_on.wait()
        start("200 OK", [TEXT])
        return [b"waited"]
    if path == "/pieces":
        start("200 OK", [TEXT])
        return pieces()
    if path == "/half":
        start("200 OK", [TEXT])
        return half()
    if path in {"/short", "/long"}:
        start("200 OK", [TEXT, ("Content-Length", "10")])
        return iter([b"12345", b"6789" if path == "/short" else b"67890123"])
    if path == "/sized":
        start("200 OK", [TEXT, ("Content-Length", "10"), ("ETag", '"1"')])
        return iter([] if environ["REQUEST_METHOD"] == "HEAD" else [b"12345", b"67890"])
    if path == "/write":
        write = start("200 OK", [TEXT])
        write(b"by ")
        write(b"hand")
        return []
    if path == "/upload":
        return upload(environ, start)
    if path == "/ignore":
        start("200 OK", [TEXT])
        return [b"as you like"]
    if path == "/cookies":
        start("302 Found", [("Location", "/text"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return [b""]
    if path == "/known":
        start("304 Not Modified", [("ETag", '"1"')])
        return []
    start("404 Not Found", [TEXT])
    return [b"not here"]


def upload(environ: Environ, start: Start) -> Iterable[bytes]:
    """Read a long body bit by bit, and tell what it was."""
    digest, total = hashlib.sha256(), 0
    try:
        while piece := environ["wsgi.input"].read(10_000):
            digest.update(piece)
            total += len(piece)
            pulled.append(total)
    except OSError:
        closed.set()
        raise
    start("200 OK", [TEXT])
    return [f"{total} {digest.hexdigest()}".encode()]


def pieces() -> Iterator[bytes]:
    """Wait before the second piece until the first has come."""
    yield b"first"
    go_on.wait()
    yield b"second"


def half() -> Iterator[bytes]:
    yield b"half of it"
    raise ValueError("a view that fails half-way")


not_callable = 5
