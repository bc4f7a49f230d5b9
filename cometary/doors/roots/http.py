"""Dudley and Imperio over HTTP: messages of back-ends, with Roots' own answers, byte for byte, or valid JSON.

Where there is a secret, those who show it (`Authorization: Bearer …`) may say control messages as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote_to_bytes

from cometary.doors.roots.forest import Forest, outcome
from cometary.doors.roots.imperio import split
from cometary.errors import ProtocolError
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange

LITERAL: Final = {"sent": b"{sent:true}", "success": b"{success:true}", "error": b"{error:true}"}
VALID: Final = {name: b'{"%b":true}' % name.encode() for name in LITERAL}


class _Endpoint:
    """What both have in common.

    Args:
        forest: takes messages.
        answers: `LITERAL` or `VALID`.
        legacy: whether lines are split as Roots did.
    """

    def __init__(self, forest: Forest, answers: dict[str, bytes], *, legacy: bool = False) -> None:
        self.id = forest.id
        self._forest = forest
        self._answers = answers
        self._legacy = legacy

    def _is_authorized(self, exchange: Exchange) -> bool:
        given = exchange.headers.get(b"authorization", b"").decode("latin-1")
        return self._forest.is_authorized(given.removeprefix("Bearer "))

    def _answer(self, exchange: Exchange, word: str) -> Callable[[Exception | None], None]:
        def answer(error: Exception | None) -> None:
            exchange.respond(200, self._answers["error" if error else word])

        return answer


class DudleyEndpoint(_Endpoint):
    """`POST` anywhere: `[{"path": …, "message": …}, …]`; entries that lack either are left out."""

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: `method-not-allowed`; the client's fault.
        """
        if exchange.method != "POST":
            raise ProtocolError("method-not-allowed", "Dudley takes POST.")
        taken = None
        try:
            for entry in _entries(exchange.body):
                if "path" in entry and "message" in entry:
                    taken = self._say(entry, exchange)
        except ProtocolError as error:
            self._answer(exchange, "success")(error)
        else:
            outcome(taken, self._answer(exchange, "success"))

    def _say(self, entry: dict[str, Any], exchange: Exchange) -> Any:
        path = entry["path"]
        if not isinstance(path, str):
            raise ProtocolError("bad-request", "a path is text")
        return self._forest.say(self, path, entry["message"], authorized=self._is_authorized(exchange))


def _entries(body: bytes) -> list[dict[str, Any]]:
    """Return the entries of a body that are objects."""
    entries: Any = json.decode(body)
    if not isinstance(entries, list):
        raise ProtocolError("bad-request", "it is not a list")
    listed = cast("Sequence[Any]", entries)
    return [entry for entry in listed if isinstance(entry, dict)]


class ImperioEndpoint(_Endpoint):
    """`GET /path;message`, percent-encoded."""

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, and close the connection.

        Raises:
            ProtocolError: `method-not-allowed`; the client's fault.
        """
        if exchange.method != "GET":
            raise ProtocolError("method-not-allowed", "Imperio takes GET.")
        if b"sec-fetch-site" in exchange.headers:  # any page may have a browser ask for an image here
            raise ProtocolError("forbidden", "This is for back-ends, not for browsers.")
        exchange.closing = True
        target = exchange.path.encode("latin-1") + (b"?" + exchange.query if exchange.query else b"")
        try:
            line = unquote_to_bytes(target).removeprefix(b"/").decode()
            path, message = split(line, legacy=self._legacy)
            taken = self._forest.say(self, path, message, authorized=self._is_authorized(exchange))
        except (ProtocolError, UnicodeDecodeError) as error:
            self._answer(exchange, "sent")(error)
        else:
            outcome(taken, self._answer(exchange, "sent"))
