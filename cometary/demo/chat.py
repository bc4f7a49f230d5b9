"""A chat between tabs: who is there, under which name, and what they say.

Clients may send anything; what is no text counts as empty, and all text is cut to size. The page
shows it as text, never as HTML.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.app import App
    from cometary.sessions import Packet, Session

NAMES: Final = (
    "Halley", "Encke", "Donati", "Lovejoy", "Borrelly", "Hyakutake", "Tempel", "Kohoutek", "Swift", "Tuttle",
    "Wolf", "Faye", "Brorsen", "Olbers", "Biela", "Holmes", "Westphal", "Arend", "Roland", "Ikeya",
)  # fmt: skip
"""Comets, for visitors who have not said what they are called."""

NAME_LENGTH: Final = 24
TEXT_LENGTH: Final = 500
REMEMBERED: Final = 30
"""How many of the latest lines a newcomer gets to see."""

PRESENT_SHOWN: Final = 100
"""How many visitors are named; of any others there is just the number."""


@dataclass(slots=True)
class Visitor:
    """Somebody who is there."""

    session: Session
    name: str


class Chat:
    """The one room.

    Args:
        app: the application that it is a part of.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._visitors: dict[str, Visitor] = {}  # by the sessions' public names
        self._said: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        app.signon(self.enter)
        app.signoff(self.leave)
        app.packet("chat/name")(self.rename)
        app.packet("chat/say")(self.say)

    def sessions(self) -> list[Session]:
        """The sessions of all who are there now, in the order of their coming."""
        return [visitor.session for visitor in self._visitors.values()]

    def enter(self, session: Session) -> None:
        """Let a newcomer in, with a name and the latest lines."""
        self._visitors[session.name] = Visitor(session, self._free_name())
        session.connect("chat/*")
        session.send("chat/welcome", {"you": session.name, "said": list(self._said)})
        self._tell_who_is_here()

    def leave(self, session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        """Take note that somebody has left."""
        if self._visitors.pop(session.name, None) is not None:
            self._tell_who_is_here()

    def rename(self, session: Session, _path: str, message: object) -> None:
        """Call somebody something else."""
        name = clean(message, NAME_LENGTH)
        visitor = self._visitors.get(session.name)
        if name and visitor is not None:
            visitor.name = name
            self._tell_who_is_here()

    def say(self, session: Session, _path: str, message: object) -> None:
        """Tell everybody what somebody says."""
        text = clean(message, TEXT_LENGTH)
        visitor = self._visitors.get(session.name)
        if text and visitor is not None:
            line = {"by": session.name, "name": visitor.name, "text": text, "time": time.time()}
            self._said.append(line)
            self._app.update("chat/said", line)

    def _tell_who_is_here(self) -> None:
        people = [{"id": id_, "name": visitor.name} for id_, visitor in self._visitors.items()]
        self._app.update("chat/present", {"people": people[:PRESENT_SHOWN], "count": len(people)})

    def _free_name(self) -> str:
        taken = {visitor.name for visitor in self._visitors.values()}
        return next((name for name in NAMES if name not in taken), "A comet")


def clean(message: object, length: int) -> str:
    """Return what a client sent as one line of text of at most `length` characters."""
    return " ".join(message.split())[:length] if isinstance(message, str) else ""
