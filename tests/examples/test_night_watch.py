"""The program of the guide on time and ends prints what the guide says."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from examples import night_watch
from tests.servers import ROOT


async def test_it_prints_what_the_guide_says(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await night_watch.main()
    printed = capsys.readouterr().out
    assert autojump_clock.current_time() < 1
    guide = (ROOT / "docs" / "how-to" / "time-and-ends.md").read_text()
    assert f"<!-- printed by examples/night_watch.py -->\n```\n{printed}```\n" in guide
