"""The downloads of the documentation: in order, bounded, and each with its own outcome."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from examples.downloads import main


async def test_it_prints_what_came_and_what_did_not(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await main()
    assert capsys.readouterr().out.splitlines() == [
        "ONE",
        "A",
        "B",
        "C",
        "a A NoneType",
        "missing None LookupError",
        "slow None Timeout",
        "{'news': 'NEWS'}",
    ]
