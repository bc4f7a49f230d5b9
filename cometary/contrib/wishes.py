"""What a page asks of its own back-end: to connect its session to paths, or to disconnect it.

The JavaScript client posts `{"sid": …, "paths": […]}` to `connectUrl` and `disconnectUrl`. A status from 400 to 499
tells it that asking again would be refused again, and 503 that it should try later.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from cometary.connector import Connector
from cometary.contrib.rules import Rules, Who
from cometary.errors import ConnectorError, ControlError, UnknownSessionError

LONGEST: Final = 256 << 10
"""Bytes that a wish has at most; whoever reads it from a connection keeps to that."""


class Wish(msgspec.Struct):
    """What the page wants.

    Attributes:
        sid: The id of its session, which is a secret: whoever has it is the session.
        paths: Those that it wants to hear, or not any more.
    """

    sid: str
    paths: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]


_decode = msgspec.json.Decoder(Wish).decode


def read_wish(content_type: str | None, body: bytes) -> Wish | None:
    """Return what a page asks; None if that is not what clients send.

    A form of another site's page can post any text, with the user's cookies, but cannot call it JSON.
    """
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        return _decode(body) if len(body) <= LONGEST else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def connect(connector: Connector, rules: Rules[Who], who: Who, wish: Wish | None) -> HTTPStatus:
    """Connect a session to paths, if whoever asks may hear all of them.

    Raises:
        ControlError: The back-end's fault: its secret is wrong, for example.
    """
    if wish is None:
        return HTTPStatus.BAD_REQUEST
    if not all(rules.may_hear(who, path) for path in wish.paths):
        return HTTPStatus.FORBIDDEN
    return _tell(connector.connect, wish)


def disconnect(connector: Connector, wish: Wish | None) -> HTTPStatus:
    """Disconnect a session from paths, which needs no permission but its id.

    Raises:
        ControlError: See `connect`.
    """
    return HTTPStatus.BAD_REQUEST if wish is None else _tell(connector.disconnect, wish)


def _tell(call: Callable[[str, list[str]], object], wish: Wish) -> HTTPStatus:
    try:
        call(wish.sid, wish.paths)
    except UnknownSessionError:
        return HTTPStatus.NOT_FOUND
    except ConnectorError:
        return HTTPStatus.SERVICE_UNAVAILABLE
    except ControlError as error:
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            return HTTPStatus.SERVICE_UNAVAILABLE
        raise
    return HTTPStatus.NO_CONTENT
