"""The polling station: readers, a ballot box, the site, and what pages and XMPP clients are told.

application
├── site        a function: the site, which counts
├── box         a function: sends the site what is in the ballot box
├── readers     a supervisor: an actor for each reader
├── results     a function: says what has changed, at most ten times a second
└── xmpp        a supervisor: the same for clients of XMPP, if there is a server
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from cometary import App
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec
from examples.polling_station.ballot import Ballot, Question, Vote
from examples.polling_station.box import Box
from examples.polling_station.network import Network
from examples.polling_station.reader import Reader
from examples.polling_station.serial_port import SerialPort
from examples.polling_station.site import Site

AGAIN = Backoff(min=0.2, max=2.0)
"""How long a reader that fails is left alone."""

PAUSE = 0.1
"""Seconds between two results at least."""


class Station:
    """One polling station.

    Args:
        app: whose pages are told.
        questions: what is asked.
        people: who has which tag.
        readers: how many readers there are for each answer; they are apart from each other.
        may_change: whether a second vote counts in the place of the first.

    Attributes:
        ports: those of the readers, by their names, such as `where/Lisbon/1`.
        network: what is between the box and the site.
        ballot: counts.
        box: has the votes that the site has not got yet.
    """

    def __init__(
        self,
        app: App,
        questions: Sequence[Question],
        people: Mapping[str, str],
        *,
        readers: int = 2,
        may_change: bool = False,
    ) -> None:
        self._app = app
        self._questions = {question.name: question for question in questions}
        self._changed = set(self._questions)
        self._news = trio.Event()
        self._log: deque[tuple[str, str, str]] = deque(maxlen=8)
        self.network = Network()
        self.ballot = Ballot(people, may_change=may_change)
        self.box = Box(self.network, self._counted)
        self.ports = {
            f"{question.name}/{answer}/{number}": SerialPort()
            for question in questions
            for answer in question.answers
            for number in range(1, readers + 1)
        }

    def children(self) -> list[ChildSpec]:
        """Return what it runs."""
        site = Site(self.ballot, self._has_changed)
        readers: list[ChildSpec] = []
        for name, port in self.ports.items():
            question, answer, _ = name.split("/")
            readers.append(ChildSpec(name, Reader, (question, answer, port, self.box)))
        # Each reader that is not plugged in is started again every two seconds, and all of them may be at once.
        patient = SupervisorSpec(readers, intensity=10 * len(readers), period=5.0, backoff=AGAIN)
        return [
            ChildSpec("site", site.serve, (self.network,)),
            ChildSpec("box", self.box.send_all),
            ChildSpec("readers", patient),
            ChildSpec("results", self._tell),
        ]

    def refresh(self) -> None:
        """Tell how the station is, soon."""
        self._news.set()

    def result(self, question: Question) -> dict[str, Any]:
        """Return what is told of one question."""
        tally = self.ballot.tally(question)
        return {"text": question.text, "total": sum(votes for _, votes in tally), "answers": tally}

    def state(self) -> dict[str, Any]:
        """Return what is told of the station."""
        return {
            "readers": len(self.ports),
            "unplugged": [name for name, port in self.ports.items() if not port.plugged],
            "network": self.network.up,
            "waiting": len(self.box),
            "log": list(self._log),
        }

    async def _tell(self) -> None:
        while True:
            self._news = trio.Event()
            for name in sorted(self._changed):
                self._app.update(f"polls/{name}", self.result(self._questions[name]))
            self._changed.clear()
            self._app.update("station", self.state())
            await trio.sleep(PAUSE)
            with trio.move_on_after(1):  # what waits in the box changes without a word
                await self._news.wait()

    def _has_changed(self, question: str) -> None:
        self._changed.add(question)
        self._news.set()

    def _counted(self, vote: Vote, outcome: str) -> None:
        self._log.appendleft((vote.tag, vote.answer, outcome))
        self._news.set()
