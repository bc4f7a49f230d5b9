"""What the server has asked clients, and has no answer to yet.

1.  A question is a packet to one session with a member `ask`. It is settled once: by the first answer of that
    session's client, by the end of the session, or when the asker gives it up and no longer waits.
2.  An answer to a question that nobody asks, or no longer asks, is ignored. So is a second one.
3.  At most `MOST` questions of a session are open, and `MOST_IN_ALL` of all sessions; one more is not asked.

Runs on the loop's thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from cometary.actors import Future
from cometary.errors import AskError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Generator

    from cometary.sessions import SessionKeeper

MOST: Final = 100
MOST_IN_ALL: Final = 10_000


class Asked(NamedTuple):
    """A question.

    Attributes:
        ask: what the client knows it by.
        answer: what it is answered with: a value, or an `AskError`.
    """

    ask: str
    answer: Future[Any]


class Asks:
    """The open questions of one server."""

    def __init__(self) -> None:
        self._next = count(1).__next__
        self._open: dict[SessionKeeper, dict[str, Future[Any]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def open(self, keeper: SessionKeeper) -> Asked:
        """Begin a question to a session, which is settled at once if that has ended.

        Raises:
            MailboxFullError: too many are open; nobody's fault, try later.
        """
        asked = Asked(f"s{self._next()}", Future())
        if keeper.ended is not None:
            asked.answer.offer(error=ended())
            return asked
        if self._count >= MOST_IN_ALL or len(self._open.get(keeper, ())) >= MOST:
            raise MailboxFullError(f"too many questions to <Session {keeper.name}> have no answer yet")
        self._open.setdefault(keeper, {})[asked.ask] = asked.answer
        self._count += 1
        return asked

    @contextmanager
    def asking(self, keeper: SessionKeeper) -> Generator[Asked]:
        """Have a question open until the block ends; raises as `open` does."""
        asked = self.open(keeper)
        try:
            yield asked
        finally:
            self.close(keeper, asked.ask)

    def answer(self, keeper: SessionKeeper, message: object) -> None:
        """Take what a client has sent as an answer (rule 2)."""
        told = cast("dict[object, object]", message) if isinstance(message, dict) else {}
        ask = told.get("ask")
        answer = self.close(keeper, ask) if isinstance(ask, str) else None
        if answer is None:
            return
        if "error" not in told:
            answer.offer(told.get("value"))
            return
        condition, detail = told["error"], told.get("detail", "")
        known = isinstance(condition, str) and isinstance(detail, str)
        error = (
            (condition, detail) if known else ("bad-request", "The client gave no answer that can be read.")
        )
        answer.offer(error=AskError("client", *cast("tuple[str, str]", error)))

    def close(self, keeper: SessionKeeper, ask: str) -> Future[Any] | None:
        """Take out a question, which may not be open; returns what was to be settled."""
        asked = self._open.get(keeper, {})
        answer = asked.pop(ask, None)
        if answer is not None:
            self._count -= 1
            if not asked:
                del self._open[keeper]
        return answer

    def drop(self, keeper: SessionKeeper) -> None:
        """Settle all questions to a session that has ended, or goes on elsewhere."""
        for ask in list(self._open.get(keeper, ())):
            answer = self.close(keeper, ask)
            if answer is not None:
                answer.offer(error=ended())


def ended() -> AskError:
    """Return the error of a question to a session that has ended."""
    return AskError("nobody", "session-ended", "The session ended before its client had answered.")
