"""Other people's text on a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return text that a terminal shows literally: anybody may have chosen a path."""
    return "".join(each if each.isprintable() else "?" for each in text)
