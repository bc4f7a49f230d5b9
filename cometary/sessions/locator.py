"""Where a session is: here, at another node, or nowhere any longer.

1.  The gate, and the hub where it is given an id, ask one locator. On a server by itself that is the directory of its
    sessions (`cometary.sessions.directory`), for which each session is here or gone.
2.  Asking never waits: who has to be asked elsewhere is found out by what passes the request on to there.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from cometary.errors import ElsewhereError, ProtocolError
from cometary.sessions.events import session_ended
from cometary.sessions.keeper import SessionKeeper  # at run time, too: Here, once compiled, is made with it


class Here(NamedTuple):
    """The session lives here.

    Attributes:
        keeper: keeps it.
    """

    keeper: SessionKeeper


class Elsewhere(NamedTuple):
    """Another node has it, as far as is known.

    Attributes:
        node: that node's name.
        pass_on: hands connections over to it; see `ElsewhereError`. None if that cannot be.
        forward: forwards single requests to it; see there, too. None if that cannot be.
    """

    node: str
    pass_on: Any = None
    forward: Any = None


class Gone(NamedTuple):
    """Nobody has it.

    Attributes:
        reason: why it ended; None if there never was such a session, or its end is forgotten.
        binding: a digest of what it was bound to; None if to nothing.
        retry_after: seconds after which its client is to open another; None if that is not known.
        last_rid: the id of the last request that it processed; None if that is not known.
    """

    reason: str | None
    binding: bytes | None = None
    retry_after: int | None = None
    last_rid: int | None = None


Place = Here | Elsewhere | Gone


class Locator(Protocol):
    """Finds sessions. It belongs to the loop's thread."""

    @property
    def living(self) -> dict[str, SessionKeeper]:
        """The sessions that live here, by their ids: for those that are asked for so often that a call counts."""
        ...

    def find(self, sid: str) -> Place:
        """Say where the session with the id `sid` is, whatever text that is; raises nothing."""
        ...


def here(place: Place) -> SessionKeeper:
    """Return the session that was found.

    Raises:
        ElsewhereError: another node has it, to which connections can be handed over, or requests forwarded.
        ProtocolError: `session-ended` or `unknown-session`; the caller's fault. The latter as well if another node
            has it.
    """
    if isinstance(place, Here):
        return place.keeper
    if isinstance(place, Gone) and place.reason is not None:
        raise session_ended(place.reason, place.retry_after, place.last_rid)
    if isinstance(place, Elsewhere) and not (place.pass_on is None and place.forward is None):
        raise ElsewhereError(place.pass_on, place.forward)
    raise unknown_session()


def look_elsewhere(locator: Locator, sid: str) -> None:
    """See whether another node has what has the id `sid`, of which nothing is known here.

    Raises:
        ElsewhereError: it has, and connections can be handed over to it.
        ProtocolError: `unknown-session`: it has, and they cannot.
    """
    place = locator.find(sid)
    if isinstance(place, Elsewhere):
        here(place)


def unknown_session() -> ProtocolError:
    """Return the error for an id that is no session's."""
    return ProtocolError("unknown-session", "there is no session with this id, or it ended long ago")
