"""Every request of the corpus gets the answer that its place in the corpus says, from a server of its own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cometary.errors import CONDITIONS
from tests.fuzzing.answers import CLOSED, OK
from tests.fuzzing.attack import answer
from tests.fuzzing.corpus import Entry, corpus
from tests.fuzzing.sessions import OPEN
from tests.fuzzing.target import Target, target


@pytest.fixture(scope="module")
def attacked() -> Iterator[Target]:
    with target() as running:
        yield running
        assert running.logged() == ""


@pytest.mark.parametrize("entry", corpus(), ids=[entry.name for entry in corpus()])
async def test_a_request_is_answered_as_it_should_be(attacked: Target, entry: Entry) -> None:
    sid = await OPEN[entry.interface](attacked.ports.comet)
    assert await answer(attacked.ports, entry, entry.content, sid) == entry.answer


def test_the_corpus_has_something_for_every_parser() -> None:
    kinds = {(entry.interface, entry.form) for entry in corpus()}
    ours = {(interface, form) for interface in ("comet", "control") for form in ("http", "json", "cbor")}
    assert kinds == ours | {(wire, "http") for wire in OPEN.keys() - {"comet", "control"}}
    answers = {entry.answer for entry in corpus() if (entry.interface, "json") in ours}
    assert answers <= {*CONDITIONS, OK, CLOSED}
