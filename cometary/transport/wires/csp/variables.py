"""The variables by which a client of CSP says what answers look like, and how long to wait for them.

1.  They come in the query of any request, and stay with the session until they are given anew. One that cannot be
    read as the draft says is ignored, and so is a text longer than `LONGEST_TEXT`.
2.  The media types to choose from are those that a client of the draft needs. In that of a script, what is put around
    an answer is the name of a function, and no more: otherwise any page could have any script come from here.

Pure. Source: CSP draft 0.3, section 3.3.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cometary.errors import ProtocolError

LONGEST_TEXT: Final = 1024
LONGEST_DURATION: Final = 3600
LONGEST_PREBUFFER: Final = 16 * 1024
MOST_DIGITS: Final = 9

EVENTS: Final = frozenset({"text/event-stream", "application/x-dom-event-stream"})
SCRIPTS: Final = frozenset({"text/javascript", "application/javascript", "application/x-javascript"})
MEDIA_TYPES: Final = EVENTS | SCRIPTS | {"text/html", "text/plain", "application/json"}

CALLBACK: Final = re.compile(rb"(?:[A-Za-z_$][\w$.]{0,127})?")
AFTER_CALL: Final = frozenset({b"", b";"})


@dataclass(frozen=True, slots=True)
class Variables:
    """Those that stay with a session; see section 3.3.3 of the draft.

    Attributes:
        request_prefix: what comes before the result of all requests but /comet.
        request_suffix: what comes behind it.
        duration: seconds that /comet is held; 0 for polling.
        is_streaming: whether the answer to it goes on behind a batch.
        interval: seconds after which an empty batch shows that it goes on; 0 for none.
        prebuffer: how many blanks a stream begins with.
        preamble: what comes behind these.
        batch_prefix: what comes before each batch.
        batch_suffix: what comes behind it.
        gzip: whether answers may be compressed, which they are not.
        sse: whether each batch has the number of its last packet behind it.
        media_type: that of all answers.
    """

    request_prefix: bytes = b""
    request_suffix: bytes = b""
    duration: int = 30
    is_streaming: bool = False
    interval: int = 0
    prebuffer: int = 0
    preamble: bytes = b""
    batch_prefix: bytes = b""
    batch_suffix: bytes = b""
    gzip: str = ""
    sse: bool = False
    media_type: str = "text/html"

    @property
    def streams(self) -> bool:
        """Whether the answer to /comet stays."""
        return self.is_streaming and self.duration > 0

    @property
    def content_type(self) -> bytes:
        """The header of all answers."""
        return self.media_type.encode()

    def changed(self, query: Mapping[str, str]) -> Variables:
        """Return what they are once a request with this query has come.

        Raises:
            ProtocolError: `bad-request`: a script could be put into an answer; the client's fault.
        """
        said: dict[str, Any] = {}
        for name, (attribute, read) in READERS.items():
            if name in query:
                try:
                    said[attribute] = read(query[name])
                except ValueError:
                    continue
        changed = replace(self, **said) if said else self
        if changed.media_type in SCRIPTS:
            changed.check_script()
        return changed

    def check_script(self) -> None:
        """See whether an answer in the media type of a script calls a function, and does no more.

        Raises:
            ProtocolError: `bad-request`, the client's fault.
        """
        prefixes, suffixes = (
            (self.request_prefix, self.batch_prefix),
            (self.request_suffix, self.batch_suffix),
        )
        calls = all(CALLBACK.fullmatch(prefix) for prefix in prefixes) and AFTER_CALL.issuperset(suffixes)
        if not calls or self.preamble:
            detail = "In a script, a prefix is the name of a function, a suffix ; or nothing, and there is no preamble."
            raise ProtocolError("bad-request", detail)

    def result(self, result: bytes) -> bytes:
        """Return the answer to a request other than /comet."""
        return b"%b(%b)%b" % (self.request_prefix, result, self.request_suffix)

    def begin(self) -> bytes:
        """Return what the answer to /comet begins with."""
        return b" " * (self.prebuffer if self.streams else 0) + self.preamble

    def batch(self, batch: bytes, last_id: int) -> bytes:
        """Return a batch as it is sent.

        Args:
            batch: the batch.
            last_id: the number of its last packet; 0 if it has none.
        """
        ends = b"id: %d\r\n" % last_id if self.sse and last_id else b""
        if self.media_type in EVENTS:
            ends += b"\r\n"  # of which the draft says nothing; but no browser takes an event without it
        return b"%b(%b)%b%b" % (self.batch_prefix, batch, self.batch_suffix, ends)


def text(value: str) -> bytes:
    """Read what is put around an answer."""
    if len(value) > LONGEST_TEXT:
        raise ValueError
    return value.encode()


def number(most: int) -> Callable[[str], int]:
    """Return what reads a whole number; one above `most` counts as that."""

    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS):
            raise ValueError
        return min(int(value), most)

    return read


def media_type(value: str) -> str:
    """Read a media type (rule 2)."""
    if value not in MEDIA_TYPES:
        raise ValueError
    return value


READERS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "rp": ("request_prefix", text),
    "rs": ("request_suffix", text),
    "du": ("duration", number(LONGEST_DURATION)),
    "is": ("is_streaming", lambda value: value == "1"),
    "i": ("interval", number(LONGEST_DURATION)),
    "ps": ("prebuffer", number(LONGEST_PREBUFFER)),
    "p": ("preamble", text),
    "bp": ("batch_prefix", text),
    "bs": ("batch_suffix", text),
    "g": ("gzip", lambda value: value[:1]),
    "se": ("sse", lambda value: value == "1"),
    "ct": ("media_type", media_type),
}
"""By the names that the draft has for them in a query."""

DEFAULTS: Final = Variables()


def ack_of(query: Mapping[str, str], last_event_id: bytes | None = None) -> int:
    """Return the number of the last packet that a client has; 0 if it does not say, or has none.

    Args:
        query: that of its request.
        last_event_id: what a browser says of a stream of events, which counts more.

    Raises:
        ProtocolError: `bad-request`: it is no number; the client's fault.
    """
    value = last_event_id.decode("latin-1") if last_event_id else query.get("a", "-1")
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
        raise ProtocolError("bad-request", "An acknowledgement has to be the number of a packet.")
    return max(0, int(value))
