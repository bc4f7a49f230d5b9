"""Client sessions: the machine, its outbox, its actor; which wire carries them does not matter here."""

from __future__ import annotations

from cometary.packets.packet import Packet
from cometary.packets.receipts import Receipt
from cometary.sessions.admission import Admission, Applicant, Authenticator
from cometary.sessions.events import End, Request, RequestDropped
from cometary.sessions.failure import Failure
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
