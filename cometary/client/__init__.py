"""The client for programs on Trio, and, in modules without sockets, the client's half of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.client.comet import Comet
    from cometary.client.shapes import Member, Present, Refused, Reopened

__all__ = ["Comet", "Member", "Present", "Refused", "Reopened"]

_find = importer(
    __name__,
    {
        "Comet": "cometary.client.comet",
        "Member": "cometary.client.shapes",
        "Present": "cometary.client.shapes",
        "Refused": "cometary.client.shapes",
        "Reopened": "cometary.client.shapes",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
