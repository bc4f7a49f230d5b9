"""What a client is told when something was raised on the way to its session."""

from __future__ import annotations

from cometary.errors import ActorEndedError, ProtocolError
from cometary.log import get_logger
from cometary.sessions.events import session_ended

logger = get_logger("cometary.transport")


def refusal_of(error: Exception) -> ProtocolError:
    """Return what the client is told of the exception that is being handled; what was not foreseen is logged."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, ActorEndedError):
        return session_ended(
            "failed"
        )  # with the supervisor of all sessions, whose next life will end this one
    logger.exception("request failed", text="a request for a session failed")  # noqa: LOG004 - see above
    return ProtocolError("internal-error", "The server failed; its log says why.")


def refusal_of_authenticator() -> ProtocolError:
    """The same where the authenticator has raised."""
    logger.exception("authenticator failed", text="the authenticator failed")  # noqa: LOG004 - see above
    return ProtocolError("internal-error", "the authenticator failed")
