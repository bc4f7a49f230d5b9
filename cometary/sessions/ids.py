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

WORKERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""The last characters of ids whose sessions belong to one of several workers: the first worker's, and so on."""


def new_sid() -> str:
    """Return an unguessable session id, URL-safe; it is the session's only credential.

    None begins with a dash: on a command line it would be taken for an option.
    """
    sid = b"-"
    while sid.startswith(b"-"):
        sid = b2a_base64(urandom(SID_BYTES), newline=False).translate(URL_SAFE)
    return sid.decode()


def sid_of_worker(sid: str, worker: int) -> str:
    """Return a session id that says which worker has the session: 138 of its bits are random.

    Args:
        sid: a new one.
        worker: the worker's number, from 1 to 64.
    """
    return sid[:-1] + WORKERS[worker - 1]


def worker_of(sid: str) -> int | None:
    """Return the number of the worker that has the session with this id; None if it is not such an id."""
    return WORKERS.find(sid[-1]) + 1 or None if len(sid) == SID_LENGTH else None


def nobodys_sid(last: str) -> str:
    """Return an id that no session has, with this last character: where one is whose id ends so, if with a worker."""
    return "." * (SID_LENGTH - 1) + last


def new_name() -> str:
    """Return a short public name, safe to log and to show."""
    return urandom(NAME_BYTES).hex()
