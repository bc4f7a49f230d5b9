"""Webhooks as a back-end takes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
import pytest

from cometary.authentication.signature import TOLERANCE, read_secret, signed_headers
from cometary.contrib.events import TYPES, Events
from cometary.doors.webhooks.settings import EVENTS
from cometary.errors import UsageError

SECRET = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
BODY = msgspec.json.encode({"id": "1", "type": "signoff", "session": "a", "undelivered": []})


def headers(age: float = 0, body: bytes = BODY, event_id: str = "1") -> dict[str, str]:
    return signed_headers(read_secret(SECRET), event_id, int(time.time() - age), body)


def test_an_event_goes_to_all_functions_for_its_type_and_to_no_other() -> None:
    events, heard = Events(SECRET), list[Any]()
    for kind in ("signon", "signoff", "signoff"):
        events.on(kind)(heard.append)
    assert events.take(headers(), BODY) == HTTPStatus.NO_CONTENT
    assert [event["session"] for event in heard] == ["a", "a"]


@pytest.mark.parametrize(
    "forge",
    [
        dict,
        lambda: headers(body=BODY + b" "),
        lambda: headers(age=TOLERANCE + 10),
        lambda: headers(age=-TOLERANCE - 60),
        lambda: {**headers(), "webhook-id": "2"},
        lambda: {**headers(), "webhook-id": "\ud800"},
        lambda: {**headers(), "webhook-timestamp": "9" * 10_000},
        lambda: {**headers(), "webhook-timestamp": "٣"},
        lambda: {**headers(), "webhook-signature": "v1,é v2,"},
    ],
)
def test_what_is_not_signed_as_it_is_or_is_old_is_refused(forge: Callable[[], dict[str, str]]) -> None:
    assert Events(SECRET).take(forge(), BODY) == HTTPStatus.UNAUTHORIZED


def test_without_a_secret_nothing_is_taken() -> None:
    assert Events(None).take(headers(), BODY) == HTTPStatus.UNAUTHORIZED


def test_there_are_the_types_that_the_server_tells_of() -> None:
    assert set(TYPES) == set(EVENTS)


def test_there_is_no_other_type() -> None:
    with pytest.raises(UsageError, match="signon, signoff"):
        Events(SECRET).on("signout")


def test_what_a_function_raises_is_raised_so_that_the_event_comes_again() -> None:
    events = Events(SECRET)

    @events.on("signoff")
    def fail(event: dict[str, Any]) -> None:
        raise LookupError(event["session"])

    with pytest.raises(LookupError):
        events.take(headers(), BODY)
