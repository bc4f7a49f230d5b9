"""What is the same for all sessions of a server: times and limits."""

from __future__ import annotations

from dataclasses import dataclass


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
