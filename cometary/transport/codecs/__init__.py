"""How bodies are written: what a codec is, and which one a request's Content-Type names."""

from __future__ import annotations

from typing import Protocol


class Codec(Protocol):
    """A way to write values as bytes; the modules of this package are its implementations."""

    @property
    def name(self) -> str:
        """A short name, for people and for tables."""
        ...

    @property
    def content_type(self) -> bytes:
        """The media type of what `encode` returns."""
        ...

    def encode(self, value: object) -> bytes:
        """`value` as bytes."""
        ...

    def decode(self, body: bytes) -> object:
        """The value that `body` holds.

        Raises:
            ProtocolError: `bad-request`, the sender's fault.
        """
        ...
