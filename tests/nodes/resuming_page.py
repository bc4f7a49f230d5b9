"""A client whose session goes on at another node, and that sees everything that comes, as it comes."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.nodes.house import Node
from tests.workers.house import Page


class ResumingPage:
    """One session; nothing that comes twice is left out.

    Args:
        node: where it is opened.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        opened = node.ask(b'{"rid": 1, "resume": true, "wait": 0.2}')
        self._page = Page(opened["sid"])
        self._generation: int = opened["gen"]
        self._at: str | None = None
        self.come: list[dict[str, Any]] = []

    @property
    def sid(self) -> str:
        """The session's id."""
        return self._page.sid

    def ask(self, *packets: tuple[str, Any], seconds: float = 15) -> None:
        """Make the next request, again and again until it is answered, and take what comes."""
        place = {} if self._at is None else {"at": self._at}
        body = self._page.request(*packets, gen=self._generation, done=self._page.rid, **place)
        until = time.monotonic() + seconds
        while (answer := self._try(body)).get("error") == "shutting-down":
            assert time.monotonic() < until
            time.sleep(0.02)
        assert "error" not in answer, answer
        if answer["gen"] >= self._generation:
            self._generation = answer["gen"]
            self.come += answer["packets"]
            self._at = answer.get("at", self._at)
            self._page.take(answer)

    def _try(self, body: bytes) -> dict[str, Any]:
        try:
            return self.node.ask(body)
        except (OSError, httpx.HTTPError):
            return {"error": "shutting-down"}

    def close(self) -> None:
        """End the session."""
        self.node.ask(self._page.request(gen=self._generation, done=self._page.rid, close=True, at=self._at))

    def hears(self, path: str, last: object, seconds: float = 15) -> list[Any]:
        """Wait until a message of a path has come; returns all that has come of it."""
        until = time.monotonic() + seconds
        while last not in (heard := self.heard(path)):
            assert time.monotonic() < until, heard[-5:]
            self.ask()
        return heard

    def heard(self, path: str) -> list[Any]:
        """Return the messages of a path."""
        return [packet["message"] for packet in self.come if packet["path"] == path]

    @property
    def gaps(self) -> list[str]:
        """The paths on which something is missing."""
        return [message["path"] for message in self.heard("::gap")]
