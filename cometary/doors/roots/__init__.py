"""The Roots family, so that its clients and back-ends of 2009 work unchanged.

Dolores has the Thestrals and passes on what they say; Pig knows who hears what; by Imperio and Dudley back-ends say
something, by Firenze browsers hear it.
"""

from __future__ import annotations

from cometary.doors.roots.dolores import Dolores
from cometary.doors.roots.imperio import Logger, Writer
from cometary.doors.roots.pig import Pig
from cometary.doors.roots.thestral import Thestral

__all__ = ["Dolores", "Logger", "Pig", "Thestral", "Writer"]
