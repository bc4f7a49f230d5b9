"""Sessions by their public names, by which operators know them; only back-ends know ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.transport.http.exchange import Exchange

MATCHED: Final = ("name", "user", "paths")
"""The members of a session that are searched."""


def living_session(manager: SessionManager, name: str) -> SessionKeeper:
    """Return the living session of this name.

    Raises:
        ProtocolError: `unknown-session`; the caller's fault.
    """
    for keeper in manager.directory:
        if keeper.name == name and keeper.ended is None:
            return keeper
    raise ProtocolError("unknown-session", "There is no session of this name; it may have ended.")


def fits(session: dict[str, Any], text: str) -> bool:
    """Whether a session, as operators see it, has a text in its name, its user, or one of its paths; ignores case."""
    wanted = text.casefold()
    return any(wanted in str(session[member]).casefold() for member in MATCHED)


def query_of(exchange: Exchange) -> dict[str, str]:
    """Return what the query of a request says, by name."""
    return dict(parse_qsl(exchange.query.decode("latin-1")))
