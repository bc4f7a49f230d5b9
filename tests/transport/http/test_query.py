"""What is in a query: the same as the standard library finds, whichever way it is read."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.http.query import MOST_MEMBERS, members_of


@given(st.text("ab=&%+2;\xe4", max_size=20).map(lambda text: text.encode("latin-1")))
def test_a_query_is_read_as_the_standard_library_reads_it(query: bytes) -> None:
    found = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    assert members_of(query) == {name: values[-1] for name, values in found.items()}


@pytest.mark.parametrize("first", [b"a", b"%61"])
def test_of_a_query_with_too_much_in_it_nothing_is_read(first: bytes) -> None:
    query = b"&".join([first, *[b"%d" % number for number in range(MOST_MEMBERS - 1)]])
    assert len(members_of(query)) == MOST_MEMBERS
    assert members_of(query + b"&") == {}
