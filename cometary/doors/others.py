"""The other nodes, as operators reach them from this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.transport.http.exchange import Exchange


class Others(Protocol):
    """The other nodes; none of a server by itself."""

    @property
    def own(self) -> str:
        """The name of this node; an empty text if it is a server by itself."""
        ...

    def states(self) -> Sequence[tuple[str, str]]:
        """Return the names of the others, each with its state: `there`, `unreached` or `gone`."""
        ...

    async def ask(self, node: str, question: bytes) -> bytes | None:
        """Return what a node says to a question (`cometary.doors.questions`); None if it is away, or says nothing."""
        ...

    def forward(self, node: str, exchange: Exchange) -> None:
        """Have a node answer a call of the control interface.

        Raises:
            ProtocolError: `not-found`, as there is no such node: the caller's fault; `shutting-down`, as it has gone.
        """
        ...


class NoOthers:
    """None at all (`Others`)."""

    own: str = ""

    def states(self) -> Sequence[tuple[str, str]]:
        """Return none."""
        return ()

    async def ask(self, node: str, question: bytes) -> bytes | None:  # noqa: ARG002 - there is nobody to ask
        """Return None."""
        return None

    def forward(self, node: str, exchange: Exchange) -> None:
        """Forward nothing; nobody calls this."""


NO_OTHERS: Final[Others] = NoOthers()
