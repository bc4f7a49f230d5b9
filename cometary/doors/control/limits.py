"""What a call with lesser rights is refused: paths and calls that its secret is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from cometary.doors.control.shapes import (
    PacketBody,
    PathsToConnect,
    SessionPackets,
    SessionPaths,
    SessionQuestion,
)
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cometary.doors.control.rights import Rights
    from cometary.transport.http.exchange import Exchange

T = TypeVar("T")


def limit(rights: Rights, call: Callable[[Any], T], body: Any) -> T:
    """Make a call whose body has been read, if all its paths are within the rights.

    Raises:
        ProtocolError: `forbidden`, the caller's fault; nothing has changed.
    """
    for right, path in wanted(body):
        if not rights.cover(right, path):
            raise ProtocolError("forbidden", "this secret is not for one of these paths")
    return call(body)


def wanted(body: Any) -> Iterator[tuple[str, str]]:
    """Yield for which paths a call needs which right."""
    if isinstance(body, PacketBody):
        yield "update", body.path
    elif isinstance(body, list):
        for each in cast("list[object]", body):
            yield "update", path_of(each)
    elif isinstance(body, PathsToConnect | SessionPaths):
        for path in body.paths:
            yield "connect", path
    elif isinstance(body, SessionPackets):
        for packet in body.packets:
            yield "send", packet.path
    elif isinstance(body, SessionQuestion):
        yield "send", body.path


def path_of(update: object) -> str:
    """Return the path of an update in a batch, which may be anything; one without a path is refused later."""
    if isinstance(update, PacketBody):
        return update.path
    path = cast("dict[str, object]", update).get("path") if isinstance(update, dict) else None
    return path if isinstance(path, str) else ""


def refuse_right(_: Exchange) -> None:
    """Refuse a call that the secret is not for.

    Raises:
        ProtocolError: `forbidden`; the caller's fault.
    """
    raise ProtocolError("forbidden", "this secret is not for this call")
