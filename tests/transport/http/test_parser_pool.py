"""Who has which parser: those between requests share one, and one in the middle of a request has its own."""

from __future__ import annotations

import pytest

from cometary.transport.http.limits import Limits
from cometary.transport.http.parser_pool import SPARE, ParserPool
from cometary.transport.http.request_parser import RequestParser
from tests.transport.wire import get, post

BODY = post(b"body")
LAST = get(b"/", b"Connection: close")


def is_closed(parser: RequestParser) -> bool:
    """Whether `parser` is of no more use."""
    return not hasattr(parser, "_llhttp")


def test_a_request_in_one_piece_passes_through_the_shared_parser() -> None:
    pool = ParserPool(Limits())
    shared = pool.shared
    for _ in range(2):
        assert len(shared.feed(BODY)) == 1
        assert pool.keeps(shared) is None
        assert pool.shared is shared
    assert not is_closed(shared)


def test_who_is_in_the_middle_of_a_request_has_the_parser_alone_until_its_end() -> None:
    pool = ParserPool(Limits())
    own = pool.shared
    own.feed(BODY[:-2])
    assert pool.keeps(own) is own
    assert pool.shared is not own
    own.feed(BODY[-2:-1])
    assert pool.keeps(own) is own
    own.feed(BODY[-1:])
    assert pool.keeps(own) is None
    next_one = pool.shared
    next_one.feed(BODY[:-2])
    pool.keeps(next_one)
    assert pool.shared is own, "it is used again"
    assert not is_closed(own)


def test_parsers_enforce_the_limits_and_take_the_uploads_of_their_pool() -> None:
    pool = ParserPool(Limits(body_bytes=3), lambda path: 9 if path == "/files" else 0)
    for _ in range(2):
        parser = pool.shared
        (refused,) = parser.feed(BODY)
        assert refused.fault is not None
        assert pool.keeps(parser) is None
        parser = pool.shared
        (taken,) = parser.feed(post(b"body", path=b"/files")[:-1])
        assert taken.upload is not None
        assert pool.keeps(parser) is parser
        parser.close()


def test_one_that_has_seen_the_last_request_is_of_no_more_use() -> None:
    pool = ParserPool(Limits())
    shared = pool.shared
    shared.feed(LAST)
    assert pool.keeps(shared) is None
    assert is_closed(shared)
    assert pool.shared is not shared
    own = pool.shared
    own.feed(LAST[:-1])
    assert pool.keeps(own) is own
    own.feed(LAST[-1:])
    assert pool.keeps(own) is None
    assert is_closed(own)


@pytest.mark.parametrize("left", [BODY[:-1], LAST], ids=["midway", "finished"])
def test_one_of_a_connection_that_was_cut_off_is_not_used_again(left: bytes) -> None:
    pool = ParserPool(Limits())
    parser = RequestParser(Limits())
    parser.feed(left)
    pool.take_back(parser)
    assert is_closed(parser)


def test_only_so_many_are_kept_for_later() -> None:
    pool = ParserPool(Limits())
    parsers = [RequestParser(Limits()) for _ in range(SPARE + 1)]
    for parser in parsers:
        pool.take_back(parser)
    assert [is_closed(parser) for parser in parsers] == [False] * SPARE + [True]
