"""What an operator can configure about the application beside the sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Kind
from cometary.config.option import option
from cometary.config.section import Section

APPLICATION: Final[Kind[str]] = kinds.matching(
    r".+:[A-Za-z_][\w.]*", "MODULE:NAME, such as project.wsgi:application"
)


@dataclass(frozen=True, kw_only=True)
class HostingSection(Section):
    """Which application answers what is not the server's own."""

    wsgi: str | None = option(None, APPLICATION, "A WSGI application that answers at all other paths.")
    wsgi_threads: int = option(8, kinds.whole(1, 256), "The most requests that it answers at one time.")
    wsgi_queue: int = option(
        100, kinds.whole(0, 100_000), "The most further requests that wait; those beyond it are answered 503."
    )
    upload_bytes: int = option(
        64 * 1024 * 1024,
        kinds.whole(0, 1 << 40, "bytes"),
        "The longest body for the application; beyond body-bytes it gets it as it comes.",
    )
    asgi: str | None = option(None, APPLICATION, "An ASGI application that answers at all other paths.")
    asgi_loop: str = option(
        "asyncio",
        kinds.choice("asyncio", "trio"),
        "Where it runs: on asyncio in a thread of its own, or on the server's own loop.",
    )
    asgi_requests: int = option(
        100,
        kinds.whole(1, 100_000),
        "The most requests that it answers at one time; others are answered 503.",
    )
