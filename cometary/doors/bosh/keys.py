"""Key sequences: each request of a client proves that it is from the sender of the first (XEP-0124, section 15).

1.  The client hashes a seed, and each result again, over and over. It gives the last hash first (`newkey`), and with
    each further request the one before (`key`); so nobody who has read one can give the next.
2.  Before it runs out of hashes, it gives the last of another sequence together with a `key` of this one.
3.  Hashes are SHA-1 in hexadecimal digits, whatever their case.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.doors.bosh.bodies import Body


class Keys:
    """The keys of one client.

    Args:
        first: the request that asks for the session.
    """

    __slots__ = ("_expected",)

    def __init__(self, first: Body) -> None:
        given = first.attributes.get("newkey")
        self._expected = None if given is None else given.lower()

    def admit(self, body: Body) -> bool:
        """Whether a request has the right key; to be called once for each, in the order of their ids."""
        if self._expected is None:
            return True
        key = body.attributes.get("key", "").lower()
        hashed = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(hashed.encode(), self._expected.encode()):
            return False
        self._expected = body.attributes.get("newkey", key).lower()
        return True
