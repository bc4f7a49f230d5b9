"""Which paths there are: the rules of protocol.md, section "Packets", in one place.

A path is opaque text. Nothing is normalised: `tasks`, `/tasks`, `tasks/` and `Tasks` are four
different paths, and `a//b` has an empty segment in its middle. What is refused is only what
could not travel, could not be logged on one line, or could be made to grow without bound:

1. the empty path;
2. more than 1,024 bytes of UTF-8;
3. control characters (Unicode category Cc: U+0000 to U+001F and U+007F to U+009F);
4. surrogates, which JSON escapes can smuggle in and UTF-8 cannot carry;
5. from a client only: a control path, one whose first two characters are `::`, but for the few by which a client asks
   the server itself for something.
"""

from __future__ import annotations

import re
from typing import Final

from cometary.errors import ProtocolError, UsageError

SEPARATOR: Final = "/"
STARS: Final = frozenset(("*", "**"))
CONTROL_PREFIX: Final = "::"
FROM_CLIENTS: Final = frozenset(("::connect", "::disconnect", "::replay", "::presence", "::peer", "::answer"))
"""The control paths that a client may send to."""

LONGEST_PATH: Final = 1024
"""The most bytes of UTF-8 that a path may have."""

_find_forbidden = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search


def check_path(path: str, *, from_client: bool) -> None:
    """Accept `path` by returning, or refuse it by raising.

    Args:
        path: the path of a packet, of an update or of a subscription.
        from_client: whether a browser sent it. Only the server's own side, which includes
            back-ends on the control interface, may name control paths.

    Raises:
        ProtocolError: the sender's fault; `bad-request` for what is not a path at all,
            `forbidden-path` for a control path from a client.
    """
    # Every packet comes by here. Printable ASCII is one byte a character and has no control
    # characters, so for nearly every path two scans in C settle rules 2, 3 and 4.
    if not (path.isascii() and path.isprintable() and 0 < len(path) <= LONGEST_PATH):
        fault = _fault(path)
        if fault is not None:
            raise ProtocolError("bad-request", fault)
    if from_client and path.startswith(CONTROL_PREFIX) and path not in FROM_CLIENTS:
        raise ProtocolError("forbidden-path", "A client may not send to control paths (::).")


def check_target(path: str) -> None:
    """Accept a path that a back-end sends to, as `check_path` does, unless a star is one of its segments.

    It is a path all the same, but who has written it means the many paths that the pattern covers, and would reach none
    of them.

    Raises:
        ProtocolError: `bad-request`, the back-end's fault.
    """
    check_path(path, from_client=False)
    if "*" in path and not STARS.isdisjoint(path.split(SEPARATOR)):
        raise ProtocolError("bad-request", "This is a pattern; a single path is needed here.")


def check_own_path(path: object) -> None:
    """Accept a path that code on the server's own side has chosen, control paths among them.

    Whatever it is: untyped callers exist.

    Raises:
        UsageError: for what is not a path; the calling code's fault.
    """
    if not isinstance(path, str):
        raise UsageError(f"a path is text, not {path!r}")
    try:
        check_path(path, from_client=False)
    except ProtocolError as error:
        raise UsageError(error.detail) from None


def _fault(path: str) -> str | None:
    """What is wrong with `path`, as a sentence for a person; None when nothing is.

    The sentence never quotes the path: it may be long, or unprintable.
    """
    if not path:
        return "A path must not be empty."
    # Characters are counted first, so that a hostile megabyte is not encoded to be measured.
    if len(path) > LONGEST_PATH:
        return _TOO_LONG
    if _find_forbidden(path):
        return "A path must not hold control characters or surrogates."
    return _TOO_LONG if len(path.encode()) > LONGEST_PATH else None


_TOO_LONG: Final = f"A path has at most {LONGEST_PATH} bytes of UTF-8."
