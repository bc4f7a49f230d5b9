"""The sender of webhooks: the shell around the queue of events, with the clock and the sockets.

1.  It is a child of the server's supervision tree, with tasks and connections of its own. The source of an event puts
    it into the queue and goes on; nothing that a back-end does can delay a session.
2.  The queue outlives a crash of the child: attempts under way are made again by the next incarnation.
3.  Only the operator's URL is ever asked for: no redirect is followed, no proxy taken from the
    environment. Only the status of an answer counts, and little of its body is read.
4.  The log names an event by its id and its type. It shows neither the URL, whose path may be a
    credential, nor what was sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import httpx
import trio

from cometary.authentication.signature import read_secret, signed_headers
from cometary.doors.webhooks.event_queue import Event, EventQueue
from cometary.log import get_logger
from cometary.supervision.restart_policy import Backoff

if TYPE_CHECKING:
    from cometary.doors.webhooks.settings import WebhookSettings

logger = get_logger("cometary.doors.webhooks")

BACKOFF: Final = Backoff(min=0.5, max=60.0, jitter=0.5)
"""How long an event waits for its next attempt."""

MOST_READ: Final = 16 << 10
"""Bytes of an answer's body that are read at most."""

QUIET: Final = 10.0
"""Seconds between two warnings that events are being dropped."""


class WebhookSender:
    """Sends events.

    Args:
        settings: where to, and how long and how often that is tried.
        backoff: how long an event waits for its next attempt.

    Raises:
        ValueError: the settings' secret is not one; the configuration's fault.
    """

    def __init__(self, settings: WebhookSettings, backoff: Backoff = BACKOFF) -> None:
        self._settings = settings
        self._key = read_secret(settings.secret)
        self._queue = EventQueue(
            lambda attempts: backoff.delay(attempts - 1),
            patience=settings.patience,
            concurrency=settings.connections,
            max_events=settings.max_waiting,
            max_bytes=settings.max_waiting_bytes,
        )
        self._changed = trio.Event()
        self._settled = trio.Event()
        self._quiet_until = 0.0

    def has_room(self, kind: str, size: int) -> bool:
        """Whether an event would be sent; see `EventQueue.has_room`."""
        return self._queue.has_room(kind, size)

    def post(self, event: Event) -> bool:
        """Have an event sent; on the loop. Drops it if too many wait, and returns False."""
        if self._queue.add(event):
            self._changed.set()
            return True
        if trio.current_time() >= self._quiet_until:
            self._quiet_until = trio.current_time() + QUIET
            dropped = self._queue.counts.dropped
            text = f"Too many webhook events wait; {dropped} were dropped so far"
            logger.warning("webhook events dropped", text=text, dropped=dropped)
        return False

    async def run(self) -> None:
        """Send events until cancelled; an async function for a supervisor."""
        self._queue.put_back()
        async with self._client() as client, trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                for event in self._queue.take(trio.current_time()):
                    nursery.start_soon(self._attempt, client, event)
                again = self._queue.next_time()
                with trio.move_on_at(float("inf") if again is None else again):
                    await self._changed.wait()

    async def flushed(self) -> None:
        """Wait until no event waits any more."""
        while len(self._queue):
            self._settled = trio.Event()
            await self._settled.wait()

    def close(self) -> None:
        """Say in the log how many events are lost, if any; nothing sends them any more."""
        if lost := len(self._queue):
            text = f"{lost} webhook events were not delivered before the server stopped"
            logger.warning("webhook events lost", text=text, lost=lost)

    def statistics(self) -> dict[str, int]:
        """Return how many events wait, and what has become of the others."""
        counts = self._queue.counts
        return {
            "webhooks_waiting": len(self._queue),
            "webhooks_delivered": counts.delivered,
            "webhooks_retried": counts.retried,
            "webhooks_given_up": counts.given_up,
            "webhooks_dropped": counts.dropped,
        }

    def _client(self) -> httpx.AsyncClient:
        most = self._settings.connections
        # The time-out of an attempt is Trio's; the client's would start anew for each part of it.
        return httpx.AsyncClient(
            timeout=None,  # noqa: S113 - see above
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )

    async def _attempt(self, client: httpx.AsyncClient, event: Event) -> None:
        problem = await self._send(client, event)
        if problem is None:
            self._queue.delivered(event)
        elif self._queue.failed(event, trio.current_time()):
            text = f"The webhook event {event.id} ({event.type}) was given up: {problem}"
            logger.warning(
                "webhook event given up",
                text=text,
                event_id=event.id,
                type=event.type,
                session=event.session,
                attempts=event.attempts,
                problem=problem,
            )
        self._changed.set()
        self._settled.set()

    async def _send(self, client: httpx.AsyncClient, event: Event) -> str | None:
        """Make one attempt; returns what went wrong."""
        status = None
        try:
            with trio.fail_after(self._settings.timeout):
                async with client.stream(
                    "POST", self._settings.url, content=event.body, headers=self._headers(event)
                ) as response:
                    status = response.status_code
                    await _read_if_short(response)
        except (httpx.HTTPError, trio.TooSlowError, OSError) as error:
            if status is None:  # else it has been answered, whatever became of the rest
                return type(error).__name__
        return None if httpx.codes.is_success(status) else f"status {status}"

    def _headers(self, event: Event) -> dict[str, str]:
        signed = signed_headers(self._key, event.id, int(time.time()), event.body)
        return {"content-type": "application/json", "user-agent": "cometary", **signed}


async def _read_if_short(response: httpx.Response) -> None:
    """Read the body to its end, so that the connection can be used again; a long one is left alone."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= MOST_READ:
        async for _ in response.aiter_raw():
            pass
