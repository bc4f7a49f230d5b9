"""What the tests of the protocol may ask for; all that is the protocol's own is tested at both doors.

`FRONT_END_ALONE` says what is not: what an ASGI server does by itself, in its own way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from tests.protocol.client import Recorder, World, door, serving

SECOND: Final = "hypercorn"

FRONT_END_ALONE: Final = {
    "test_bad_input": "HTTP that is malformed or too much is the server's own affair",
    "test_few_descriptors": "whose connections are taken is the server's own affair",
    "test_floods": "who waits for whom is measured in turns of the front end",
    "test_stalls": "what was not read while the process stood still is the server's own affair",
    "test_vanished_peers": "a peer that vanished is the server's own to notice",
    "test_zombies": "the same",
    "test_malformed_http_is_answered_and_the_connection_closed": "the server's own answer",
    "test_a_body_needs_its_length": "the server takes a body without one for none",
    "test_headers_have_a_limit": "the server has limits of its own",
    "test_two_requests_on_one_connection_are_answered_in_order": "Hypercorn reads one request after the other",
    "test_the_second_of_two_pipelined_requests_may_send": "the same",
    "test_the_drop_of_both_pipelined_requests_is_noticed": "the same",
    "test_who_brings_the_cookie_is_the_session": "the same",
    "test_an_idle_connection_is_closed_after_its_time_but_a_held_one_is_not": "the server has times of its own",
    "test_http_1_0_reads_until_the_connection_ends": "how a body is cut up is the server's own affair",
    "test_another_version_is_told_which_one_is_spoken": "so is the handshake of a WebSocket",
    "test_a_page_of_a_foreign_origin_gets_none": "the same; tests/asgi has it that the answer is 403",
    "test_a_protocol_that_nobody_speaks_is_refused": "the same",
    "test_what_comes_with_the_handshake_is_not_lost": "the same; Hypercorn refuses it",
    "test_what_is_no_frame_closes_the_connection_and_the_session_waits": "so are frames",
    "test_a_message_takes_as_long_as_it_gets_on": "the same",
    "test_who_does_not_answer_a_close_is_closed_on": "the same",
    "test_a_server_that_stops_tells_every_session": "the server stops its connections in its own time",
    "test_a_handler_that_never_ends_does_not_keep_the_server_from_stopping": "the same",
}
"""Modules and tests that are of the front end, each with the reason."""


@pytest.fixture(autouse=True, params=["front end", SECOND])
def by_each_door(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have clients come in by one door, and then by the other."""
    token = door.set(request.param)
    yield
    door.reset(token)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is of the front end alone, and has been asked for at the other door."""
    items[:] = [item for item in items if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    if parameters is None or parameters.params.get("by_each_door") != SECOND:
        return False
    return item.path.stem in FRONT_END_ALONE or getattr(item, "originalname", "") in FRONT_END_ALONE


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    """A server that runs the recorder's application."""
    async with serving(recorder.app) as world:
        yield world
