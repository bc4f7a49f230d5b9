"""What an operator can say about CSP."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section


@dataclass(frozen=True, kw_only=True)
class CspSection(Section):
    """Whether the Comet Session Protocol is spoken, and where."""

    csp: str | None = option(
        None, kinds.URL_PATH, "The URL path where the Comet Session Protocol is spoken, such as /csp."
    )
    csp_documents: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether its answers may be documents with scripts, and /reflect answers; any link can then run scripts here.",
    )
