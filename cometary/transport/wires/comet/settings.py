"""What an operator can say of the comet protocol."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section


@dataclass(frozen=True, kw_only=True)
class CometSection(Section):
    """Where the comet endpoint is."""

    comet: str = option("/comet", kinds.URL_PATH, "The URL path of the comet endpoint.")
