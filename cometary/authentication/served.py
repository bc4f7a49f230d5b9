"""Authenticators with something to keep up, such as connections, while the server runs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from cometary.sessions.admission import Authenticator

if TYPE_CHECKING:
    import trio


class ServedAuthenticator(Authenticator):
    """One of them; its `run` is a child of the server's supervision tree."""

    @abstractmethod
    async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
        """Run until cancelled.

        Args:
            task_status: told when judging may begin.
        """
