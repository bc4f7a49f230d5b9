"""The door of webhooks: a back-end is told what happens to sessions, if one wants to know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from cometary.config.section import Section, section_of
from cometary.doors.door import Door
from cometary.doors.webhooks.event_queue import MESSAGE
from cometary.doors.webhooks.reporting import Reporting
from cometary.doors.webhooks.settings import EVENTS, WebhookSection, webhook_settings
from cometary.supervision import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cometary.doors.door import Inside, Taker
    from cometary.doors.webhooks.sender import WebhookSender
    from cometary.doors.webhooks.settings import WebhookSettings
    from cometary.packets.packet import Packet
    from cometary.sessions import Session
    from cometary.sessions.application import Application


class WebhooksDoor(Door):
    """Reports to the URL of the settings; without one it does nothing."""

    name: ClassVar[str] = "webhooks"
    section: ClassVar[type[Section] | None] = WebhookSection

    def __init__(self, settings: Section) -> None:
        super().__init__(settings)
        self._section = section_of(settings, WebhookSection)
        sending = webhook_settings(self._section)
        self._sender = None if sending is None else new_sender(sending)
        self._events = self._section.webhook_events or EVENTS
        self._reporting: Reporting | None = None

    def around(self, application: Application) -> Application:
        """Stand between the sessions and their application."""
        if self._sender is None:
            return application
        self._reporting = Reporting(
            application, self._sender.post, self._events, time.time, self._sender.has_room
        )
        return self._reporting

    def open(self, inside: Inside) -> None:
        """Report receipts as well."""
        if self._reporting is not None:
            inside.manager.receipts.announce_to(self._reporting.receipt)
            inside.manager.tell_back_end = self._reporting.send

    def takes(self) -> Sequence[tuple[str, Taker]]:
        """What clients may send to back-ends."""
        if self._reporting is None or MESSAGE not in self._events:
            return ()
        return [(pattern, self._reporting.message) for pattern in self._section.message_paths]

    def children(self) -> Sequence[ChildSpec]:
        """What sends the events."""
        return () if self._sender is None else (ChildSpec("sender", self._sender.run),)

    def statistics(self) -> Mapping[str, int]:
        """How many wait, and what has become of the others."""
        return {} if self._sender is None else self._sender.statistics()

    def abandoned(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        """Report the end of a session that could not sign off."""
        if self._reporting is not None:
            self._reporting.report_sign_off(session, reason, undelivered)

    async def aclose(self) -> None:
        """Send what waits, and say in the log what is lost."""
        if self._sender is not None:
            try:
                await self._sender.flushed()
            finally:
                self._sender.close()


def new_sender(settings: WebhookSettings) -> WebhookSender:
    """Make what sends; the HTTP client that it uses is not imported for a server without webhooks."""
    from cometary.doors.webhooks.sender import WebhookSender  # noqa: PLC0415

    return WebhookSender(settings)
