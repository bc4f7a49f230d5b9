"""What an operator can say about the comet protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section

WEBSOCKET: Final = "websocket"

STREAMS: Final = "streams"

WIRES: Final = (WEBSOCKET, STREAMS)
"""The wires beside long-polling, by the names that operators call them."""


@dataclass(frozen=True, kw_only=True)
class CometSection(Section):
    """Where the comet endpoint is."""

    comet: str = option("/comet", kinds.URL_PATH, "The URL path of the comet endpoint.")
    wires: tuple[str, ...] = option(
        WIRES,
        kinds.several(
            kinds.choice(*WIRES), f"wires, of {', '.join(WIRES)}, separated by commas, or nothing for none"
        ),
        "The wires that clients are offered beside long-polling.",
    )
