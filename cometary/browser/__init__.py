"""What browsers get from the server itself: the JavaScript client as one file, and the welcome page.

    comet.js      the client, a module that imports nothing
    comet.d.ts    its types
    welcome.html  the welcome page, of a server without pages

The first two are built from `clients/javascript/src`, by `npm run served` there, and committed: whoever
installs the package needs no Node.js. A test checks that they are up to date.
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
