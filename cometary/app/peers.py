"""Peers: clients that send one another messages, by their sessions' public names, where the application permits.

1.  Nobody may, unless there is a rule (`App.peer`), which is asked about each message. It says yes as authorizers do.
2.  What comes is a packet on the control path `::peer`, with the name of the sender. So no client can pass for the
    application, or for another client.
3.  Only those who may send to a session of that name learn whether there is one.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.app.controls import read
from cometary.app.permissions import is_yes
from cometary.errors import ProtocolError, RefusedError, UsageError
from cometary.packets.paths import CONTROL_PREFIX, check_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.sessions import Session

    PeerRule = Callable[[Session, str, str, Any], bool | Awaitable[bool]]

PEER_PATH: Final = "::peer"


class Mail(msgspec.Struct):
    """The message of a packet to `::peer`."""

    to: str
    path: str
    message: Any = None


def check_mail_path(path: str) -> None:
    """Check that it is a path, and not a control path.

    Raises:
        RefusedError: `bad-request`: it is not; the client's fault.
    """
    try:
        check_path(path, from_client=True)
    except ProtocolError as error:
        raise RefusedError(error.detail, "bad-request") from None
    if path.startswith(CONTROL_PREFIX):
        raise RefusedError("A message to a peer has a path that is not a control path.", "bad-request")


class Peers:
    """The sessions by their names, if there is a rule that makes them worth knowing.

    Args:
        rule: says whether a client may send a message.
    """

    def __init__(self, rule: PeerRule) -> None:
        self._rule = rule
        self._sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Take note of a new session."""
        self._sessions[session.name] = session

    def remove(self, session: Session) -> None:
        """Take note of its end."""
        self._sessions.pop(session.name, None)

    def pass_on(self, session: Session, _path: str, message: object) -> Awaitable[object] | None:
        """Send a client's message to another, or refuse it; the handler of `::peer`."""
        mail = read(message, Mail)
        check_mail_path(mail.path)
        verdict = self._rule(session, mail.to, mail.path, mail.message)
        if inspect.isawaitable(verdict):
            return self._later(verdict, session, mail)
        self._send(session, mail, verdict=verdict)
        return None

    async def _later(self, verdict: Awaitable[bool], session: Session, mail: Mail) -> None:
        self._send(session, mail, verdict=await verdict)

    def _send(self, session: Session, mail: Mail, *, verdict: bool) -> None:
        if not is_yes(verdict):
            raise RefusedError("This client may not send this to that one.")
        peer = self._sessions.get(mail.to)
        if peer is None:
            raise RefusedError("There is no such client, or it has left.", "not-found")
        try:
            peer.send(PEER_PATH, {"from": session.name, "path": mail.path, "message": mail.message})
        except UsageError as error:
            raise RefusedError(str(error), "bad-request") from None
