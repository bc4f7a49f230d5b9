"""The streams that BOSH's sessions have at an XMPP server (RFC 6120, section 4). No socket, no clock.

1.  After SASL a stream begins anew on the same connection, and so does the reader.
"""

from __future__ import annotations

from typing import Final

from cometary.doors.bosh.names import CLIENT, STREAMS, TLS
from cometary.doors.bosh.server_stream import ServerStreamReader, opening_of

DEEPEST_STANZA: Final = 10_000
"""Levels of nesting, more than anybody needs: what others have sent a client must not end its session."""

FEATURES: Final = f"{STREAMS} features"
START_TLS: Final = b"<starttls xmlns='%b'/>" % TLS.encode()
PROCEED: Final = f"{TLS} proceed"


class StreamReader(ServerStreamReader):
    """Reads what an XMPP server sends a client."""

    def __init__(self) -> None:
        super().__init__(CLIENT, DEEPEST_STANZA)

    def restart(self) -> None:
        """Expect another stream."""
        self.close()
        self._begin()


def opening(host: str, language: str | None, version: str | None) -> bytes:
    """Return what opens a stream.

    Args:
        host: the domain that it is for.
        language: what the client says that it speaks; None if it does not.
        version: the version of XMPP that the client speaks; None for one before 1.0.
    """
    said = [("to", host)]
    if language is not None:
        said.append(("xml:lang", language))
    if version is not None:
        said.append(("version", version))
    return opening_of(CLIENT, said)
