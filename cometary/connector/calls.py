"""Each call of the control interface as a value: what is asked, and what is answered.

Both connectors perform these same values, so neither can know a call that the other does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar, Unpack, cast
from urllib.parse import urlencode

import msgspec

from cometary.errors import AskError, UsageError

R = TypeVar("R")

Update = tuple[str, object] | Mapping[str, object]
"""A path and a message; or a map with `path`, `message` and all that the sender wishes for it."""

PAIR: Final = 2
"""A path and a message."""


class Wishes(TypedDict, total=False):
    """What a sender may wish for a packet; None is the same as no wish.

    Attributes:
        receipt: The id for receipts that say what has become of it.
        ttl: Seconds that it waits unsent at most; unless given, as the path's contract says.
        key: What it is conflated and counted with; unless given, as the path's contract says.
    """

    receipt: str | None
    ttl: float | None
    key: str | None


class UpdateWishes(Wishes, total=False):
    """What a sender may wish for an update.

    Attributes:
        exclude: The id of a session that does not get it.
        idempotency_key: A text of the caller's own: with it the same update is sent once, however often it is
            called within five minutes. So after a `ConnectorError` it may be repeated.
    """

    exclude: str | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One call.

    Attributes:
        method: The HTTP method.
        path: The URL path.
        body: What the request carries; None for nothing.
        answer: The type of the result.
        member: The member of the response's body that is the result; None for all of it.
        wait: Seconds that the server may hold the request before it answers.
        repeatable: Whether it takes effect once however often it is made.
    """

    method: Literal["GET", "POST"]
    path: str
    body: object
    answer: type[R]
    member: str | None = None
    wait: float = 0
    repeatable: bool = False


class ReceiptPage(msgspec.Struct, frozen=True):
    """Receipts, and where to read on.

    Attributes:
        receipts: The next ones, in order, each a dict with `id`, `outcome`, `path` and more.
        cursor: What to ask with for those that come after.
        missed: How many came before these and are no longer kept.
    """

    receipts: list[dict[str, Any]]
    cursor: str
    missed: int


class PresencePage(msgspec.Struct, frozen=True):
    """Who is on a path.

    Attributes:
        count: How many there are.
        members: The first of them, each a dict with `name`, and `shown` if the application shows anything.
    """

    count: int
    members: list[dict[str, Any]]


class HistoryPage(msgspec.Struct, frozen=True):
    """What is kept of a path.

    Attributes:
        packets: In the order of publishing, each a dict with `path`, `message` and its position, `at`.
        at: The position to read on from; None if the path has no history.
        complete: Whether nothing that was published in between is missing.
    """

    packets: list[dict[str, Any]]
    at: str | None
    complete: bool


def update(path: str, message: object, **wishes: Unpack[UpdateWishes]) -> Call[int]:
    """One update, to every session connected to `path`."""
    body = {**_packet(path, message), **_given(wishes, UpdateWishes.__optional_keys__)}
    return Call("POST", "/update", body, int, "updates", repeatable="idempotency_key" in body)


def updates(pairs: Iterable[tuple[str, object]]) -> Call[int]:
    """Several updates in one request."""
    return Call("POST", "/update", [_packet(*pair) for pair in _pairs(pairs)], int, "updates")


def batch(items: Iterable[Update]) -> Call[list[dict[str, Any]]]:
    """Several updates in one request, each by itself."""
    bodies = [dict(item) if isinstance(item, Mapping) else _packet(*_pairs([item])[0]) for item in items]
    repeatable = all(body.get("idempotency_key") is not None for body in bodies)
    return Call("POST", "/batch", bodies, list[dict[str, Any]], "results", repeatable=repeatable)


def connect(
    sid: str, paths: Iterable[str], last: int = 0, since: Mapping[str, str] | None = None
) -> Call[list[str]]:
    """Connect a session to paths, and replay what is kept of them."""
    body: dict[str, object] = {"sid": sid, "paths": _listed(paths)}
    if last:
        body["last"] = last
    if since is not None:
        body["since"] = dict(since)
    return Call("POST", "/connect", body, list[str], "paths")


