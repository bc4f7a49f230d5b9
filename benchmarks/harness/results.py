"""Keeps the reports: Markdown to read, JSON to compute with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness.workspace import RESULTS


def save(kind: str, text: str, data: Mapping[str, object], directory: Path = RESULTS) -> Path:
    """Writes one run's report, under the time of its end.

    Args:
        kind: What was measured; the beginning of the files' names.
        text: The report as Markdown.
        data: Everything it was made from.
        directory: Where the files go.

    Returns:
        The Markdown file; the JSON file lies beside it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{kind}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    report = directory / f"{name}.md"
    report.write_text(text, encoding="utf-8")
    raw = json.dumps(data, indent=1, ensure_ascii=False)
    report.with_suffix(".json").write_text(raw + "\n", encoding="utf-8")
    return report
