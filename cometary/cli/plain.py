"""Text of others on a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return what a terminal shows as it is: paths are anybody's text."""
    return "".join(each if each.isprintable() else "?" for each in text)
