"""A failure: a handler of the application that raised, with all that it had been called with.

What crashed a handler is in quarantine: it is reported, and never handed over again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.receipts import Receipt
    from cometary.sessions.session import Session


class Failure(NamedTuple):
    """One call of the application that did not come to its end.

    Attributes:
        hook: what was called: the handlers of `signon`, `recovered`, `packet`, `signoff` or `receipt`.
        error: what a handler raised, `Exception` or not: a group if several handlers of the call did; an
            `ActorEndedError` if an async handler was interrupted because its actor crashed of
            something else.
        session: whose call it was; None for receipts, which are those of all sessions, except for one of a recorded
            session whose handlers died with their node.
        packet: what the client had sent, for `packet`.
        reason: why the session ended, for `signoff`.
        undelivered: the packets that the client never acknowledged, for `signoff`.
        receipt: for `receipt`.
    """

    hook: Literal["signon", "recovered", "packet", "signoff", "receipt"]
    error: BaseException
    session: Session | None = None
    packet: Packet | None = None
    reason: str | None = None
    undelivered: Sequence[Packet] = ()
    receipt: Receipt | None = None
