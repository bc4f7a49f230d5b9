"""Answering: a client's question is handed to the handlers of its path, and what they return is sent back.

1.  They are called as for any packet: in the order in which they were declared, each when the one before has finished.
    The first value that is not None is the answer; if every handler returns None, the answer is None. So a question
    whose handlers return nothing is answered when they have run.
2.  A handler that raises `RefusedError` keeps the question from those behind it, and the client is told why.
3.  One that raises anything else, or returns what cannot be sent, crashes the session's actor as for any packet. Then
    the code that reports the failure tells the client (`Question.failed`).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from cometary.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.packets.question import Question
    from cometary.sessions import Session

    Handler = Callable[..., Any]


def answer_by(handlers: Sequence[Handler], session: Session, question: Question) -> Awaitable[object] | None:
    """Have a question answered.

    Returns:
        None if it has been; else what remains to be awaited.
    """
    value = None
    try:
        for place, handler in enumerate(handlers):
            outcome = handler(session, question.path, question.message)
            if inspect.isawaitable(outcome):
                return _answer_later(outcome, value, handlers[place + 1 :], session, question)
            value = outcome if value is None else value
    except RefusedError as error:
        refuse(session, question, error)
    else:
        _tell(session, question.answer(value))
    return None


async def _answer_later(
    outcome: Awaitable[object],
    value: object,
    handlers: Sequence[Handler],
    session: Session,
    question: Question,
) -> None:
    try:
        given = await outcome
        value = given if value is None else value
        for handler in handlers:
            given = handler(session, question.path, question.message)
            if inspect.isawaitable(given):
                given = await given
            value = given if value is None else value
    except RefusedError as error:
        refuse(session, question, error)
    else:
        _tell(session, question.answer(value))


def refuse(session: Session, question: Question, error: RefusedError) -> None:
    """Tell the client that it gets no answer, and why."""
    _tell(session, question.refusal(error.condition, error.detail, **error.members))


def _tell(session: Session, packet: tuple[str, object] | None) -> None:
    if packet is not None:
        session.send(*packet)
