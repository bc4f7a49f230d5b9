"""Webhooks as a back-end takes them: whether the push server has sent this, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from cometary.authentication.signature import is_genuine, read_secret
from cometary.errors import UsageError

Handler = Callable[[dict[str, Any]], object]

TYPES: Final = ("signon", "signoff", "failure", "receipt", "message")
"""What there is to be told of."""

LONGEST: Final = 16 << 20
"""Bytes that an event has at most; whoever reads it from a connection keeps to that."""


class Events:
    """Hands each event to the functions that are for its type.

    An event may come again, with the same `id`: if the answer to it was lost, or a function raised.

    Args:
        secret: What the push server signs with, `whsec_…`; None refuses everything.

    Raises:
        ValueError: `secret` is not one.
    """

    def __init__(self, secret: str | None) -> None:
        self._key = None if secret is None else read_secret(secret)
        self._handlers: dict[str, list[Handler]] = {kind: [] for kind in TYPES}

    def on(self, kind: str) -> Callable[[Handler], Handler]:
        """Have a function called with each event of a type: `signon`, `signoff`, `failure`, `receipt` or `message`.

        Raises:
            UsageError: There is no such type.
        """
        if kind not in self._handlers:
            raise UsageError(f"there is no event {kind!r}; there are {', '.join(TYPES)}")

        def add(handler: Handler) -> Handler:
            self._handlers[kind].append(handler)
            return handler

        return add

    def take(self, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """Check an event and hand it over; returns what is answered. What a handler raises is raised."""
        if self._key is None or not is_genuine(self._key, headers, body, time.time()):
            return HTTPStatus.UNAUTHORIZED
        event: dict[str, Any] = msgspec.json.decode(body)
        for handler in self._handlers.get(event["type"], ()):
            handler(event)
        return HTTPStatus.NO_CONTENT
