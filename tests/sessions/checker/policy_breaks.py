"""Rules of other policies than the native protocol's, broken one at a time."""

from __future__ import annotations

from tests.sessions.checker.breaks import Break

POLICY_BREAKS = (
    Break(
        "presume that all has arrived that was sent",
        "presuming",
        "self.sent - self.window - self.acknowledged",
        "self.sent - self.acknowledged",
        "presuming",
    ),
    Break(
        "presume less than the wire says",
        "presuming",
        "self.sent - self.window - self.acknowledged",
        "self.sent - self.window - 1 - self.acknowledged",
        "presuming",
    ),
    Break("presume nothing", "presuming", "if count <= 0:", "if count <= 99:", "presuming"),
    Break(
        "say of what is presumed that it was delivered",
        "presuming",
        'self.tracking.gone(gone, "presumed")',
        'self.tracking.gone(gone, "delivered")',
        "presuming",
    ),
    Break(
        "say nothing of what is presumed",
        "presuming",
        'self.tracking.gone(gone, "presumed")',
        "pass",
        "presuming",
    ),
    Break(
        "presume what a stream has not carried",
        "presuming",
        "count = self.sent",
        "count = self.sent + len(self.packets)",
        "presuming",
    ),
    Break(
        "send again what was sent on a wire that resends nothing",
        "outbox",
        "0 if self.resends else self.sent",
        "0",
        "resending nothing",
    ),
    Break(
        "answer a request on such a wire though there is nothing new",
        "machine",
        "(outbox.resends and (ready.behind or (self.completes and outbox.packets)))",
        "ready.behind",
        "resending nothing",
    ),
    Break(
        "begin a stream on such a wire at the last acknowledgement",
        "carriers",
        "self.outbox.acknowledged if self.outbox.resends else self.outbox.sent",
        "self.outbox.acknowledged",
        "resending nothing",
    ),
    Break(
        "forget that a wire resends nothing",
        "carriers",
        "outbox.resends = policy.resends",
        "pass",
        "resending nothing",
    ),
    Break(
        "answer with several where one is to come",
        "carriers",
        "settings.max_response_bytes if policy.bundling else 0",
        "settings.max_response_bytes",
        "one by one",
    ),
    Break(
        "trust that the answer to a request is read that another has completed",
        "machine",
        "(self.completes and outbox.packets)",
        "False",
        "completing",
    ),
    Break(
        "leave the older request open",
        "machine",
        "            actions = self._release_carrier()\n",
        "            self.held = None\n",
        "completing",
    ),
)
