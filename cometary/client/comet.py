"""A client for programs on Trio, in the shape of the JavaScript client: its `Comet` of the module `paths`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import httpx
import msgspec
import trio

from cometary.client.delivery import Delivery
from cometary.client.shapes import Present
from cometary.client.upkeep import Upkeep
from cometary.client.way import Way
from cometary.client.writing import listed, packed
from cometary.errors import AskError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from types import TracebackType

F = TypeVar("F", bound="Callable[..., Any]")

CLOSING: Final = 5.0
"""Seconds that the end of the block may take."""


class Comet:
    """A session with the push server, kept up while its `async with` block runs.

    The block begins when there is a session, and its end closes it. If the server wants no session of this client, or
    no further one, the block is cancelled and ends with a `ProtocolError`.

    Args:
        url: The endpoint, such as `http://127.0.0.1:8080/comet`.
        token: Returns what the server's authenticator is given, or a promise of it: at the start, in each new session
            and before a token expires.
        verify: The certificates that are trusted, as `httpx` takes them.
        resume: Whether the session is to outlive the server's process that has it, where the server records sessions
            (its option `sessions`).
        stream: Whether a stream carries what comes, as long as one can be had, rather than requests that are held.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], object] | None = None,
        verify: Any = True,
        resume: bool = False,
        stream: bool = False,
    ) -> None:
        self._url = url
        self._verify = verify
        self._delivery = Delivery(self._answer)
        self._upkeep = Upkeep(self._delivery, token, resume=resume, stream=stream)
        self._block: AbstractAsyncContextManager[None] | None = None

    # -- what is declared ---------------------------------------------------------------------

    def on(self, pattern: str) -> Callable[[F], F]:
        """Call `handler(message, path)` for every packet whose path a pattern covers, one after another.

        What the first handler returns is the answer, if the server asks.

        Raises:
            PatternError: it is not a pattern; the caller's fault.
            UsageError: the handler cannot be called like that; the same.
        """

        def declare(handler: F) -> F:
            self._delivery.on(pattern, handler)
            return handler

        return declare

    def gap(self, handler: F) -> F:
        """Call `handler(path)` where packets were missed: what they would have changed has to be loaded."""
        self._delivery.when("gap", handler, "path")
        return handler

    def reopened(self, handler: F) -> F:
        """Call `handler(reopened)` when another session has taken the place of one that was lost."""
        self._delivery.when("reopened", handler, "reopened")
        return handler

    def refused(self, handler: F) -> F:
        """Call `handler(refused)` when the server refuses packets; without a handler that is logged."""
        self._delivery.when("refused", handler, "refused")
        return handler

    # -- what is asked for --------------------------------------------------------------------

    @property
    def sid(self) -> str:
        """The session's id: a secret, since anyone who has it is this session.

        Raises:
            UsageError: there is no session; the caller's fault.
        """
        return self._upkeep.line.sid

    def send(self, path: str, message: object = None, *, receipt: str | None = None) -> None:
        """Send a packet, once and in order; returns before it is on its way.

        Args:
            path: Where to.
            message: Anything that JSON can carry, as it is now.
            receipt: The name for it in a packet on `::failed`, if the application fails on it.

        Raises:
            UsageError: the caller's fault: it is not a path that a client may send to, or the packet is too large.
            TypeError, ValueError: the same: JSON cannot carry the message.
            MailboxFullError: too much is waiting already; nothing has been sent.
        """
        self._upkeep.send(packed(path, message, receipt=receipt))

    async def ask(self, path: str, message: object = None, *, timeout: float = 30) -> Any:  # noqa: ASYNC109
        """Send a question, and return what the application's handler returns.

        Args:
            path: Where to.
            message: As for `send`.
            timeout: Seconds.

        Raises:
            AskError: there is no answer; `fault` says whose fault it is.
            UsageError, TypeError, ValueError, MailboxFullError: as `send` does.
        """
        return await self._upkeep.ask(path, message, timeout)

    async def connect(self, paths: str | Iterable[str]) -> None:
        """Ask the server for the updates of paths, and ask again in every later session.

        Where a path has a history, what was missed since its last packet is replayed then.

        Args:
            paths: One, or several.

        Raises:
            AskError: they are not granted, with the refused ones in `paths`, or the outcome is unknown.
            UsageError: one of them is not a path; the caller's fault.
        """
        given, wanted = listed(paths), self._upkeep.wanted
        added = [path for path in given if path not in wanted]
        wanted.update(dict.fromkeys(added))  # now: what is wanted last, holds
        try:
            while await self._outlived(self._upkeep.ask_for(given)):
                pass
        except AskError:
            for path in added:
                wanted.pop(path, None)
            raise

    async def disconnect(self, paths: str | Iterable[str]) -> None:
        """Stop asking for the updates of paths.

        Raises:
            AskError: as `connect` does.
            UsageError: the same.
        """
        given = listed(paths)
        for path in given:
            self._upkeep.wanted.pop(path, None)
        await self._outlived(
            self.ask("::disconnect", {"paths": given})
        )  # the next session starts with no paths

    async def presence(self, path: str, most: int = 100) -> Present:
        """Return who is on a path that this session hears.

        Args:
            path: The path.
            most: How many members are listed, up to 100; 0 for the count alone.

        Raises:
            AskError: as `ask` does.
        """
        return msgspec.convert(await self.ask("::presence", {"path": path, "most": most}), Present)

    async def send_to(self, name: str, path: str, message: object = None) -> None:
        """Send a message to another client, where the application permits it; there it comes on the path `::peer`.

        Args:
            name: The public name of that client's session.
            path: Any.
            message: As for `send`.

        Raises:
            AskError: as `ask` does.
        """
        await self.ask("::peer", {"to": name, "path": path, "message": message})

    # -- the session --------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._block = self._run()
        await self._block.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool | None:
        assert self._block is not None  # noqa: S101 - it was entered
        return await self._block.__aexit__(kind, error, frames)

    @asynccontextmanager
    async def _run(self) -> AsyncGenerator[None]:
        failure: Exception | None = None
        ended: list[ProtocolError] = []

        async def keep_up() -> None:
            ended.append(await self._upkeep.run(way))
            nursery.cancel_scope.cancel()

        async with httpx.AsyncClient(timeout=None, verify=self._verify, trust_env=False) as http:  # noqa: S113
            way = Way(http, self._url)
            await self._upkeep.open(way)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._delivery.run)
                nursery.start_soon(keep_up)
                try:
                    yield
                except Exception as error:  # noqa: BLE001 - it goes on, when the session is closed
                    failure = error
                self._upkeep.line.close()
                await trio.sleep(CLOSING)
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if ended and ended[0].members.get("reason") != "closed":
            raise ended[0]

    @staticmethod
    async def _outlived(asking: Awaitable[object]) -> bool:
        """Wait for an answer; returns whether the session was lost first."""
        try:
            await asking
        except AskError as error:
            if error.condition == "session-ended":
                return True
            raise
        return False

    def _answer(self, ask: str, how: dict[str, Any]) -> None:
        self._upkeep.answer(ask, how)
