"""How bodies are written: what a codec is, and which one a request names."""

from __future__ import annotations

from cometary.transport.codecs import cbor, json
from cometary.transport.codecs.negotiation import Codec, negotiate, preferred

__all__ = ["Codec", "cbor", "json", "negotiate", "preferred"]
