"""The server: its supervision tree, and how it starts and stops."""

from __future__ import annotations

from cometary.server.background import BackgroundServer
from cometary.server.running import Running
from cometary.server.serving import serve
from cometary.server.tree import Server

__all__ = ["BackgroundServer", "Running", "Server", "serve"]
