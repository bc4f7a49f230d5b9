"""What is the same for all sessions of a server: times and limits, and the options that they follow from."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section


@dataclass(frozen=True, kw_only=True)
class SessionSection(Section):
    """What an operator can say of sessions."""

    wait: float = option(60, kinds.seconds(0.1, 3600), "The longest that a request is held.")
    die: float = option(45, kinds.seconds(0.1, 86400), "How long a session lives without a held request.")
    requests: int = option(2, kinds.whole(1, 16), "The most requests that a client may have unanswered.")
    token_notice: float = option(
        30,
        kinds.seconds(1, 3600),
        "How long before its token expires a client is asked for another one.",
        live=True,
    )
    max_sessions: int = option(
        100_000, kinds.whole(1, 10_000_000), "The most sessions at one time.", live=True
    )
    session_paths: int = option(
        2_000,
        kinds.whole(1, 1_000_000, "paths"),
        "The most paths that one session may be connected to.",
        live=True,
    )
    request_packets: int = option(
        256, kinds.whole(1, 1000, "packets"), "The most packets in one request of a client.", live=True
    )
    packets_per_second: int = option(
        200,
        kinds.whole(0, 1_000_000, "packets"),
        "The most that one client sends, on average; 0 for no limit.",
        live=True,
    )
    packet_burst: int = option(
        1000,
        kinds.whole(1, 1_000_000, "packets"),
        "The most that it sends at once, after a pause.",
        live=True,
    )
    address_packets_per_second: int = option(
        2000,
        kinds.whole(0, 10_000_000, "packets"),
        "The most that all clients of one address send, on average; 0 for no limit. Loopback has none.",
        live=True,
    )
    address_packet_burst: int = option(
        10_000,
        kinds.whole(1, 10_000_000, "packets"),
        "The most that they send at once, after a pause.",
        live=True,
    )
    queue_packets: int = option(
        1000, kinds.whole(1, 1_000_000, "packets"), "The most packets that wait for one session."
    )
    queue_bytes: int = option(
        1024 * 1024, kinds.whole(1024, 2**30, "bytes"), "The most bytes that wait for one session."
    )
    response_bytes: int = option(
        256 * 1024,
        kinds.whole(1024, 2**30, "bytes"),
        "The most bytes in a response of several packets.",
        live=True,
    )
    log_addresses: str = option(
        "on",
        kinds.choice("off", "on"),
        "Whether the log tells from which addresses sessions are opened.",
        live=True,
    )
    ended_sessions: int = option(
        10_000,
        kinds.whole(0, 100_000, "sessions"),
        "How many ended sessions are remembered for operators; beyond that, the oldest is forgotten.",
        live=True,
    )


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Times and limits of sessions; the defaults are those of the protocol.

    Args:
        wait: seconds that a request is held at most.
        die: seconds without a held request after which a session ends.
        requests: the most requests that a client may have unanswered.
        max_queued_packets: packets that a session keeps unacknowledged at most.
        max_queued_bytes: bytes of such packets at most.
        max_response_bytes: bytes of packets in one answer at most; one packet always goes.
        max_request_packets: packets in one request at most.
        packets_per_second: packets that one client may send in a second, on average; 0 for no limit.
        packet_burst: packets that it may send at once after a pause.
        address_packets_per_second: the same for all sessions of one address together; loopback has no limit.
        address_packet_burst: the same.
        max_unhandled_packets: packets from the client that wait for the application at most.
        max_unhandled_bytes: bytes of the requests that those packets came in at most.
        max_releases_per_second: requests of a client that bring nothing, neither packets that are new nor a
            higher acknowledgement, in a second; more is refused as over-active.
        max_paths: paths that one session is connected to at most.
        max_sessions: sessions at most.
        notice: seconds before its token expires at which a client is asked for another one; half of
            the time that there is, if that is less.
        log_addresses: whether the log tells from which addresses sessions are opened.
        ended_sessions: how many that have ended are kept for operators to look at.
    """

    wait: float = 60.0
    die: float = 45.0
    requests: int = 2
    max_queued_packets: int = 1_000
    max_queued_bytes: int = 1 << 20
    max_response_bytes: int = 256 << 10
    max_request_packets: int = 256
    packets_per_second: int = 200
    packet_burst: int = 1_000
    address_packets_per_second: int = 2_000
    address_packet_burst: int = 10_000
    max_unhandled_packets: int = 1_000
    max_unhandled_bytes: int = 1 << 20
    max_releases_per_second: int = 20
    max_paths: int = 2_000
    max_sessions: int = 100_000
    notice: float = 30.0
    log_addresses: bool = True
    ended_sessions: int = 10_000


def session_settings(section: SessionSection) -> SessionSettings:
    """Return what sessions go by, as the operator says it."""
    return SessionSettings(
        wait=section.wait,
        die=section.die,
        requests=section.requests,
        max_queued_packets=section.queue_packets,
        max_queued_bytes=section.queue_bytes,
        max_response_bytes=section.response_bytes,
        max_paths=section.session_paths,
        max_request_packets=section.request_packets,
        packets_per_second=section.packets_per_second,
        packet_burst=section.packet_burst,
        address_packets_per_second=section.address_packets_per_second,
        address_packet_burst=section.address_packet_burst,
        max_sessions=section.max_sessions,
        notice=section.token_notice,
        log_addresses=section.log_addresses == "on",
        ended_sessions=section.ended_sessions,
    )
