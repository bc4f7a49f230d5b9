"""The hotel of the documentation: rooms that start or not, and who is in them."""

from __future__ import annotations

import pytest

from examples import hotel


async def test_rooms_are_opened_once_and_found_with_their_guests(capsys: pytest.CaptureFixture[str]) -> None:
    await hotel.main()
    assert capsys.readouterr().out.splitlines() == [
        "13 did not start: there is no such room",
        "7 is open already: True",
        "seven is running",
        "and would be started again with (7,)",
        "left: [(8, 'Bob')]",
    ]
