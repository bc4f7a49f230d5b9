"""Verdicts, and how long they let somebody in."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.errors import ProtocolError, UsageError
from cometary.sessions import Admission
from cometary.sessions.admission import admission_of


@pytest.mark.parametrize("expires", [None, 1, 0.5, 10**12])
def test_seconds_are_taken(expires: float | None) -> None:
    assert admission_of(Admission({}, expires)).expires == expires


@pytest.mark.parametrize(
    "expires", [float("nan"), float("inf"), -float("inf"), 10**400, 1e300, "10", True, [1]]
)
def test_what_is_not_seconds_is_the_authenticators_mistake(expires: Any) -> None:
    with pytest.raises(UsageError, match="seconds"):
        Admission({}, expires)


@pytest.mark.parametrize("expires", [0, -1, -0.001])
def test_who_is_let_in_for_no_time_is_not_let_in(expires: float) -> None:
    with pytest.raises(ProtocolError, match="expired") as refusal:
        admission_of(Admission({}, expires))
    assert refusal.value.condition == "unauthorized"
