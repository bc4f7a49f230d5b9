"""What a client and the server agree on when a session begins (XEP-0124, section 7). No socket, no clock.

1.  A client gets what it asks for, but no more than is offered. It may have one more request than are held, so that
    it can always send.
2.  A client that does not want to wait polls, and nothing is held: it may be away for longer.
3.  It names the domain whose server it wants (`to`), which must be one that the operator has named. Anything else it
    says about where the server is (`route`) is ignored.
4.  The client may choose another media type for answers, but none that a browser would run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from cometary.doors.bosh.bodies import LANGUAGE, VERSION
from cometary.doors.bosh.names import HOST_UNKNOWN, IMPROPER_ADDRESSING, XBOSH
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.doors.bosh.bodies import Body

SPOKEN: Final = (1, 11)
"""The version of XEP-0124."""

CONTENT: Final = "text/xml; charset=utf-8"
CONTENTS: Final = frozenset({"text/xml", "application/xml", "text/plain"})
_is_version: Final = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})", re.ASCII).fullmatch
_is_language: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII).fullmatch


class Offer(NamedTuple):
    """What a server offers.

    Attributes:
        hosts: the domains that may be asked for, in lower case.
        wait: seconds that a request is held at most.
        hold: requests that are held at most.
        inactivity: seconds without a request after which a session ends.
        polling: seconds between two requests that ask for nothing but an answer.
        pause: seconds for which a client may be away if it says so.
    """

    hosts: frozenset[str]
    wait: int = 60
    hold: int = 1
    inactivity: int = 30
    polling: int = 5
    pause: int = 120


class Terms(NamedTuple):
    """What was agreed.

    Attributes:
        host: the domain.
        wait: seconds that a request is held.
        hold: requests that are held.
        inactivity: seconds without a request after which the session ends.
        polling: seconds between two requests that ask for nothing but an answer.
        pause: seconds for which the client may be away if it says so.
        version: the version of XEP-0124 that both speak; None if the client gives none.
        content: the media type of answers.
        acknowledges: whether both sides acknowledge what they have received.
        language: what the client speaks.
        xmpp: the version of XMPP that the client speaks; None for one before 1.0.
    """

    host: str
    wait: int
    hold: int
    inactivity: int
    polling: int
    pause: int
    version: str | None = None
    content: str = CONTENT
    acknowledges: bool = False
    language: str | None = None
    xmpp: str | None = None

    @property
    def requests(self) -> int:
        """How many the client may have unanswered (rule 1)."""
        return self.hold + 1

    @property
    def polls(self) -> bool:
        """Whether nothing is held (rule 2)."""
        return not self.hold

    def attributes(self, sid: str, rid: int) -> Sequence[tuple[str, str]]:
        """Return what the client is told.

        Args:
            sid: the id of the session.
            rid: the id of the request that asked for it.
        """
        said = [
            ("sid", sid),
            ("wait", str(self.wait)),
            ("requests", str(self.requests)),
            ("hold", str(self.hold)),
            ("inactivity", str(self.inactivity)),
            ("polling", str(self.polling)),
            ("maxpause", str(self.pause)),
            ("from", self.host),
            ("xmlns:xmpp", XBOSH),
            ("xmpp:restartlogic", "true"),
        ]
        if self.version is not None:
            said.append(("ver", self.version))
        if self.acknowledges:
            said.append(("ack", str(rid)))
        if self.xmpp is not None:
            said.append(("xmpp:version", "1.0"))
        return said


def agree(body: Body, offer: Offer) -> Terms | str:
    """Return what is agreed with a client that asks for a session, or the condition by which it is refused.

    Raises:
        ProtocolError: `bad-request`: what it asks for is not valid; the client's fault.
    """
    said, numbers = body.attributes, body.numbers
    host = said.get("to", "").lower()
    if not host:
        return IMPROPER_ADDRESSING
    if host not in offer.hosts:
        return HOST_UNKNOWN
    wait = min(numbers.get("wait", offer.wait), offer.wait)
    hold = min(numbers.get("hold", offer.hold), offer.hold) if wait else 0
    language = said.get(LANGUAGE)
    return Terms(
        host,
        wait if hold else 0,
        hold,
        offer.inactivity if hold else offer.inactivity + 2 * offer.polling,
        offer.polling,
        offer.pause,
        _lesser(said["ver"]) if "ver" in said else None,
        _content(said.get("content")),
        said.get("ack") == "1",
        language if language and _is_language(language) else None,
        "1.0" if VERSION in said else None,
    )


def _lesser(version: str) -> str:
    found = _is_version(version)
    if found is None:
        raise ProtocolError("bad-request", "ver is a version, such as 1.6")
    major, minor = min(SPOKEN, (int(found[1]), int(found[2])))
    return f"{major}.{minor}"


def _content(asked: str | None) -> str:
    if asked is None:
        return CONTENT
    media_type, _, parameters = asked.partition(";")
    is_utf8 = parameters.strip().lower().replace('"', "") in {"", "charset=utf-8"}
    return asked if is_utf8 and media_type.strip().lower() in CONTENTS and asked.isprintable() else CONTENT
