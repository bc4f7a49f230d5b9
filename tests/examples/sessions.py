"""A client of the comet endpoint for plain (not async) tests: one request at a time."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx


class ClientSession:
    """One session; it is open when the object is made.

    Args:
        url: the endpoint.
        token: for the server's authenticator.

    Attributes:
        opened: the answer to the opening request: the session's parameters, or an error.
    """

    def __init__(self, url: str, token: object = None) -> None:
        self._http = httpx.Client(trust_env=False, timeout=30)
        self._url = url
        self._rid = 1
        self._ack = 0
        self.opened = self._post({"rid": 1, "token": token})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def sid(self) -> str:
        """The session's secret id."""
        sid: str = self.opened["sid"]
        return sid

    def exchange(self, *packets: tuple[str, object], **members: object) -> Any:
        """Send packets; returns the whole answer. What it holds is acknowledged by the next request."""
        self._rid += 1
        sent = [{"path": path, "message": message} for path, message in packets]
        answer = self._post({"sid": self.sid, "rid": self._rid, "ack": self._ack, "packets": sent, **members})
        self._ack += len(answer.get("packets", ()))
        return answer

    def hear(self, *packets: tuple[str, object]) -> list[tuple[str, object]]:
        """Send packets; returns those that come back."""
        return [(packet["path"], packet["message"]) for packet in self.exchange(*packets)["packets"]]

    def _post(self, body: dict[str, object]) -> Any:
        return self._http.post(self._url, json=body).json()
