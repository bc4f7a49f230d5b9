"""What a message may hold besides the types that JSON and CBOR are made of: subclasses of these.

One rule for all entrances, the application and the connectors: an object of a subclass travels as the base
type has it, whatever else the subclass is. Only the base type's own methods are called.
"""

from __future__ import annotations


def plain_value(value: object) -> object:
    """Return what an object travels as whose class the encoder does not know.

    Raises:
        TypeError: if it is of none of these types.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    if isinstance(value, bytearray):
        return bytearray.__getitem__(value, slice(None))
    raise TypeError(f"there is no form for an object of type {type(value).__name__}")
