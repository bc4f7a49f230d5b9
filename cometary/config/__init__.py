"""Configuration: what options and sections are, and the three places that values come from.

Options are declared in the rooms that go by them; `cometary.settings` puts them all together. The result is the
`Settings` of a server, public under the name of this package and imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.config.kinds import Address
from cometary.config.option import Option
from cometary.config.section import Section
from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.settings import Settings

__all__ = ["Address", "Option", "Section", "Settings"]

_find = importer(__name__, {"Settings": "cometary.settings"})


def __getattr__(name: str) -> Any:
    return _find(name)
