"""The second door: the same endpoint as an ASGI application, for servers and applications of others.

`CometASGI` is mounted in Starlette, FastAPI or Quart, or is the application itself, under Hypercorn on Trio or on
asyncio's servers. What it costs, and which door to use for what: `docs/how-to/asgi.md`.
"""

from __future__ import annotations

from cometary.asgi.application import CometASGI

__all__ = ["CometASGI"]
