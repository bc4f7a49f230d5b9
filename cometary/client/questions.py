"""Questions that a client has asked, until they are answered.

1.  A question is a packet with a name of its own, and its answer comes on `::answer` under that.
2.  It is settled once: by the answer, by the asker's giving up, or by the end of its session. If it had left with a
    session that was lost, nobody knows what became of it. If it had not, it goes with the next.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.errors import AskError

if TYPE_CHECKING:
    from collections.abc import Collection

ANSWER: Final = "::answer"

FAULTS: Final = {"internal-error": "application", "timeout": "nobody", "session-ended": "nobody"}
"""Whose fault it is that there is no answer, if not the client's."""


class Said(msgspec.Struct):
    """What is said on `::answer`."""

    ask: str = ""
    value: Any = None
    error: str | None = None
    detail: str = ""
    paths: list[str] = []


class Question:
    """One question.

    Attributes:
        ask: its name.
        packet: as it was sent.
        said: the answer, once it is there.
        settled: when it is.
    """

    def __init__(self, ask: str) -> None:
        self.ask = ask
        self.packet = b""
        self.said = Said()
        self.settled = trio.Event()

    def settle(self, said: Said) -> None:
        """Let the asker go on."""
        if not self.settled.is_set():
            self.said = said
            self.settled.set()

    async def answer(self, timeout: float) -> Any:  # noqa: ASYNC109 - to be over is an answer, too
        """Wait for the answer.

        Args:
            timeout: seconds.

        Raises:
            AskError: there is no answer.
        """
        with trio.move_on_after(timeout):
            await self.settled.wait()
        self.settle(Said(error="timeout"))
        error = self.said.error
        if error is None:
            return self.said.value
        fault = FAULTS.get(error, "client")
        raise AskError(fault, error, self.said.detail or f"There is no answer: {error}.", self.said.paths)


class Questions:
    """Those of one client that are open."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(4)  # so that no other life of this program uses the name
        self._count = 0
        self._open: dict[str, Question] = {}

    def begin(self) -> Question:
        """Return a new question."""
        self._count += 1
        question = self._open[f"{self._prefix} {self._count}"] = Question(f"{self._prefix} {self._count}")
        return question

    def end(self, question: Question) -> None:
        """Forget a question: nobody waits for its answer any more."""
        self._open.pop(question.ask, None)

    def answered(self, message: object) -> None:
        """Take a packet on `::answer`; an answer to no question of ours is ignored."""
        try:
            said = msgspec.convert(message, Said)
        except msgspec.ValidationError:
            return
        if question := self._open.get(said.ask):
            question.settle(said)

    def refused(self, packets: Collection[bytes], said: Said) -> None:
        """Settle those that are among packets which the server refuses."""
        for question in self._open.values():
            if question.packet in packets:
                question.settle(said)

    def lost(self, but: Collection[bytes]) -> None:
        """Settle all that had left with a session that has ended (rule 2)."""
        for question in self._open.values():
            if question.packet not in but:
                question.settle(Said(error="session-ended"))
