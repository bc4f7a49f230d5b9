"""STOMP's frames, by themselves: whatever is split where, the same comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.doors.stomp.frames import BEAT, LONGEST_HEAD, VERSIONS, Frame, FrameReader, encode
from cometary.errors import ProtocolError

LONGEST = 1000


def read(data: bytes, version: str = "1.2", *, piece: int = 0) -> list[Frame]:
    """Read `data`, in pieces of so many bytes or whole, without the signs of life."""
    reader = FrameReader(LONGEST)
    reader.version = version
    found: list[Frame] = []
    for at in range(0, len(data), piece or len(data)):
        reader.feed(data[at : at + (piece or len(data))])
        while (frame := reader.next()) is not None:
            found.append(frame)
    return [frame for frame in found if frame is not BEAT]


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
headers = st.dictionaries(texts.filter(lambda name: name != "content-length"), texts, max_size=5)
frames = st.builds(Frame, st.sampled_from(["SEND", "MESSAGE", "ACK"]), headers, st.binary(max_size=100))


@given(st.lists(frames, max_size=4), st.sampled_from(["1.1", "1.2"]), st.integers(1, 40))
def test_what_is_written_is_what_is_read_wherever_it_is_split(
    sent: list[Frame], version: str, piece: int
) -> None:
    if version == "1.1":  # which has no escape for it
        sent = [
            Frame(
                frame.command,
                {name.replace("\r", ""): value.replace("\r", "") for name, value in frame.headers.items()},
                frame.body,
            )
            for frame in sent
        ]
    data = b"\n\r\n".join(encode(frame.command, frame.headers.items(), version, frame.body) for frame in sent)
    got = read(data, version, piece=piece)
    for frame in got:
        frame.headers.pop("content-length", None)
    assert got == sent


@given(
    frames,
    st.lists(st.binary(max_size=30).filter(lambda body: b"\0" not in body), max_size=4),
    st.integers(1, 60),
)
def test_frames_with_one_head_and_another_among_them_wherever_they_are_split(
    other: Frame, bodies: list[bytes], piece: int
) -> None:
    alike = [Frame("SEND", {"destination": "a"}, body) for body in bodies]
    data = b"".join(b"SEND\ndestination:a\n\n%b\0" % body for body in bodies)
    middle = encode(other.command, other.headers.items(), "1.2", other.body)
    got = read(data + middle + data, piece=piece)
    assert got[: len(alike)] == alike
    assert got[len(alike) + 1 :] == alike


@given(frames)
def test_one_frame_split_at_every_byte(frame: Frame) -> None:
    data = encode(frame.command, frame.headers.items(), "1.2", frame.body)
    whole = read(data)
    for at in range(1, len(data)):
        reader = FrameReader(LONGEST)
        reader.version = "1.2"
        reader.feed(data[:at])
        assert reader.next() is None
        reader.feed(data[at:])
        assert [reader.next(), reader.next()] == [*whole, None]


@given(st.binary(max_size=300), st.sampled_from(VERSIONS), st.integers(1, 50))
def test_whatever_comes_is_read_or_refused_and_nothing_else(data: bytes, version: str, piece: int) -> None:
    def outcome(piece: int) -> object:
        try:
            return read(data, version, piece=piece) if data else []
        except ProtocolError as error:
            return error.condition

    assert outcome(0) == outcome(piece)


def test_a_body_without_a_length_ends_at_nul_and_one_with_a_length_may_hold_it() -> None:
    assert read(b"SEND\ndestination:a\n\na\0SEND\ncontent-length:3\n\n\0\0\0\0") == [
        Frame("SEND", {"destination": "a"}, b"a"),
        Frame("SEND", {"content-length": "3"}, b"\0\0\0"),
    ]


def test_lines_may_end_as_in_windows_and_the_first_header_of_a_name_counts() -> None:
    assert read(b"SEND\r\na:1\r\na:2\r\n\r\n\0") == [Frame("SEND", {"a": "1"})]


@pytest.mark.parametrize(
    ("version", "line", "value"),
    [
        ("1.0", rb"a: \n ", r"\n"),
        ("1.1", rb"a: \n\c\\", " \n:\\"),
        ("1.2", rb"a:\r\n\c\\", "\r\n:\\"),
        ("1.2", b"a:b:c", "b:c"),
    ],
)
def test_headers_have_the_escapes_of_their_version(version: str, line: bytes, value: str) -> None:
    assert read(b"SEND\n" + line + b"\n\n\0", version) == [Frame("SEND", {"a": value})]


def test_connect_has_no_escapes_and_a_space_only_in_the_oldest_version() -> None:
    assert read(b"CONNECT\nlogin: a\\n\n\n\0")[0].headers == {"login": "a\\n"}
    assert read(b"CONNECT\naccept-version:1.2\nlogin: a\\n\n\n\0")[0].headers["login"] == " a\\n"


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"SEND\na:\\t\n\n\0", "bad-request"),
        (b"SEND\na:\\\n\n\0", "bad-request"),
        (b"SEND\na\n\n\0", "bad-request"),
        (b"SEND\0\n\n", "bad-request"),
        (b"SEND\na:\xff\n\n\0", "bad-request"),
        (b"GET / HTTP/1.1\nhost:a\n\n", "bad-request"),
        (b"SEND\ncontent-length:1\n\nab\0", "bad-request"),
        (b"SEND\ncontent-length:-1\n\n\0", "bad-request"),
        ("SEND\ncontent-length:٣\n\n\0".encode(), "bad-request"),
        (b"SEND\ncontent-length:" + b"9" * 5000 + b"\n\n\0", "bad-request"),
        (b"SEND\ncontent-length:1001\n\n", "too-large"),
        (b"SEND\n\n" + b"a" * 1001, "too-large"),
        (b"SEND\n\n" + b"a" * 1001 + b"\0", "too-large"),
        (b"SEND\n" + b"a:b\n" * 101 + b"\n\0", "too-large"),
        (b"a" * (LONGEST_HEAD + 1), "too-large"),
        (b"SEND\na:" + b"a" * LONGEST_HEAD + b"\n\n\0", "too-large"),
    ],
)
def test_what_is_not_a_frame_or_too_long_is_refused(data: bytes, condition: str) -> None:
    for piece in (0, 7):
        with pytest.raises(ProtocolError) as caught:
            read(data, piece=piece)
        assert caught.value.condition == condition


def test_a_head_that_came_before_is_read_for_what_is_spoken_now_and_shared_by_no_frames() -> None:
    reader = FrameReader(LONGEST)
    got: list[Frame] = []
    for version, length in (("1.1", 1), ("1.1", 1), ("1.2", 1), ("1.2", 2), ("1.2", 2)):
        reader.version = version
        reader.feed(b"SEND\na:1\r\ncontent-length:%d\n\n%b\0" % (length, b"x" * length))
        frame = reader.next()
        assert frame is not None
        got.append(Frame(frame.command, dict(frame.headers), frame.body))
        frame.headers.clear()
    assert got == [
        Frame("SEND", {"a": "1", "content-length": "1"}, b"x"),
        Frame("SEND", {"a": "1", "content-length": "1"}, b"x"),
        Frame("SEND", {"a": "1", "content-length": "1"}, b"x"),
        Frame("SEND", {"a": "1", "content-length": "2"}, b"xx"),
        Frame("SEND", {"a": "1", "content-length": "2"}, b"xx"),
    ]


def test_a_head_that_came_before_is_too_long_for_a_lower_bound() -> None:
    reader = FrameReader(LONGEST)
    data = b"SEND\ncontent-length:3\n\nabc\0"
    reader.feed(data)
    assert reader.next() is not None
    reader.longest = 2
    reader.feed(data)
    with pytest.raises(ProtocolError) as caught:
        reader.next()
    assert caught.value.condition == "too-large"
