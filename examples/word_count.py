"""A plain blocking program that uses actors as it would Pykka's: `system_in_thread`.

python examples/word_count.py
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cometary.actors import Actor, get_all, system_in_thread

TEXTS = ("the comet has a tail", "the tail of the comet", "a comet and another comet")


class WordCounter(Actor):
    """Counts the words of one text at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = 0

    def count(self, text: str) -> Counter[str]:
        """Return how often each word is there."""
        self.texts += 1
        return Counter(text.split())


def count_words(texts: Sequence[str], workers: int = 2) -> Counter[str]:
    """Count the words of all texts together; blocks until it is done."""
    with system_in_thread():
        counters = [WordCounter.start().proxy() for _ in range(workers)]
        counts = [counters[number % workers].count(text) for number, text in enumerate(texts)]
        return sum(get_all(counts), Counter[str]())


if __name__ == "__main__":
    for word, number in count_words(TEXTS).most_common(3):
        print(number, word)
