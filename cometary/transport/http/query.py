"""What is in the query of a request's target."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

MOST_MEMBERS: Final = 32


def members_of(query: bytes) -> dict[str, str]:
    """Return what is in a query: of each name what comes last; nothing, if there is too much.

    A query without escapes is taken apart here: `parse_qs` takes as long as all else that is done with a short request.
    """
    if query.count(b"&") >= MOST_MEMBERS:
        return {}
    text = query.decode("latin-1")
    if "%" in text or "+" in text:
        found = parse_qs(text, keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}
    members: dict[str, str] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            members[name] = value
    return members
