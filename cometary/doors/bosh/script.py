"""The script syntax of XEP-0252: a request is the address of a script, an answer a script that calls `_BOSH_`.

It dates from before pages could make requests to other sites. Anybody who knows the id of a session can have any page
read its answers this way, so it is off by default.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import Final
from urllib.parse import unquote_to_bytes

from cometary.errors import ProtocolError

CONTENT: Final = "text/javascript; charset=utf-8"

_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"}


@cache
def to_be_escaped() -> re.Pattern[str]:
    """Return a pattern for quotes, line ends and all format characters; building it takes long."""
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    return re.compile('["\\\\\\n\\r\\u2028\\u2029' + "".join(formats) + "]")


def body_of(query: bytes) -> bytes:
    """Return the body that a request has in its address.

    Raises:
        ProtocolError: `bad-request`: there is none; the client's fault.
    """
    if not query:
        raise ProtocolError("bad-request", "the body is in the address")
    return unquote_to_bytes(query)


def script_of(body: bytes) -> bytes:
    """Return the script that says a body."""
    return f'_BOSH_("{to_be_escaped().sub(_escape, body.decode())}")'.encode()


def _escape(found: re.Match[str]) -> str:
    short = _SHORT.get(found[0])
    if short is not None:
        return short
    units = found[0].encode("utf-16-be")
    return "".join([f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)])
