"""Client sessions: the machine, its outbox, its actor; which wire carries them does not matter here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.packets.packet import Packet
    from cometary.packets.receipts import Receipt
    from cometary.sessions.admission import Admission, Applicant, Authenticator
    from cometary.sessions.events import End, Request, RequestDropped
    from cometary.sessions.failure import Failure
    from cometary.sessions.handshake import Handshake
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.machine import SessionMachine
    from cometary.sessions.manager import SessionManager
    from cometary.sessions.session import Session
    from cometary.sessions.settings import SessionSettings
    from cometary.sessions.supervisor import SessionSupervisor

__all__ = [
    "Admission",
    "Applicant",
    "Authenticator",
    "End",
    "Failure",
    "Handshake",
    "Packet",
    "Receipt",
    "Request",
    "RequestDropped",
    "Session",
    "SessionKeeper",
    "SessionMachine",
    "SessionManager",
    "SessionSettings",
    "SessionSupervisor",
]

_find = importer(
    __name__,
    {
        "Admission": "cometary.sessions.admission",
        "Applicant": "cometary.sessions.admission",
        "Authenticator": "cometary.sessions.admission",
        "End": "cometary.sessions.events",
        "Failure": "cometary.sessions.failure",
        "Handshake": "cometary.sessions.handshake",
        "Packet": "cometary.packets.packet",
        "Receipt": "cometary.packets.receipts",
        "Request": "cometary.sessions.events",
        "RequestDropped": "cometary.sessions.events",
        "Session": "cometary.sessions.session",
        "SessionKeeper": "cometary.sessions.keeper",
        "SessionMachine": "cometary.sessions.machine",
        "SessionManager": "cometary.sessions.manager",
        "SessionSettings": "cometary.sessions.settings",
        "SessionSupervisor": "cometary.sessions.supervisor",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
