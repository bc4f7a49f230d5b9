"""The five programs that are written twice: what Cometary's do, and that they are no longer than Elixir's."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
from trio.testing import MockClock

FIVE = Path(__file__).parents[2] / "examples" / "five"
PRINTS = {
    "counter": ["2"],
    "bank": ["insufficient funds", "7 0"],
    "rate_limiter": ["[True, True, False]", "True"],
    "worker_pool": [str(number**2) for number in range(6)],
    "pub_sub": ["ann reads: two to one", "ann reads: rain", "bob reads: rain", "ann reads: sun"],
}


@pytest.mark.parametrize("name", PRINTS)
async def test_it_does_what_it_says(
    name: str, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await importlib.import_module(f"examples.five.{name}").main()
    printed = capsys.readouterr().out.splitlines()
    if name == "worker_pool":  # in whatever order; and what has been asked for is done before the end
        printed = sorted(printed, key=int)[:6]
    assert printed == PRINTS[name]


@pytest.mark.parametrize("name", PRINTS)
def test_it_is_no_longer_than_its_twin(name: str) -> None:
    source, twin = (FIVE / f"{name}.py").read_text(), (FIVE / f"{name}.exs").read_text()
    lines = [line for line in ast.unparse(_undocumented(source)).splitlines() if line.strip()]
    assert len(lines) <= sum(bool(line.strip()) for line in twin.splitlines())


def _undocumented(source: str) -> ast.Module:
    """The program without its docstrings; a statement is one line, as it is written there."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node) is not None
        ):
            node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    return tree
