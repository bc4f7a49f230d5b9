"""The program of the guide on finding actors prints what the guide says."""

from __future__ import annotations

import pytest
import trio

from examples import newsstand
from tests.servers import ROOT


def test_it_prints_what_the_guide_says(capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(newsstand.main)
    printed = capsys.readouterr().out
    assert "left: [('sports', 'Bob')]" in printed
    guide = (ROOT / "docs" / "how-to" / "find-actors.md").read_text()
    assert f"<!-- printed by examples/newsstand.py -->\n```\n{printed}```\n" in guide
