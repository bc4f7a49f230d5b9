"""The database of the guide on blocking work: it crashes, is restarted, and nothing else is lost."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from cometary.supervision import abandoned_threads
from examples.blocking_work import run

PROGRAM = Path(__file__).parents[2] / "examples/blocking_work.py"


async def test_a_crash_costs_the_message_and_nothing_else(tmp_path: Path) -> None:
    stock, errors = await run(str(tmp_path / "stock.sqlite"), str(tmp_path / "archive.txt"))
    assert stock == {"apples": 5, "pears": 4}
    assert errors == ["ValueError('not enough values to unpack (expected 2, got 1)')"]
    assert (tmp_path / "archive.txt").read_text().splitlines() == ["3 of apples", "4 of pears", "2 of apples"]
    assert not abandoned_threads()


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "'apples': 5" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["archive.txt", "stock.sqlite"]
