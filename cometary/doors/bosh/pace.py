"""How fast a client may ask (XEP-0124, sections 11 and 12).

Only new requests count, not repeated ones. `unanswered` are the requests not yet answered when one comes.

1.  There may be as many as were agreed (`requests`). One more may pause or end the session, and nothing else.
2.  An empty request that reaches the agreed number must come `polling` seconds or more after the one before, so that
    a client that could have waited does not ask over and over. A request that another has overtaken on its way does
    not count: it was not the last to be made.
3.  So must one in a session in which nothing is held, unless the last answer had something in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.doors.bosh.bodies import Body
    from cometary.doors.bosh.terms import Terms


class Pace:
    """The pace of one client.

    Args:
        terms: what was agreed.
        now: when it asked for the session, in seconds.

    Attributes:
        said_something: whether the last answer had something in it.
    """

    __slots__ = ("_highest", "_last", "_terms", "_was_empty", "said_something")

    def __init__(self, terms: Terms, now: float) -> None:
        self._terms = terms
        self._last = now
        self._was_empty = False
        self._highest = 0
        self.said_something = True

    def allows(self, body: Body, unanswered: int, now: float) -> bool:
        """Whether a new request may come now; to be called once for each."""
        terms, soon = self._terms, now - self._last < self._terms.polling
        was_empty, self._was_empty, self._last = self._was_empty, body.is_empty, now
        overtaken, self._highest = body.rid < self._highest, max(body.rid, self._highest)
        if body.terminates or body.pause is not None:
            return unanswered <= terms.requests
        if unanswered >= terms.requests:
            return False
        if overtaken or not (body.is_empty and soon):
            return True
        if terms.polls:
            return not was_empty or self.said_something
        return unanswered + 1 < terms.requests
