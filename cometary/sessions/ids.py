"""Session ids and names: one secret, one public, neither derived from the other."""

from __future__ import annotations

from binascii import b2a_base64
from os import urandom
from typing import Final

SID_BYTES = 18
"""144 random bits: above the 128 that the protocol asks for, and text without padding."""

SID_LENGTH: Final = 24
"""Characters of an id, all of them ASCII."""

NAME_BYTES = 5

URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def new_sid() -> str:
    """Return an unguessable session id, URL-safe; it is the session's only credential.

    None begins with a dash: on a command line it would be taken for an option.
    """
    sid = b"-"
    while sid.startswith(b"-"):
        sid = b2a_base64(urandom(SID_BYTES), newline=False).translate(URL_SAFE)
    return sid.decode()


def new_name() -> str:
    """Return a short public name, safe to log and to show."""
    return urandom(NAME_BYTES).hex()
