"""Crashes session actors of the server, through its control interface.

The server has that call only if its operator switched it on (`crash-calls`).
"""

from __future__ import annotations

import json
from typing import Final

import httpx
import trio

from cometary.errors import TargetError

MOST: Final = 1000
"""Crashes in one call."""


class Crashing:
    """Crashes one actor after the other.

    Args:
        control: the URL of the control interface.
        secret: its secret, if it has one.
        every: seconds between two crashes.
    """

    def __init__(self, control: str, secret: str | None, every: float) -> None:
        self._url = f"{control.rstrip('/')}/crash"
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._every = every
        self.crashed = 0

    async def run(self) -> None:
        """Crash actors until cancelled.

        Raises:
            TargetError: the server cannot be reached, or does not have the call.
        """
        async with httpx.AsyncClient(headers=self._headers, trust_env=False) as client:
            due = trio.current_time()
            while True:
                due += self._every
                await trio.sleep_until(due)
                late = int((trio.current_time() - due) / self._every)  # those that a busy machine left out
                due += late * self._every
                self.crashed += await self._call(client, min(1 + late, MOST))

    async def _call(self, client: httpx.AsyncClient, count: int) -> int:
        try:
            response = await client.post(self._url, json={"count": count})
        except httpx.HTTPError as error:
            raise TargetError(f"{self._url} cannot be called: {error}") from None
        if not response.is_success:
            raise TargetError(
                f"{self._url} is refused ({response.status_code}): the server needs the option crash-calls"
            )
        return int(json.loads(response.content)["crashed"])
