"""Controls: what a client asks the server itself for, on control paths.

Each is a question (`cometary.packets.question`): a client that is refused is told so, and why. They are handed over
like packets to the application's handlers, in order, and an authorizer that is async delays no push.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

from cometary.errors import RefusedError, UsageError
from cometary.packets.patterns import ANY_SEGMENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sized

    from cometary.app.permissions import Permissions
    from cometary.sessions import Session

T = TypeVar("T")

MOST_PATHS: Final = 500
"""Of one wish: each may be a question to the application."""

MOST_STARRED: Final = 20
"""Patterns with stars among them: each is compared with all that is granted, and with all positions."""

MOST_PRESENT: Final = 100
"""Members that a client is told of at a time."""


class Wish(msgspec.Struct):
    """The message of `::connect`; that of `::disconnect` has only paths."""

    paths: list[str]
    last: int = 0
    since: dict[str, str] | None = None


class Missed(msgspec.Struct):
    """The message of `::replay`."""

    since: dict[str, str]


class Whose(msgspec.Struct):
    """The message of `::presence`."""

    path: str
    most: Annotated[int, msgspec.Meta(ge=0, le=MOST_PRESENT)] = MOST_PRESENT


class Controls:
    """Does what clients ask for, where it is permitted.

    Args:
        permissions: says which paths a client may connect itself to.
    """

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions
        self.handlers: dict[str, Callable[..., Any]] = {
            "::connect": self.connect,
            "::disconnect": self.disconnect,
            "::replay": self.replay,
            "::presence": self.presence,
            "::peer": self.refuse,
            "::answer": self.answer,
        }

    def connect(self, session: Session, _path: str, message: object) -> object:
        """Connect a session to all the paths that its client names, or to none."""
        wish = read(message, Wish)
        check_number(wish.since or ())

        def connect() -> dict[str, object]:
            session.connect(*wish.paths, last=wish.last, since=wish.since)
            return {"paths": wish.paths}

        return self._if_permitted(session, wish.paths, connect)

    def disconnect(self, session: Session, _path: str, message: object) -> object:
        """Disconnect it from all of them; it may do so with those that it may connect itself to."""
        wish = read(message, Wish)

        def disconnect() -> dict[str, object]:
            session.disconnect(*wish.paths)
            return {"paths": wish.paths}

        return self._if_permitted(session, wish.paths, disconnect)

    def replay(self, session: Session, _path: str, message: object) -> object:
        """Replay what is kept of paths that a session is connected to, no matter who connected it."""
        since = read(message, Missed).since
        check_number(since)
        _made(lambda: session.replay(since))
        return {"paths": list(since)}

    def presence(self, session: Session, _path: str, message: object) -> object:
        """Tell who is on a path that the session hears."""
        asked = read(message, Whose)
        return _made(lambda: {"path": asked.path, **session.presence(asked.path, asked.most)})

    def answer(self, session: Session, _path: str, message: object) -> None:
        """Do nothing: an answer was taken when it came in, since the handler that waits for it holds up this one."""

    def refuse(self, _session: Session, _path: str, _message: object) -> None:
        """Refuse what no rule permits."""
        raise RefusedError("Clients may not send one another messages here.")

    def _if_permitted(self, session: Session, paths: list[str], do: Callable[[], T]) -> T | Awaitable[T]:
        check_number(paths)
        check_number([path for path in paths if ANY_SEGMENT in path], MOST_STARRED)
        refused = self._permissions.refused(session, paths)
        if inspect.isawaitable(refused):
            return _later(refused, do)
        check_none(refused)
        return _made(do)


async def _later(refused: Awaitable[list[str]], do: Callable[[], T]) -> T:
    check_none(await refused)
    return _made(do)


def _made(do: Callable[[], T]) -> T:
    try:
        return do()
    except UsageError as error:  # it is the client's: too many paths, or what is not a position
        raise RefusedError(str(error), "bad-request") from None


def read(message: object, kind: type[T]) -> T:
    """Read what a client wishes for.

    Raises:
        RefusedError: `bad-request`: it is not such a message; the client's fault.
    """
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError as error:
        raise RefusedError(f"The message does not fit this path: {error}.", "bad-request") from None


def check_number(paths: Sized, most: int = MOST_PATHS) -> None:
    """Check that no more paths are asked for than are allowed at a time.

    Raises:
        RefusedError: `bad-request`: there are too many; the client's fault.
    """
    if len(paths) > most:
        kind = "paths" if most == MOST_PATHS else "patterns with stars"
        raise RefusedError(f"One may ask for {most} {kind} at a time.", "bad-request")


def check_none(refused: list[str]) -> None:
    """Check that nothing is refused.

    Raises:
        RefusedError: `forbidden`, with the paths; the client's fault.
    """
    if refused:
        raise RefusedError("This client may not hear all of these paths.", paths=refused)
