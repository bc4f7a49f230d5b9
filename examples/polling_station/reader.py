"""A reader as an actor: it looks for a tag five times a second, and casts a vote when one is put there.

If the plug is pulled, it crashes, and its supervisor tries again after a pause that grows: nothing else is written for
that. A tag that stays where it is counts once, and so does one that was there before a crash: its owner has voted.
"""

from __future__ import annotations

import secrets
from typing import Any

from cometary.actors import Actor
from examples.polling_station.ballot import Vote
from examples.polling_station.box import Box
from examples.polling_station.serial_port import SELECT_TAG, SerialPort, tag_in

EVERY = 0.2
"""Seconds from one look to the next."""


class Reader(Actor):
    """Stands for one answer to one question.

    Args:
        question: the name of the question.
        answer: the answer.
        port: where it is.
        box: takes the votes.
    """

    def __init__(self, question: str, answer: str, port: SerialPort, box: Box) -> None:
        super().__init__()
        self._question, self._answer = question, answer
        self._port, self._box = port, box
        self._there: str | None = None

    def on_start(self) -> None:
        """Begin to look."""
        self._next_look = self.timer("look")
        self._next_look.start(0)

    async def on_receive(self, message: Any) -> None:  # noqa: ARG002 - it is always time to look
        """See which tag is there."""
        tag = tag_in(await self._port.ask(SELECT_TAG))
        if tag is not None and tag != self._there:
            self._box.put(Vote(secrets.token_hex(8), self._question, self._answer, tag))
        self._there = tag
        self._next_look.start(EVERY)
