"""How much of the server one client may take: sizes in bytes, counts, and deadlines in seconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one HTTP connection; every one of them is enforced before memory is spent.

    Attributes:
        header_bytes: Bytes of a request's head, its request line included. It is also the most
            that is read from a connection at once, so a head that came in one piece fits.
        headers: Header lines of a request.
        target_bytes: Bytes of a request's target, its query included.
        body_bytes: Bytes of a request's body, as declared or as added up while chunks arrive.
        unanswered: Requests of one connection handed to the application and not answered yet;
            beyond it the connection is not read.
        head_seconds: From a connection's opening, or a request's first byte, to the head's end.
        body_seconds: From the head's end to the body's; as often again as `bytes_per_second` came
            meanwhile.
        idle_seconds: From a response to the next request's first byte.
        write_seconds: From the first byte that the kernel would not take to the response's last; as
            often again as the peer took `bytes_per_second` meanwhile.
        bytes_per_second: The slowest that a body or a response may be.
        longest_seconds: The longest that a body or a response takes, however it gets on.
        linger_seconds: From the last response on a connection to the peer's end of file, and from
            that to the last response.
    """

    header_bytes: int = 16 * 1024
    headers: int = 100
    target_bytes: int = 4096
    body_bytes: int = 256 * 1024
    unanswered: int = 8
    head_seconds: float = 10
    body_seconds: float = 10
    idle_seconds: float = 75
    write_seconds: float = 10
    bytes_per_second: int = 500
    longest_seconds: float = 120
    linger_seconds: float = 2


def check_body(length: int, most: int) -> None:
    """Refuse a body of `length` bytes if that is more than `most`.

    Raises:
        ProtocolError: `too-large`, the client's fault.
    """
    if length > most:
        raise ProtocolError("too-large", f"The body is longer than {most} bytes.")


def check_count(count: int, limits: Limits) -> None:
    """Refuse `count` headers if these are too many.

    Raises:
        ProtocolError: `headers-too-large`, the client's fault.
    """
    if count > limits.headers:
        raise ProtocolError("headers-too-large", f"There are more than {limits.headers} headers.")


def check_size(size: int, limits: Limits) -> None:
    """Refuse a head of `size` bytes if that is too long.

    Raises:
        ProtocolError: `headers-too-large`, the client's fault.
    """
    if size > limits.header_bytes:
        raise ProtocolError("headers-too-large", f"The head is longer than {limits.header_bytes} bytes.")
