"""Draws what the model says, by matplotlib in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import BENCHMARKS, ROOT, output_of
from benchmarks.scale.model import BUSY, Constants, Need, need
from benchmarks.scale.workloads import WORKLOADS

PLOTS: Final = BENCHMARKS / "plots"
IMAGES: Final = ROOT / "docs" / "images"
DRAW_SECONDS: Final = 120

SESSIONS: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
A_NODE: Final = 10_000
"""Sessions that each node has."""

QUESTIONS: Final[tuple[tuple[str, str, str, Callable[[Need], float]], ...]] = (
    ("nodes", "All nodes, 10,000 sessions on each", "cores busy", lambda it: it.node_cores),
    ("engine", f"The engine: one server is enough up to {BUSY}", "cores busy", lambda it: it.engine_cores),
    ("links", "Of the nodes' work: updates to other nodes", "cores busy", lambda it: it.links),
)


def data(constants: Constants) -> dict[str, Any]:
    """Return what is to be drawn, as `draw.py` reads it."""
    return {"prefix": "scale", "questions": [_question(constants, *each) for each in QUESTIONS]}


def _question(
    constants: Constants, name: str, title: str, unit: str, value: Callable[[Need], float]
) -> dict[str, Any]:
    curves = dict[str, list[dict[str, Any]]]()
    for workload in WORKLOADS:
        values = {
            sessions: value(need(constants, workload, sessions, max(1, sessions // A_NODE)))
            for sessions in SESSIONS
        }
        shown = [{"x": sessions, "rounds": [busy]} for sessions, busy in values.items() if busy > 0]
        if len(shown) > 1:
            curves[workload.name.partition(":")[0].partition(",")[0]] = shown
    limit = BUSY if name == "engine" else None
    return {"name": name, "title": title, "x": "sessions", "y": unit, "limit": limit, "curves": curves}


def draw(kit: Kit, constants: Constants, folder: Path = IMAGES) -> list[Path]:
    """Draw one plot for each question; returns the files.

    Raises:
        UnavailableError: what draws them cannot be had.
    """
    python = kit.environment(PLOTS / "requirements.txt")
    with TemporaryDirectory(prefix="bench-") as scratch:
        found = Path(scratch, "scale.json")
        found.write_text(json.dumps(data(constants)), encoding="utf-8")
        output_of([python, str(PLOTS / "draw.py"), str(found), str(folder)], seconds=DRAW_SECONDS)
    return sorted(folder.glob("scale-*.svg"))
