"""How deep what is sent may be nested: the same for bodies that come and bodies that go.

A message that was too deep for one encoding could not be delivered to the clients that use it, so that
the depth is the same for all, and looked at where the message is sent.
"""

from __future__ import annotations

import re
from typing import Final

DEEPEST: Final = 64
"""The most levels of arrays and objects in a body."""

AROUND: Final = 3
"""Levels of a body around a message: the body, its packets, the packet."""

SHORTEST: Final = 2 * (DEEPEST - AROUND)
"""Bytes that anything deeper has at least."""

# Only ever run on what is well-formed: there every string ends, so that the search is
# linear and never takes the end of one string for the beginning of the next.
_find_brackets = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]+|[\]}]+').findall


def is_too_deep(json: bytes, deepest: int = DEEPEST) -> bool:
    """Whether `json`, which is well-formed, has more than `deepest` levels."""
    if len(json) <= 2 * deepest or json.count(b"[") + json.count(b"{") <= deepest:
        return False
    depth = 0
    for token in _find_brackets(json):
        if token[:1] in b"[{":
            depth += len(token)
            if depth > deepest:
                return True
        elif token[:1] in b"]}":
            depth -= len(token)
    return False
