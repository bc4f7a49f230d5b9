"""What an operator can configure about files."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section


@dataclass(frozen=True, kw_only=True)
class FilesSection(Section):
    """What browsers get besides the application's files."""

    welcome_page: str = option(
        "on",
        kinds.choice("off", "on"),
        "Whether there is a welcome page at /, to try the server out with, if nothing else is there.",
    )
