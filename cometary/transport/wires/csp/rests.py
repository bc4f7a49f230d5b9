"""What has come of messages that are not whole: how much of that all sessions of an endpoint may have together.

1.  A session keeps one such rest, no longer than a message may be. With `MOST` bytes in all, a rest that would exceed
    that is refused: its client sends the same again later. One of no more than `FREE` bytes never is, and so a client
    that cuts up what is short is not held up by those who fill the room.
2.  What a session that has ended had is let go when there is no room; `LOOKS` sessions are looked at each time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.transport.wires.csp.messages import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.wires.csp.messages import Unfinished
    from cometary.transport.wires.csp.session import CspSession

MOST: Final = 64 * 1024 * 1024
FREE: Final = 1024
LOOKS: Final = 16


class Rests:
    """The rests of all sessions.

    Args:
        lives: says whether the session with an id has not ended.
        most: bytes that they may have in all.

    Attributes:
        size: bytes that they have.
    """

    def __init__(self, lives: Callable[[str], bool], most: int = MOST) -> None:
        self.size = 0
        self._lives = lives
        self._most = most
        self._sessions: OrderedDict[str, CspSession] = OrderedDict()

    def keep(self, session: CspSession, rest: Unfinished) -> None:
        """Have a session keep a rest instead of the one that it has.

        Raises:
            ProtocolError: `too-many-requests`: there is no room; nobody's fault, and the session has kept the old one.
        """
        more = len(rest.text) - len(session.rest.text)
        if more > 0 and len(rest.text) > FREE and self.size + more > self._most:
            self._look_round()
            if self.size + more > self._most:
                detail = "clients have sent too many messages in part"
                raise ProtocolError("too-many-requests", detail, retry_after=1)
        self._put(session, rest)

    def let_go(self, session: CspSession) -> None:
        """Have a session keep nothing."""
        self._put(session, NOTHING)

    def _put(self, session: CspSession, rest: Unfinished) -> None:
        self.size += len(rest.text) - len(session.rest.text)
        session.rest = rest
        if rest.text:
            self._sessions[session.sid] = session
        else:
            self._sessions.pop(session.sid, None)

    def _look_round(self) -> None:
        for _ in range(min(LOOKS, len(self._sessions))):
            sid, session = self._sessions.popitem(last=False)
            if self._lives(sid):
                self._sessions[sid] = session
            else:
                self._put(session, NOTHING)
