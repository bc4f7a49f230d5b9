"""What is below `/inspector/`: the page, and the endpoint of its sessions, which are kept apart from those of clients.

1.  Sessions of pages have a manager of their own. The application knows nothing of them, and they are not among the
    sessions that are shown; in the tree they are below the door.
2.  Anyone who reaches the listener can get the files of the page: there is nothing secret in them. Opening a session
    takes a secret with the right to read, where secrets are needed.
3.  No page of another site may show this one in a frame, so nobody can be tricked into pressing its buttons.
4.  When the secrets change, all sessions of pages end; those who know a new secret open theirs again.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.doors.inspector import looks
from cometary.doors.inspector.pushing import CONTRACTS, Pushing
from cometary.errors import ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.rate_limit import OpenLimiter
from cometary.packets.contract_table import Contracts
from cometary.sessions import SessionManager, SessionSupervisor
from cometary.sessions.settings import SessionSettings
from cometary.supervision import ChildSpec
from cometary.transport.http.files import FileTable
from cometary.transport.http.router import Router
from cometary.transport.wires.comet.endpoint import CometEndpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.doors.control.rights import Secrets
    from cometary.doors.door import Inside
    from cometary.sessions import Applicant, Failure, Packet, Session
    from cometary.sessions.admission import Verdict
    from cometary.transport.http.exchange import Exchange

PAGE: Final = Path(__file__).parent / "page"
PREFIX: Final = "/inspector/"
COMET: Final = "/inspector/comet"
OPENS_PER_MINUTE: Final = 30
"""Pages that one address opens, and secrets that it may try; loopback is exempt."""

SETTINGS: Final = SessionSettings(
    wait=30.0, die=20.0, max_sessions=50, max_paths=10, ended_sessions=0, max_queued_bytes=4 << 20
)
HEADERS: Final = (
    (
        b"Content-Security-Policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"X-Frame-Options", b"DENY"),
    (b"Referrer-Policy", b"no-referrer"),
)


@cache  # as the client's files are
def page_files() -> FileTable:
    """Return the files of the page by their URL paths."""
    files = FileTable()
    files.add(PREFIX, PAGE, follow_links=True)  # in a checkout, files shared with others are links
    files.add(f"{PREFIX}client/", (PAGE / "client").resolve(), follow_links=True)
    return files


class Site:
    """The page and its sessions.

    Args:
        inside: the server that is looked at.
        secrets: a page needs one of them.

    Attributes:
        router: answers what is below `/inspector/`.
        answer: tells other nodes what their pages look at.
    """

    def __init__(self, inside: Inside, secrets: Secrets) -> None:
        self._secrets = secrets
        self._pushing = Pushing(inside)
        self.answer = self._pushing.answer
        self._sessions = SessionManager(SETTINGS, Viewers(self._pushing))
        self._sessions.new_sid = inside.manager.new_sid
        Hub(
            self._sessions,
            Table(),
            Contracts(CONTRACTS, SETTINGS.max_queued_bytes),
            start_soon=inside.start_soon,
        )
        limiter = OpenLimiter(OPENS_PER_MINUTE, inside.actors.scheduler.now)
        gate = Gate(
            self._sessions, limiter, looks.PATHS.__contains__, judge=self._judge, start_soon=inside.start_soon
        )
        self._files = page_files()
        self.router = Router(self._serve_file)
        self.router.add("POST", COMET, CometEndpoint(gate))

    def children(self) -> Sequence[ChildSpec]:
        """Return what runs the sessions of pages and tells them what they look at."""
        return (
            ChildSpec("inspector-sessions", SessionSupervisor, (self._sessions,)),
            ChildSpec("inspector", self._pushing.run),
        )

    def _judge(self, applicant: Applicant) -> Verdict:
        if not self._secrets:
            return True
        token = applicant.token
        rights = self._secrets.rights_of(token.encode(errors="replace")) if isinstance(token, str) else None
        if rights is None or "GET /tree" not in rights.calls:
            raise ProtocolError("unauthorized", "The inspector needs a secret with the right to read.")
        return True

    def _serve_file(self, exchange: Exchange) -> None:
        exchange.extra_headers = HEADERS
        self._files(exchange)

    def end_sessions(self, reason: str) -> None:
        """End the sessions of all pages."""
        for keeper in self._sessions.directory:
            keeper.end(reason)

    async def aclose(self) -> None:
        """Wait until all have ended."""
        await self._sessions.shut_down()


class Viewers:
    """What the sessions of pages report to: their application.

    Args:
        pushing: tells them what they look at.
    """

    def __init__(self, pushing: Pushing) -> None:
        self._pushing = pushing

    def signed_on(self, session: Session) -> None:
        """Tell one more page."""
        self._pushing.add(session)

    def resumed(self, session: Session) -> None:
        """Tell it on."""
        self._pushing.add(session)

    def received(self, session: Session, packet: Packet) -> None:
        """Take note of what a page wants to see."""
        self._pushing.look(session, packet)

    def signed_off(self, session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        """Tell it no more."""
        self._pushing.remove(session)

    def failed(self, failure: Failure) -> None:
        """Do nothing: it is in the log."""


__all__ = ["PREFIX", "Site"]
