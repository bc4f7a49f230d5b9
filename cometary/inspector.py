"""The inspector for programs that use actors and supervisors only, and have no server.

    async with system(), supervise(children) as root, inspecting(root) as page:
        print(page)

The page is in `cometary.doors.inspector`; here a control interface with that page runs in the program's own actor
system, without the rest of a server.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.actors.system import actor_meant
from cometary.app import App
from cometary.doors.control.door import ControlDoor
from cometary.doors.inspector.site import PREFIX
from cometary.server.tree import Server
from cometary.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cometary.actors.names import Whom

__all__ = ["inspecting"]

HERE: Final = "127.0.0.1:8081"


@asynccontextmanager
async def inspecting(root: Whom, *, control: str = HERE, secret: str | None = None) -> AsyncGenerator[str]:
    """Show the supervision tree below a supervisor in the inspector, for the length of the `async with`.

    Args:
        root: the supervisor: its reference or its name.
        control: where the page is, host and port; port 0 for any free one. All calls of the control interface are
            there as well.
        secret: what a page, and each call, has to present; required off loopback.

    Yields:
        The URL of the page.

    Raises:
        ActorEndedError: nobody has the name; ChildStateError: it is not a running supervisor; the caller's fault.
        ConfigError: the address is not valid, or off loopback without a secret; the caller's fault.
        OSError: the server cannot listen there; the environment's fault.
    """
    ref = actor_meant(root)
    given: dict[str, Any] = {"control": control, **({} if secret is None else {"secret": secret})}
    server = Server(
        load(given, {}), App(), None, ref.actor_inbox.system, doors=[ControlDoor], listens=False, shows=ref
    )
    async with server.running(trio.Event()) as running:
        try:
            yield running.control + PREFIX
        finally:
            with trio.CancelScope(shield=True):
                await server.stop()
