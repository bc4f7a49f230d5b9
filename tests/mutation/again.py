"""What has survived, kept for the next time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.mutation.mutant import Key
from tests.mutation.trial import NOTICED, Outcome

FILE: Final = Path(".cache/mutation-survivors.json")


def survivors(root: Path) -> set[Key]:
    """All that nothing has noticed when they were tried last, listed as harmless or not."""
    file = root / FILE
    return {Key(*each) for each in json.loads(file.read_text())} if file.is_file() else set()


def remember(outcomes: Iterable[Outcome], root: Path) -> None:
    """Keep what has survived now, in place of what was known of the same mutants."""
    tried = {each.mutant.key: each.verdict in NOTICED for each in outcomes}
    alive = survivors(root) - tried.keys() | {key for key, noticed in tried.items() if not noticed}
    (root / FILE).write_text(json.dumps(sorted(alive)))
