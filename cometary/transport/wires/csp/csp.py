"""What all sessions of one endpoint of CSP have in common: which ones there are, and what they may take."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import trio

from cometary.errors import ProtocolError
from cometary.sessions.locator import unknown_session
from cometary.transport.wires.alarms import Alarms
from cometary.transport.wires.csp.rests import Rests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cometary.gate.gate import Gate
    from cometary.sessions.policy import Policy
    from cometary.transport.wires.csp.session import CspSession


class Csp:
    """All sessions of one endpoint.

    Args:
        gate: lets clients in.
        policy: what their sessions are like.
        longest_message: bytes that a message of a client may have.
        most_unheard: packets, and bytes of them, that may be on their way by a stream and not acknowledged.
        start_soon: runs an async function beside everything else.

    Attributes:
        gate: the same.
        policy: the same.
        longest_message: the same.
        rests: what has come of messages that are not whole.
    """

    def __init__(
        self,
        gate: Gate,
        policy: Policy,
        *,
        longest_message: int,
        most_unheard: tuple[int, int],
        start_soon: Callable[..., None],
    ) -> None:
        self.gate = gate
        self.policy = policy
        self.longest_message = longest_message
        self.rests = Rests(lambda sid: sid in gate.living)
        self._most_unheard = most_unheard
        self._alarms = Alarms(start_soon)
        self._sessions: OrderedDict[str, CspSession] = OrderedDict()

    # -- which sessions there are -----------------------------------------------------------------------

    def remember(self, session: CspSession) -> None:
        """Take note of a new session. Two old ones are looked at, and forgotten if the server has forgotten them."""
        self._sessions[session.sid] = session
        for _ in range(min(2, len(self._sessions))):
            sid, old = self._sessions.popitem(last=False)
            if self.gate.knows(sid):
                self._sessions[sid] = old
            else:
                self.rests.let_go(old)

    def forget(self, session: CspSession) -> None:
        """Take note that a session has ended, and its client knows."""
        self._sessions.pop(session.sid, None)
        self.rests.let_go(session)

    def session_of(self, query: Mapping[str, str]) -> CspSession:
        """Return the session of a request.

        Raises:
            ProtocolError: `bad-request` or `unknown-session`; the client's fault.
            ElsewhereError: another process has it.
        """
        if "s" not in query:
            raise ProtocolError("bad-request", "The variable s has to name the session.")
        session = self._sessions.get(query["s"])
        if session is None:
            self.gate.look_elsewhere(query["s"])
            raise unknown_session()
        return session

    # -- what they may take ------------------------------------------------------------------------------

    def is_much(self, session: CspSession) -> bool:
        """Whether so much is not acknowledged that a stream is to be completed."""
        packets, size = self._most_unheard
        return session.unheard >= packets or session.unheard_bytes >= size

    # -- what is due ---------------------------------------------------------------------------------------

    def after(self, seconds: int, do: Callable[[], None]) -> None:
        """Have something done after so many seconds, or as many as anything is held at most."""
        self._alarms.after("csp", self._held(seconds)).add(do, trio.current_time())

    def not_after(self, seconds: int, do: Callable[[], None]) -> None:
        """Have it not done after all."""
        self._alarms.after("csp", self._held(seconds)).discard(do)

    def _held(self, seconds: int) -> float:
        return min(seconds, self.policy.wait)
