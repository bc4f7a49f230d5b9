"""The door of the manhole: who may come in, and what they find there.

At the prompt, `server` (what every door finds: `manager`, `hub`, `statistics()`, …), `sessions` (by public name),
`tree()`, `sys` (inspecting living actors) and `trio` are defined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

import trio

from cometary.actors import sys
from cometary.config.kinds import OWNER_ALONE
from cometary.config.section import Section, section_of
from cometary.doors.control.named import living_session
from cometary.doors.door import Door
from cometary.doors.manhole.conversation import Conversation, logger
from cometary.doors.manhole.settings import ManholeSection
from cometary.doors.manhole.visitors import check_place, may_come_in, user_of
from cometary.errors import ProtocolError
from cometary.sessions import Session
from cometary.supervision import ChildSpec, tree
from cometary.transport.net.unix import open_unix_socket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.doors.door import Inside

MOST: Final = 4
"""Prompts at one time; further visitors wait."""


class ManholeDoor(Door):
    """Offers a prompt at a Unix socket, if the operator wants one."""

    name: ClassVar[str] = "manhole"
    section: ClassVar[type[Section] | None] = ManholeSection

    def open(self, inside: Inside) -> None:
        """Prepare what is defined at the prompt.

        Raises:
            ConfigError: no socket can be made where the operator wants it; the operator's fault.
        """
        self._path = section_of(self.settings, ManholeSection).manhole
        if self._path is not None:
            check_place(self._path)
        self._places = trio.Semaphore(MOST)
        self._names = {
            "server": inside,
            "sessions": Sessions(inside),
            "tree": lambda: tree(inside.root()),
            "sys": sys,
            "trio": trio,
        }

    def children(self) -> Sequence[ChildSpec]:
        """Listen, if it is wanted."""
        return () if self._path is None else (ChildSpec("prompt", self._listen, (self._path,)),)

    async def _listen(self, path: str, *, task_status: trio.TaskStatus[None]) -> None:
        with open_unix_socket(path, OWNER_ALONE) as sock:
            twin = trio.socket.fromfd(
                sock.fileno(), sock.family, sock.type
            )  # Trio takes no subclass of a socket
            listener = trio.SocketListener(twin)
            task_status.started()
            await trio.serve_listeners(self._serve, [listener])  # which closes it

    async def _serve(self, stream: trio.SocketStream) -> None:
        async with stream, self._places:
            user = user_of(stream)
            if not may_come_in(user):
                logger.warning("refused", text=f"the user {user} may not use the manhole", user=user)
                return
            logger.info("opened", text="a prompt was opened in the manhole", user=user)
            await Conversation(stream, self._names, user).serve()
            logger.info("closed", text="a prompt was closed in the manhole", user=user)


class Sessions(Mapping[str, Session]):
    """The living sessions, by their public names, as they are now.

    Args:
        inside: the server.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def __getitem__(self, name: str) -> Session:
        try:
            return Session(living_session(self._inside.manager, name), self._inside.hub)
        except ProtocolError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter([keeper.name for keeper in self._inside.manager.directory])

    def __len__(self) -> int:
        return len(self._inside.manager.directory)

    def __repr__(self) -> str:
        return f"<{len(self)} sessions, by their names>"
