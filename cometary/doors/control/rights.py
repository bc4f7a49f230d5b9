"""What a back-end may do, by the secret that it shows.

1.  A secret has all rights, or some: an operator writes them after it, `update=orders/** read`.
2.  Secrets are compared in constant time, each with what was given, even once one has been found.
3.  They may be replaced while the server runs; from then on only the new ones are good.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from cometary.errors import PatternError, UsageError
from cometary.packets.patterns import Grants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CALLS: Final[dict[str, Sequence[str]]] = {
    "update": ("POST /update", "POST /batch"),
    "send": ("POST /send", "POST /ask"),
    "connect": ("POST /connect", "POST /disconnect"),
    "kick": ("POST /kick",),
    "read": (
        "GET /sessions",
        "GET /session",
        "GET /ended",
        "GET /trace",
        "GET /crashes",
        "GET /nodes",
        "GET /receipts",
        "GET /statistics",
        "GET /tree",
        "GET /metrics",
        "POST /history",
        "POST /presence",
    ),
    "operate": ("POST /reload", "POST /drain", "POST /actor", "POST /crash"),
}
"""The calls that each right is for."""

WITH_PATHS: Final = ("update", "send", "connect")
"""The rights that may be limited to certain paths."""

ALL: Final = "all"
EVERY_PATH: Final = "**"


class Rights:
    """What one secret is good for.

    Args:
        paths: the rights, each with the paths and patterns that it is for; `**` for all.

    Attributes:
        calls: what may be called: methods and paths of URLs.
    """

    __slots__ = ("_paths", "calls")

    def __init__(self, paths: dict[str, Grants]) -> None:
        self._paths = paths
        self.calls = frozenset(call for right in paths for call in CALLS[right])

    def cover(self, right: str, pattern: str) -> bool:
        """Whether a right is for all paths that `pattern`, which may not even be one, covers."""
        grants = self._paths.get(right)
        if grants is None:
            return False
        return EVERY_PATH in grants.texts or grants.cover_text(pattern)


EVERYTHING: Final = Rights({right: Grants([EVERY_PATH]) for right in CALLS})


def read_rights(words: Iterable[str]) -> Rights:
    """Read rights such as `update=orders/** read`.

    Raises:
        UsageError: they are not rights; their author's fault. The message repeats none of the words.
    """
    paths: dict[str, list[str]] = {}
    for word in words:
        right, equals, pattern = word.partition("=")
        if word == ALL:
            return EVERYTHING
        if right not in CALLS or (equals and right not in WITH_PATHS):
            raise UsageError(f"a right is one of {ALL}, {', '.join(CALLS)}")
        paths.setdefault(right, []).append(pattern if equals else EVERY_PATH)
    if not paths:
        raise UsageError("a secret without rights is good for nothing")
    try:
        return Rights({right: Grants(patterns) for right, patterns in paths.items()})
    except PatternError:
        raise UsageError("what follows the = of a right is a path or a pattern") from None


class Secrets:
    """The secrets of one server, and what each is good for.

    Args:
        secret: the one that is good for everything; None if there is none.
        others: the others, each with its rights behind it.
    """

    __slots__ = ("_known",)

    def __init__(self, secret: str | None = None, others: Iterable[str] = ()) -> None:
        self._known: list[tuple[bytes, Rights]] = []
        self.replace(secret, others)

    def replace(self, secret: str | None, others: Iterable[str]) -> None:
        """Know these from now on, and no others.

        Raises:
            UsageError: see `read_rights`; nothing has changed.
        """
        known = [] if secret is None else [(secret.encode(), EVERYTHING)]
        for line in others:
            name, *words = line.split()
            known.append((name.encode(), read_rights(words)))
        self._known = known

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def rights(self) -> list[Rights]:
        """What each of the secrets is good for."""
        return [rights for _, rights in self._known]

    def rights_of(self, given: bytes) -> Rights | None:
        """Return what a secret is good for; None if it is unknown."""
        found: Rights | None = None
        for secret, rights in self._known:
            if hmac.compare_digest(given, secret):
                found = rights
        return found

    def allow_everything(self, given: str) -> bool:
        """Whether what was given is good for everything; if there are no secrets, nothing has to be given."""
        return not self._known or self.rights_of(given.encode(errors="replace")) is EVERYTHING
