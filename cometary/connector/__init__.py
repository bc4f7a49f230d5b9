"""The control interface as a back-end in Python calls it: blocking, on Trio or asyncio, or from an outbox."""

from __future__ import annotations

from cometary.connector.awaited import AsyncConnector
from cometary.connector.blocking import Connector
from cometary.connector.outbox import Outbox

__all__ = ["AsyncConnector", "Connector", "Outbox"]
