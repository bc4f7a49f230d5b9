"""The Comet Session Protocol, if it is spoken: its parts, put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cometary.server.endpoints import Beside
from cometary.sessions.policy import policy_of
from cometary.sessions.settings import session_settings
from cometary.transport.wires.csp.csp import Csp
from cometary.transport.wires.csp.endpoint import METHODS, CspEndpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.gate.gate import Gate
    from cometary.settings import Settings
    from cometary.transport.http.limits import Limits

PART: Final = 4
"""The share of what may wait for a session that may be on its way by a stream: one part in so many."""


def csp(
    settings: Settings,
    gate: Gate,
    limits: Limits,
    *,
    allows: Callable[[bytes, bytes], bool],
    start_soon: Callable[..., None],
) -> Sequence[Beside]:
    """Return what answers its clients, if the operator says that it is spoken.

    Args:
        settings: how the server is set up.
        gate: lets clients in.
        limits: what one client may take.
        allows: says whether pages of an origin may use the server, which is known to them by a name.
        start_soon: runs an async function beside everything else.
    """
    if settings.csp is None:
        return ()
    sessions = session_settings(settings)
    policy = policy_of(sessions)
    all_of_them = Csp(
        gate,
        replace(policy, beat=policy.wait + policy.beat),  # no answer is held for so long
        longest_message=limits.body_bytes,
        most_unheard=(max(1, sessions.max_queued_packets // PART), sessions.max_queued_bytes // PART),
        start_soon=start_soon,
    )
    documents = settings.csp_documents == "on"
    endpoints = CspEndpoints(all_of_them, allows, documents=documents).endpoints
    path = settings.csp.rstrip("/")
    return [Beside(f"{path}/{name}", METHODS, endpoint) for name, endpoint in endpoints.items()]
