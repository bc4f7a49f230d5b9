"""Mutations: what makes a request that nobody thought of from one that somebody did.

All chance comes from the generator that is passed in, so that a seed and a number say which
request it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final
from urllib.parse import quote

Mutation = Callable[[bytearray, Random, Sequence[bytes]], None]

TOKENS: Final = {
    "http": (
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b"\r\n\r\n",
            b"\0",
            b" ",
            b"\t",
            b":",
            b";",
            b",",
            b"/",
            b"?",
            b"%00",
            b"\xff",
        ),
        *(b"GET ", b"POST ", b"OPTIONS ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" HTTP/1.1", b" HTTP/1.0"),
        *(b"Host: 127.0.0.1\r\n", b"Host: evil\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n"),
        *(b"Content-Length: 18446744073709551616\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n"),
        *(
            b"Connection: Upgrade\r\n",
            b"Origin: null\r\n",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"5\r\nhello\r\n",
        ),
        *(b"Content-Type: application/cbor\r\n", b"Content-Type: text/plain; charset=utf-16\r\n"),
    ),
    "json": (
        *(
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"\\",
            b"\\u0000",
            b"\\ud800",
            b"\xff",
            b"\xc0\x80",
            b"\0",
        ),
        *(
            b"null",
            b"true",
            b"NaN",
            b"-Infinity",
            b"1e999",
            b"-1",
            b"0",
            b"1.5",
            b"9007199254740992",
            b"9" * 400,
        ),
        *(b'"sid":', b'"rid":', b'"ack":', b'"packets":[]', b'"path":"::x"', b'"path":"**"', b'"close":true'),
        *(
            b'"wait":-1',
            b'"version":2',
            b'"token":{}',
            b'"receipt":""',
            b'"ttl":-1',
            b'"key":""',
            b"\xef\xbb\xbf",
        ),
        *(b"[" * 65, b'{"a":' * 65, b'"rid":2,"rid":3,'),
    ),
    "cbor": (
        *(b"\x00", b"\x1b" + b"\xff" * 8, b"\x20", b"\x3b" + b"\xff" * 8, b"\x5b" + b"\x7f" + b"\xff" * 7),
        *(b"\x9f", b"\xbf", b"\x5f", b"\x7f", b"\xff", b"\x80", b"\xa0", b"\x9b" + b"\x7f" + b"\xff" * 7),
        *(b"\xbb" + b"\x7f" + b"\xff" * 7, b"\xc0", b"\xc2\x49" + b"\xff" * 9, b"\xd8\x1c", b"\xd8\x1d\x00"),
        *(b"\xd9\xd9\xf7", b"\xf4", b"\xf6", b"\xf7", b"\xf8\x20", b"\xf9\x7e\x00", b"\xfb" + b"\xff" * 8),
        *(
            b"\x81" * 65,
            b"\x63sid",
            b"\x63rid",
            b"\x63ack",
            b"\x67packets",
            b"\x64path",
            b"\x62\xc3\x28",
            b"\x1c",
        ),
    ),
}
"""What the parsers of each form take notice of."""

HOW_MANY: Final = (1, 1, 1, 2, 4)
"""Mutations of one request: mostly one, since a request that is nearly good gets further."""

IN_THE_BODY: Final = 0.7
LONGEST_QUERY: Final = 4_000
CONTENT_LENGTH: Final = re.compile(rb"Content-Length: \d+")

LONGEST_REPEAT: Final = 3_000
"""Times; enough for each limit to be passed now and then, and no load for itself."""


def mutate(content: bytes, form: str, others: Sequence[bytes], random: Random) -> bytes:
    """Return `content`, changed a few times.

    Args:
        content: what to begin with.
        form: `http`, `json` or `cbor`; which tokens are put in.
        others: contents of the same form, of which parts may be put in.
        random: where all chance comes from.
    """
    mutated = bytearray(content)
    for _ in range(random.choice(HOW_MANY)):
        mutation, parts = random.choice(MUTATIONS)
        mutation(mutated, random, TOKENS[form] if parts == "tokens" else others)
    return bytes(mutated)


def mutate_within(request: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return a whole request whose head is as it was, with another body, or with another query if it has none.

    So it gets past the parser of HTTP. For the rest see `mutate`.
    """
    head, blank, body = request.partition(b"\r\n\r\n")
    if body and random.random() < IN_THE_BODY:
        bodies = [other.partition(b"\r\n\r\n")[2] for other in others]
        body = mutate(body, "json", bodies, random)
        head = CONTENT_LENGTH.sub(b"Content-Length: %d" % len(body), head)
    else:
        line, _, lines = head.partition(b"\r\n")
        method, target, version = line.split(b" ")
        path, _, query = target.partition(b"?")
        written = quote(mutate(query, "json", [*map(_query_of, others)], random), safe="%&=").encode()
        head = b"%b %b?%b %b\r\n%b" % (method, path, written[:LONGEST_QUERY], version, lines)
    return head + blank + body


def _query_of(request: bytes) -> bytes:
    return request.partition(b"?")[2].partition(b" ")[0]


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _span(data: bytearray, random: Random) -> slice:
    begin = _place(data, random)
    return slice(begin, min(len(data), begin + random.choice((1, 1, 2, 4, 8, 16, 64))))


def flip_a_bit(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Flip one bit."""
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def change_a_byte(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Put any byte for one that is there."""
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def cut_out(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Leave a part out."""
    del data[_span(data, random)]


def cut_off(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Leave the end out."""
    del data[_place(data, random) :]


def say_twice(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Put a part in a second time, somewhere."""
    part = data[_span(data, random)]
    place = _place(data, random)
    data[place:place] = part


def say_often(data: bytearray, random: Random, _parts: Sequence[bytes]) -> None:
    """Repeat a part on the spot."""
    span = _span(data, random)
    data[span] = data[span] * random.randrange(2, LONGEST_REPEAT)


def put_in(data: bytearray, random: Random, parts: Sequence[bytes]) -> None:
    """Put one of `parts` in."""
    place = _place(data, random)
    data[place:place] = random.choice(parts)


def put_for(data: bytearray, random: Random, parts: Sequence[bytes]) -> None:
    """Put one of `parts` for what is there."""
    data[_span(data, random)] = random.choice(parts)


def go_on_as(data: bytearray, random: Random, parts: Sequence[bytes]) -> None:
    """Go on as one of `parts` does."""
    part = random.choice(parts)
    data[_place(data, random) :] = part[random.randrange(len(part) + 1) :]


MUTATIONS: Final[Sequence[tuple[Mutation, str]]] = (
    (flip_a_bit, ""),
    (change_a_byte, ""),
    (cut_out, ""),
    (cut_off, ""),
    (say_twice, ""),
    (say_often, ""),
    (put_in, "tokens"),
    (put_for, "tokens"),
    (go_on_as, "others"),
    (put_in, "others"),
)
"""Each mutation, and which parts it takes."""
