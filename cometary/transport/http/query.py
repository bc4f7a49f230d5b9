"""What is in the query of a request's target."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

MOST_MEMBERS: Final = 32


def members_of(query: bytes) -> dict[str, str]:
    """Return what is in a query: of each name what comes last; nothing, if there is too much."""
    try:
        found = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_MEMBERS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in found.items()}
