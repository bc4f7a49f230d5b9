"""Redis's protocol: replies come whole however they come in pieces, and what is none is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.cluster.redis.wire import Refusal, Reply, ReplyReader, command
from cometary.errors import EngineError

replies = st.recursive(
    st.integers(-9, 99) | st.binary(max_size=5) | st.none() | st.sampled_from(["OK", Refusal("ERR no")]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def written(reply: Reply) -> bytes:
    """A reply as the server writes it."""
    match reply:
        case None:
            return b"$-1\r\n"
        case Refusal(text):
            return b"-%b\r\n" % text.encode()
        case int():
            return b":%d\r\n" % reply
        case str():
            return b"+%b\r\n" % reply.encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case _:
            return b"*%d\r\n" % len(reply) + b"".join(map(written, reply))


@given(st.lists(replies, max_size=4), st.integers(1, 7))
def test_replies_are_read_as_they_were_written_however_few_bytes_come_at_a_time(
    sent: list[Reply], size: int
) -> None:
    data, reader = b"".join(map(written, sent)), ReplyReader()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [reply for piece in pieces for reply in reader.feed(piece)] == sent


@pytest.mark.parametrize("reply", [12, b"", b"ab", "OK", None, Refusal("ERR"), [], [1, [b"a"]]])
def test_a_reply_is_not_told_before_its_last_byte(reply: Reply) -> None:
    reader, data = ReplyReader(), written(reply)
    assert list(reader.feed(written(7) + data[:-1])) == [7]
    assert list(reader.feed(b"")) == []
    assert list(reader.feed(data[-1:])) == [reply]


def test_a_long_list_is_read_once_however_many_pieces_it_comes_in() -> None:
    class Counting(ReplyReader):
        parts = 0

        def _part(self) -> Any:
            part = super()._part()
            self.parts += 1
            return part

    sent: list[Reply] = [b"x"] * 1_000
    reader, data = Counting(), written(sent)
    assert [reply for at in range(0, len(data), 10) for reply in reader.feed(data[at : at + 10])] == [sent]
    assert reader.parts == 1 + len(sent)


def test_no_list_is_nothing_too() -> None:
    assert list(ReplyReader().feed(b"*-1\r\n*0\r\n$0\r\n\r\n")) == [None, [], b""]


def test_text_that_is_none_can_be_shown() -> None:
    assert list(ReplyReader().feed(b"+a\xff\r\n-ERR \xff\r\n")) == ["a\ufffd", Refusal("ERR \ufffd")]


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 400 Bad Request", b"\x15\x03\x03", b"", b":", b":x", b"$x", b"*", b"?1"]
)
def test_whatever_else_answers_does_not_speak_the_protocol(line: bytes) -> None:
    with pytest.raises(EngineError, match="not Redis's protocol"):
        list(ReplyReader().feed(line + b"\r\n"))


def test_a_long_line_of_something_else_is_shortened_where_it_is_told() -> None:
    with pytest.raises(EngineError) as raised:
        list(ReplyReader().feed(b"x" * 1_000_000 + b"\r\n"))
    assert len(str(raised.value)) < 200


def test_a_command_is_a_list_of_byte_strings() -> None:
    assert list(ReplyReader().feed(command("SET", b"\r\n", 12, "\N{BLACK STAR}"))) == [
        [b"SET", b"\r\n", b"12", b"\xe2\x98\x85"]
    ]
