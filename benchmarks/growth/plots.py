"""Draws the plots of the documentation, by matplotlib in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.growth import report
from benchmarks.growth.question import Question
from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import BENCHMARKS, ROOT, output_of

PLOTS: Final = BENCHMARKS / "plots"
IMAGES: Final = ROOT / "docs" / "images"
DRAW_SECONDS: Final = 120


def draw(kit: Kit, questions: Sequence[Question], folder: Path = IMAGES) -> list[Path]:
    """Draws one plot for each question that has several values to be compared.

    Returns:
        The files.

    Raises:
        UnavailableError: What draws them cannot be had.
    """
    python = kit.environment(PLOTS / "requirements.txt")
    with TemporaryDirectory(prefix="bench-") as scratch:
        found = Path(scratch, "growth.json")
        found.write_text(json.dumps(report.data(questions, {})), encoding="utf-8")
        output_of([python, str(PLOTS / "draw.py"), str(found), str(folder)], seconds=DRAW_SECONDS)
    return sorted(folder.glob("growth-*.svg"))
