"""What a session's machine asks of its shell, because only that can know; and the shell of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.sessions.events import Request
    from cometary.sessions.keeper import SessionKeeper


class Arbiter:
    """Answers the machine; this one, for where there is no shell, lets all requests in and knows that nobody reads."""

    __slots__ = ()

    def refusal(self, request: Request) -> ProtocolError | None:  # noqa: ARG002
        """Let the packets of `request` in, whose turn has come; or return the error for it, with nothing changed."""
        return None

    def may_fall_behind(self) -> bool:
        """Whether a client whose queue is full reads; if so, the shell has taken note that it is behind."""
        return False


NO_SHELL: Final = Arbiter()


@mypyc_attr(allow_interpreted_subclasses=True)
class Turnstile:
    """Who lets requests in, in the turn in which each is processed; this one lets in all. See `cometary.gate`."""

    __slots__ = ()

    def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:  # noqa: ARG002 - see above
        """Count the packets of a request; returns the error if they are too many, and nothing was counted."""
        return None

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:  # noqa: ARG002 - see above
        """Count a request that brings nothing, but is answered, or releases another; returns the error if too many."""
        return None