def presence(path: str, most: int) -> Call[PresencePage]:
    """Ask who is on a path."""
    return Call("POST", "/presence", {"path": path, "most": most}, PresencePage)


def history(path: str, last: int, since: str | None) -> Call[HistoryPage]:
    """Ask for what is kept of a path."""
    body: dict[str, object] = {"path": path, "last": last}
    if since is not None:
        body["since"] = since
    return Call("POST", "/history", body, HistoryPage)


def disconnect(sid: str, paths: Iterable[str]) -> Call[list[str]]:
    """Disconnect a session from paths."""
    return Call("POST", "/disconnect", {"sid": sid, "paths": _listed(paths)}, list[str], "paths")


def send(sid: str, packets: Iterable[tuple[str, object]], **wishes: Unpack[Wishes]) -> Call[int]:
    """Packets to one session, whatever it is connected to."""
    given = _given(wishes, Wishes.__optional_keys__)
    bodies = [{**_packet(path, message), **given} for path, message in _pairs(packets)]
    return Call("POST", "/send", {"sid": sid, "packets": bodies}, int, "packets")


def ask(sid: str, path: str, message: object, timeout: float) -> Call[dict[str, Any]]:
    """A question to the client of a session."""
    body = {"sid": sid, "path": path, "message": message, "timeout": timeout}
    return Call("POST", "/ask", body, dict[str, Any], wait=timeout)


def answer(told: dict[str, Any]) -> Any:
    """Return the value of an answer.

    Raises:
        AskError: there is no answer; it says whose fault that is.
    """
    if "error" in told:
        raise AskError(str(told.get("fault")), str(told["error"]), str(told.get("detail")))
    return told.get("value")


def kick(sid: str | None, name: str | None) -> Call[dict[str, Any]]:
    """End a session."""
    if (sid is None) == (name is None):
        raise UsageError("kick: say whom by the sid or by the name, by one of them")
    return Call("POST", "/kick", {"name": name} if sid is None else {"sid": sid}, dict[str, Any])


def sessions() -> Call[list[dict[str, Any]]]:
    """List the sessions."""
    return Call("GET", "/sessions", None, list[dict[str, Any]], "sessions")


def statistics() -> Call[dict[str, int]]:
    """Ask what has become of all packets."""
    return Call("GET", "/statistics", None, dict[str, int])


def receipts(after: str | None, wait: float) -> Call[ReceiptPage]:
    """Ask for receipts, and wait if there are none yet."""
    query = {"wait": f"{wait:g}"} if after is None else {"after": after, "wait": f"{wait:g}"}
    return Call("GET", f"/receipts?{urlencode(query)}", None, ReceiptPage, wait=wait)


def tree() -> Call[dict[str, Any]]:
    """Ask for the supervision tree."""
    return Call("GET", "/tree", None, dict[str, Any])


def healthz() -> Call[str]:
    """Ask whether the server is well."""
    return Call("GET", "/healthz", None, str, "status")


def _packet(path: str, message: object) -> dict[str, object]:
    return {"path": path, "message": message}


def _given(wishes: Mapping[str, object], known: frozenset[str]) -> dict[str, object]:
    """Return the wishes that are given. One that is unknown is refused here, since the server would pass over it."""
    for name in wishes:
        if name not in known:
            raise TypeError(f"there is no wish {name!r}; there are {', '.join(sorted(known))}")
    return {name: value for name, value in wishes.items() if value is not None}


def _listed(paths: Iterable[str]) -> list[str]:
    """Refuse the one string that is easily given where several are meant: it would be letters."""
    if isinstance(paths, str):
        raise TypeError("paths are several: write [path] for a single one")
    return list(paths)


def _pairs(packets: Iterable[tuple[str, object]]) -> list[tuple[str, object]]:
    """Refuse a single pair, which is easily given where several are meant, and what is not a pair."""
    listed: list[Any] = list(packets)
    for pair in listed:
        if not isinstance(pair, tuple | list) or len(cast("Any", pair)) != PAIR:
            raise TypeError("packets are several: write [(path, message)] for a single one")
    return listed
