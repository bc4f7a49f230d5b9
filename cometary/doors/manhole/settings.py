"""What an operator can configure about the manhole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Kind
from cometary.config.option import option
from cometary.config.section import Section

SOCKET: Final[Kind[str]] = kinds.matching(
    r"[^\0]{1,100}", "the path of a Unix socket, of at most 100 characters"
)


@dataclass(frozen=True, kw_only=True)
class ManholeSection(Section):
    """Where the prompt is."""

    manhole: str | None = option(
        None, SOCKET, "The Unix socket of a prompt in the server, for the server's user alone."
    )
