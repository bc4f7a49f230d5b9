"""The application: what a user writes against, and how its handlers are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.app.app import App
from cometary.app.socket import Socket

if TYPE_CHECKING:
    from cometary.app.app import Task as Task
    from cometary.app.authenticators import Authenticator as Authenticator

__all__ = ["App", "Socket"]
