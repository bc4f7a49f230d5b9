"""A client in another language than the browser's: the whole comet protocol, on Trio and httpx.

python examples/python_client.py http://127.0.0.1:8080/comet
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import httpx
import trio

LATER = {"too-many-requests", "too-many-sessions", "shutting-down", "internal-error", "rid-out-of-window"}


class RefusedError(Exception):
    """The server has refused for good; the arguments are the condition and the whole answer."""


class Client:
    """One session. `handler(path, message)` gets every packet once and in order.

    `token()` gives a token for the server's authenticator: at the start, and again before one expires.
    """

    def __init__(
        self, url: str, handler: Callable[[str, Any], object], token: Callable[[], str | None] = lambda: None
    ) -> None:
        self._url, self._handler, self._new_token = url, handler, token
        self._token, self._token_is_new, self._bound = token(), False, False
        self._sid, self._rid, self._ack, self._unanswered, self._most = "", 1, 0, 0, 256
        self._packets: list[dict[str, object]] = []
        self._change = trio.Condition()

    async def send(self, path: str, message: object = None) -> None:
        """Send a packet once and in order; returns before it is on its way."""
        async with self._change:
            self._packets.append({"path": path, "message": message})
            self._change.notify_all()

    async def run(self) -> None:
        """Open a session and keep it up until it ends: a `RefusedError` in an exception group."""
        async with httpx.AsyncClient() as http, trio.open_nursery() as nursery:
            # Held for less than `die` less a time-out: a lost request is repeated before the session is given up.
            opening: dict[str, object] = {"rid": self._rid, "token": self._token, "wait": 25}
            opened = await self._post(http, opening, patience=10)
            self._sid, self._bound = opened["sid"], opened.get("bind") == "token"
            self._most = opened.get("packets", 256)
            for _connection in range(2):
                nursery.start_soon(self._exchange, http, opened["wait"] + 10)

    async def _exchange(self, http: httpx.AsyncClient, patience: float) -> None:
        """Do one connection's work: requests that the server holds, and requests that carry packets."""
        while True:
            async with self._change:
                while self._unanswered and not (self._packets or self._token_is_new):
                    await self._change.wait()  # the other connection's request is held: that will do
                self._unanswered += 1
                self._rid += 1
                request: dict[str, object] = {"rid": self._rid, "packets": self._packets[: self._most]}
                if self._token_is_new:
                    request["token"] = self._token
                self._packets, self._token_is_new = self._packets[self._most :], False
            answer = await self._post(http, request, patience)
            fresh = answer["packets"][self._ack + 1 - answer.get("seq", self._ack + 1) :]
            self._ack += len(fresh)
            for packet in fresh:
                if packet["path"] == "::token":
                    self._token, self._token_is_new = self._new_token(), True
                else:
                    self._handler(packet["path"], packet["message"])
            async with self._change:
                self._unanswered -= 1
                self._change.notify_all()

    async def _post(self, http: httpx.AsyncClient, request: dict[str, object], patience: float) -> Any:
        """Ask until there is an answer: the same request id each time, the newest acknowledgement."""
        pause = 0.1
        while True:
            session: dict[str, object] = {"sid": self._sid, "ack": self._ack} if self._sid else {}
            if self._bound:
                session["token"] = self._token
            try:
                response = await http.post(self._url, json={**request, **session}, timeout=patience)
            except httpx.TransportError:
                pass  # the request or its answer is lost; nobody knows which
            else:
                answer = comet_body(response)
                if answer is not None and response.is_success:
                    return answer
                if answer is not None and answer["error"] not in LATER:
                    raise RefusedError(answer["error"], answer)
                after = response.headers.get("Retry-After", "")
                pause = max(pause, min(float(after), 3600) if after.isdigit() else 0)
            await trio.sleep(pause * random.uniform(1, 1.5))  # noqa: S311 - not to come back all at once
            pause = min(pause * 2, 30)


def comet_body(response: httpx.Response) -> dict[str, Any] | None:
    """Return what the comet server says; None if it is a gateway that speaks, with a page of its own."""
    try:
        body: dict[str, Any] = response.json()
        ours = not {"sid", "packets", "error"}.isdisjoint(body) and (response.is_success or "detail" in body)
    except (ValueError, TypeError):  # not JSON, or no map
        return None
    return body if ours else None


async def main(url: str) -> None:
    """Say hello, and print all that comes."""
    client = Client(url, print)
    await client.send("say", "hello from Python")
    await client.run()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
