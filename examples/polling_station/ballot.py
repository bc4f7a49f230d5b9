"""Votes, and counting them: each once, however often it is sent. No socket, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple


class Question(NamedTuple):
    """What people are asked, and what they can answer."""

    name: str
    text: str
    answers: Sequence[str]


class Vote(NamedTuple):
    """A tag that somebody has put on a reader.

    Attributes:
        id: of the vote, the same however often it is sent.
        question: the name of the question.
        answer: the answer that the reader stands for.
        tag: the tag's own number.
    """

    id: str
    question: str
    answer: str
    tag: str


Outcome = Literal["counted", "changed", "again", "unknown"]
"""It counts; it counts in the place of an earlier one; the person has voted before; nobody has that tag."""


class Ballot:
    """All votes on all questions.

    Args:
        people: who has which tag.
        may_change: whether a second vote counts in the place of the first.
    """

    def __init__(self, people: Mapping[str, str], *, may_change: bool = False) -> None:
        self._people = people
        self._may_change = may_change
        self._outcomes: dict[str, Outcome] = {}
        self._choices: dict[tuple[str, str], str] = {}

    def cast(self, vote: Vote) -> Outcome:
        """Take a vote; a repeat changes nothing, and has the same outcome."""
        if vote.id not in self._outcomes:
            self._outcomes[vote.id] = self._count(vote)
        return self._outcomes[vote.id]

    def tally(self, question: Question) -> list[tuple[str, int]]:
        """Return how many votes each answer has, the most first."""
        counts = Counter(answer for (name, _), answer in self._choices.items() if name == question.name)
        return sorted(((answer, counts[answer]) for answer in question.answers), key=lambda each: -each[1])

    def _count(self, vote: Vote) -> Outcome:
        person = self._people.get(vote.tag)
        if person is None:
            return "unknown"
        before = self._choices.get((vote.question, person))
        if before is not None and (before == vote.answer or not self._may_change):
            return "again"
        self._choices[vote.question, person] = vote.answer
        return "counted" if before is None else "changed"
