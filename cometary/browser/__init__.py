"""What browsers get from the server itself: the JavaScript client as one file, and a page for a server without pages.

    comet.js      the client, a module that imports nothing
    comet.d.ts    its types
    welcome.html  the page

The first two are made from `clients/javascript/src`, by `npm run served` there, and kept as they are made: whoever
installs the package needs no Node.js. A test sees to it that they are up to date.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

__all__ = ["CLIENT", "TYPES", "WELCOME", "hashed_name"]

CLIENT: Final = Path(__file__).with_name("comet.js")
TYPES: Final = Path(__file__).with_name("comet.d.ts")
WELCOME: Final = Path(__file__).with_name("welcome.html")


def hashed_name() -> str:
    """Return the name of the client's file that no other version of it has, such as `comet.1f0c83ab21d94e07.js`."""
    return f"comet.{hashlib.sha256(CLIENT.read_bytes()).hexdigest()[:16]}.js"
