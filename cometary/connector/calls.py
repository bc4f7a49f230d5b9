"""Each call of the control interface as a value: what is asked, and what is answered.

Both connectors perform these same values, so neither can know a call that the other does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One call.

    Attributes:
        method: The HTTP method.
        path: The URL path.
        body: What the request carries; None for nothing.
        answer: The type of the result.
        member: The member of the response's body that is the result; None for all of it.
    """

    method: Literal["GET", "POST"]
    path: str
    body: object
    answer: type[R]
    member: str | None = None


def update(path: str, message: object) -> Call[int]:
    """One update, to every session connected to `path`."""
    return Call("POST", "/update", _packet(path, message), int, "updates")


def updates(pairs: Iterable[tuple[str, object]]) -> Call[int]:
    """Several updates in one request."""
    return Call("POST", "/update", [_packet(*pair) for pair in pairs], int, "updates")


def connect(sid: str, paths: Iterable[str]) -> Call[list[str]]:
    """Connect a session to paths."""
    return Call("POST", "/connect", {"sid": sid, "paths": _listed(paths)}, list[str], "paths")


def disconnect(sid: str, paths: Iterable[str]) -> Call[list[str]]:
    """Disconnect a session from paths."""
    return Call("POST", "/disconnect", {"sid": sid, "paths": _listed(paths)}, list[str], "paths")


def send(sid: str, packets: Iterable[tuple[str, object]]) -> Call[int]:
    """Packets to one session, whatever it is connected to."""
    body = {"sid": sid, "packets": [_packet(*packet) for packet in packets]}
    return Call("POST", "/send", body, int, "packets")


def kick(sid: str) -> Call[dict[str, Any]]:
    """End a session."""
    return Call("POST", "/kick", {"sid": sid}, dict[str, Any])


def sessions() -> Call[list[dict[str, Any]]]:
    """List the sessions."""
    return Call("GET", "/sessions", None, list[dict[str, Any]], "sessions")


def tree() -> Call[dict[str, Any]]:
    """Ask for the supervision tree."""
    return Call("GET", "/tree", None, dict[str, Any])


def healthz() -> Call[str]:
    """Ask whether the server is well."""
    return Call("GET", "/healthz", None, str, "status")


def _packet(path: str, message: object) -> dict[str, object]:
    return {"path": path, "message": message}


def _listed(paths: Iterable[str]) -> list[str]:
    """Refuse the one string that is easily given where several are meant: it would be letters."""
    if isinstance(paths, str):
        raise TypeError("paths are several: write [path] for a single one")
    return list(paths)
