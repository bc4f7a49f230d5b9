"""The program of the guide on live actors prints what the guide says."""

from __future__ import annotations

import pytest
import trio

from examples import inspecting
from tests.servers import ROOT


def test_it_prints_what_the_guide_says(capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(inspecting.main)
    printed = capsys.readouterr().out
    assert "pear: 1" in printed
    guide = (ROOT / "docs" / "how-to" / "inspect-a-live-actor.md").read_text()
    assert f"<!-- printed by examples/inspecting.py -->\n```\n{printed}```\n" in guide
