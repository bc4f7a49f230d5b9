"""Takers of what clients send to back-ends; several doors may take the same packet.

To a client that asks they are one, which answers with the true answer of any of them: a false one, from a taker with
no room or no receiver, does not hide that another has taken the message. If no answer is true, the last that is not
None counts. Each taker is called when the one before has finished, as handlers are.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cometary.dispatch.subscriptions import Subscriptions

if TYPE_CHECKING:
    from cometary.doors.door import Taker
    from cometary.sessions import Session


class Takers:
    """The takers of all doors, as one.

    Args:
        taken: what they take: each a pattern, and what is called with such packets.

    Raises:
        PatternError: one of the patterns is not one; the door's fault.
    """

    def __init__(self, taken: Iterable[tuple[str, Taker]]) -> None:
        self._table: Subscriptions[Taker] = Subscriptions()
        for pattern, taker in taken:
            self._table.subscribe(pattern, taker)

    def take(self, session: Session, path: str, message: Any) -> object:
        """Hand a packet to all that take it; returns the answer, or what is to be awaited for it."""
        answer: object = None
        takers = iter(self._table.subscribers(path))
        for taker in takers:
            outcome = taker(session, path, message)
            if inspect.isawaitable(outcome):
                return _take_later(outcome, answer, takers, (session, path, message))
            answer = _either(answer, outcome)
        return answer


async def _take_later(
    outcome: Awaitable[object], answer: object, takers: Iterator[Taker], call: tuple[Session, str, Any]
) -> object:
    answer = _either(answer, await outcome)
    for taker in takers:
        given = taker(*call)
        answer = _either(answer, await given if inspect.isawaitable(given) else given)
    return answer


def _either(answer: object, another: object) -> object:
    return answer if answer or another is None else another
