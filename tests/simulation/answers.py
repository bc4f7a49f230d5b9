"""Reads the answers on one connection of a page."""

from __future__ import annotations

from typing import NamedTuple

import httptools


class Answer(NamedTuple):
    """An answer that is complete."""

    status: int
    body: bytes
    kept: bool
    """Whether the connection outlives it."""


class AnswerReader:
    """Puts answers together from the pieces in which they come."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._complete: Answer | None = None

    def feed(self, data: bytes) -> Answer | None:
        """Take a piece; returns the answer that it completes, if any."""
        self._parser.feed_data(data)
        complete, self._complete = self._complete, None
        return complete

    # -- what the parser calls ---------------------------------------------------------------------

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        assert self._complete is None, "two answers where one was asked for"
        parser = self._parser
        self._complete = Answer(
            parser.get_status_code(), b"".join(self._body), kept=parser.should_keep_alive()
        )
        self._body.clear()
