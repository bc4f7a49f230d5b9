"""What a session's machine asks of its shell, because only the shell can know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.sessions.events import Request


class Arbiter:
    """Answers the machine; this one, for use without a shell, lets all requests in and says that nobody reads."""

    __slots__ = ()

    def refusal(self, request: Request) -> ProtocolError | None:  # noqa: ARG002
        """Let the packets of `request` in, whose turn has come; or return the error for it, with nothing changed."""
        return None

    def idle_refusal(self) -> ProtocolError | None:
        """Let in a request that brings nothing; or return the error for it, with nothing changed."""
        return None

    def may_fall_behind(self) -> bool:
        """Whether a client whose queue is full reads; if so, the shell has taken note that it is behind."""
        return False


NO_SHELL: Final = Arbiter()
