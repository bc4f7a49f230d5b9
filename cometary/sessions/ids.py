"""Session ids and names: one secret, one public, neither derived from the other."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from os import urandom
from typing import Final

SID_BYTES = 18
"""144 random bits: above the 128 that the protocol asks for, and text without padding."""

SID_LENGTH: Final = 24
"""Characters of an id, all of them ASCII."""

TAG_LENGTH: Final = 4
"""Characters behind that in an id that a node has given: the tag of the node."""

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


def tag_of_node(name: str) -> str:
    """Return the tag of a node: what its sessions' ids end with. It tells nobody the node's name."""
    return b2a_base64(sha256(name.encode()).digest()[:3], newline=False).translate(URL_SAFE).decode()


def tag_of(sid: str) -> str | None:
    """Return the tag of the node that has given this id; None if it is not such an id."""
    return sid[SID_LENGTH:] if len(sid) == SID_LENGTH + TAG_LENGTH else None


def ending_of(sid: str) -> str:
    """Return the end of an id: what says which worker, or which node, has the session."""
    return sid[SID_LENGTH - 1 :]


def nobodys_sid(ending: str) -> str:
    """Return an id that no session has, with this ending: it is where one is whose id ends so."""
    return "." * (SID_LENGTH - 1) + ending


def new_name() -> str:
    """Return a short public name, safe to log and to show."""
    return urandom(NAME_BYTES).hex()
