"""The control interface as a back-end in Python calls it: blocking, or on Trio."""

from __future__ import annotations

from cometary.connector.blocking import Connector
from cometary.connector.on_trio import AsyncConnector

__all__ = ["AsyncConnector", "Connector"]
