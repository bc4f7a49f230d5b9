"""The types that the comments of the demo's page give, and those of the inspector's, are right."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_types_in_the_comments_of_the_pages_are_right() -> None:
    tsc = ROOT / "node_modules/.bin/tsc"
    result = subprocess.run(
        [tsc, "--project", ROOT / "tests/demo/tsconfig.json"], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")
