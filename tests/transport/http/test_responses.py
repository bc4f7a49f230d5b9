"""What responses look like on the wire."""

from __future__ import annotations

from cometary.transport.http.responses import ResponseEncoder


class Clock:
    def __init__(self) -> None:
        self.now = 784_111_777.5

    def __call__(self) -> float:
        return self.now


def encode(
    encoder: ResponseEncoder,
    status: int = 200,
    body: bytes = b"{}",
    *,
    head_only: bool = False,
    closing: bool = False,
) -> bytes:
    return encoder.encode(status, body, b"application/json", (), head_only=head_only, closing=closing)


def test_a_response_is_one_piece_with_length_and_date_and_is_never_stored() -> None:
    assert encode(ResponseEncoder(Clock())) == (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: application/json\r\n"
        b"Cache-Control: no-store\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        b"Content-Length: 2\r\n"
        b"\r\n"
        b"{}"
    )


def test_the_date_follows_the_clock() -> None:
    clock = Clock()
    encoder = ResponseEncoder(clock)
    encode(encoder)
    clock.now += 1
    assert b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n" in encode(encoder)


def test_the_answer_to_a_head_request_declares_the_body_and_leaves_it_out() -> None:
    response = encode(ResponseEncoder(), body=b"12345", head_only=True)
    assert b"Content-Length: 5\r\n" in response
    assert response.endswith(b"\r\n\r\n")


def test_statuses_without_a_body_declare_none() -> None:
    for status in (204, 304):
        response = encode(ResponseEncoder(), status, b"")
        assert b"Content-Length" not in response
        assert b"Content-Type" not in response


def test_the_last_response_of_a_connection_says_so() -> None:
    assert b"Connection: close\r\n" in encode(ResponseEncoder(), closing=True)
    assert b"Connection: close\r\n" not in encode(ResponseEncoder())


def test_an_unknown_status_is_sent_without_a_phrase() -> None:
    assert encode(ResponseEncoder(), 299).startswith(b"HTTP/1.1 299 \r\n")


def test_more_headers_are_lines_of_their_own() -> None:
    response = ResponseEncoder().encode(
        200, b"", b"text/plain", ((b"Allow", b"GET"), (b"Vary", b"Origin")), head_only=False, closing=False
    )
    assert b"\r\nAllow: GET\r\nVary: Origin\r\n\r\n" in response


def test_the_head_of_a_usual_response_is_as_it_is_made_afresh() -> None:
    clock = Clock()
    encoder = ResponseEncoder(clock)
    for length in (0, 5, 5, 1024, 1025, 1025):
        for second in range(2):
            clock.now += second
            assert encode(encoder, body=b"x" * length) == encode(ResponseEncoder(clock), body=b"x" * length)
