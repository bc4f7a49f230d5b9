"""Key sequences: each request of a client proves that it is from whoever has sent the first (XEP-0124, section 15).

1.  The client hashes a seed, and what comes of that, over and over. It gives the last hash first (`newkey`), and with
    each further request the one before (`key`); so nobody who has read one can give the next.
2.  Before it comes to the first one it gives another sequence's last together with a `key` of this one.
3.  Hashes are SHA-1 in hexadecimal digits, whatever their case.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.doors.bosh.bodies import Body


class Keys:
    """What a client proves.

    Args:
        first: the request that asks for the session.
    """

    __slots__ = ("_expected",)

    def __init__(self, first: Body) -> None:
        given = first.attributes.get("newkey")
        self._expected = None if given is None else given.lower()

    def admit(self, body: Body) -> bool:
        """Whether a request proves it; requests are looked at in the order of their ids, each once."""
        if self._expected is None:
            return True
        key = body.attributes.get("key", "").lower()
        hashed = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(hashed.encode(), self._expected.encode()):
            return False
        self._expected = body.attributes.get("newkey", key).lower()
        return True
