"""Configuration: the table of options, and the three places that their values come from."""

from __future__ import annotations

from cometary.config.kinds import Address
from cometary.config.option import Option
from cometary.config.settings import OPTIONS, Settings
from cometary.config.sources import is_given, load

__all__ = ["OPTIONS", "Address", "Option", "Settings", "is_given", "load"]
