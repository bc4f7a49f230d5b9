"""What one client may take: as much as the limit, and not one more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cometary.errors import ProtocolError
from cometary.transport.http.limits import Limits, check_body, check_count, check_size

LIMITS = Limits(header_bytes=10, headers=20, body_bytes=30)


def check_length(length: int, limits: Limits) -> None:
    check_body(length, limits.body_bytes)


@pytest.mark.parametrize(
    ("check", "most", "condition"),
    [
        (check_size, 10, "headers-too-large"),
        (check_count, 20, "headers-too-large"),
        (check_length, 30, "too-large"),
    ],
)
def test_as_much_as_the_limit_is_taken_and_one_more_is_refused(
    check: Callable[[int, Limits], None], most: int, condition: str
) -> None:
    check(0, LIMITS)
    check(most, LIMITS)
    with pytest.raises(ProtocolError, match=str(most)) as refused:
        check(most + 1, LIMITS)
    assert refused.value.condition == condition
