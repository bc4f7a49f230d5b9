"""The newsroom of the documentation counts, spreads the news in spite of a crash, and reads what it wants."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from examples.newsroom import main


async def test_it_prints_what_happens(autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]) -> None:
    await main()
    assert capsys.readouterr().out.splitlines()[:8] == [
        "['ann', 'bob']",
        "2",
        "archive closed: crashed",
        "['good wine']",
        "archive closed: normal",
        "()",
        "read news 0 news 1",
        "read news 2 news 3",
    ]
