"""Frames: what a server reads and writes, compared with another implementation, whatever the bytes are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.protocol import SERVER, Protocol

from cometary.transport.wires.websocket.codes import (
    CODES,
    INVALID_TEXT,
    NO_CODE,
    PROTOCOL_ERROR,
    TOO_BIG,
    close_payload,
)
from cometary.transport.wires.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameError,
    FrameReader,
    close_code,
    frame,
    only_message,
    only_text,
)
from cometary.transport.wires.websocket.unmasking import unmask

LONGEST = 1000
TOO_EARLY = 1006
"""For bytes that end before the connection is closed."""


def closing(code: int, reason: bytes) -> bytes:
    return code.to_bytes(2, "big") + reason


masks = st.binary(min_size=4, max_size=4)


def sent(
    opcode: int, payload: bytes, mask: bytes = b"\1\2\3\4", *, fin: bool = True, first: int = 0
) -> bytes:
    """A frame as a client sends it; `first` has further bits of its first byte."""
    data = bytearray(frame(opcode, payload))
    data[0] = (data[0] if fin else data[0] & 0x7F) | first
    head = len(data) - len(payload)
    data[1] |= 0x80
    return bytes(data[:head]) + mask + unmask(payload, mask)


def read(data: Sequence[bytes], longest: int = LONGEST) -> tuple[list[Frame], int | None]:
    """What is read of bytes that come in these pieces, and the code of what is wrong with them, if anything is."""
    reader, found = FrameReader(longest), list[Frame]()
    try:
        for piece in data:
            reader.feed(piece)
            while (one := reader.next()) is not None:
                if one.opcode == CLOSE:
                    close_code(one.payload)
                found.append(one)
                if one.opcode == CLOSE:
                    return found, None
    except FrameError as error:
        return found, error.code
    return found, None


# -- what the other implementation makes of it ---------------------------------------------------------


def theirs(data: bytes) -> tuple[list[Frame], int | None]:
    """The same by `websockets`, which reads frames: messages are put together here, and their text looked at."""
    protocol = Protocol(SERVER, max_size=LONGEST)
    protocol.receive_data(data)
    if not protocol.close_expected():
        protocol.receive_eof()
    found: list[Frame] = []
    message, opcode = b"", CONTINUATION
    for event in protocol.events_received():
        assert isinstance(event, TheirFrame)
        payload = bytes(event.data)
        if event.opcode in {Opcode.CLOSE, Opcode.PING, Opcode.PONG}:
            found.append(Frame(event.opcode, payload))
            continue
        message, opcode = message + payload, opcode if event.opcode is Opcode.CONT else event.opcode
        if opcode == TEXT and not begins_text(message, whole=event.fin):
            return found, INVALID_TEXT
        found.append(Frame(opcode, message) if event.fin else Frame(CONTINUATION, b""))
        if event.fin:
            message = b""
    if isinstance(protocol.parser_exc, EOFError):
        return found, TOO_EARLY
    return found, protocol.close_sent.code if protocol.parser_exc and protocol.close_sent else None


def begins_text(data: bytes, *, whole: bool) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return not whole and error.reason == "unexpected end of data"
    return True


texts = st.text(max_size=30).map(str.encode)
payloads = st.one_of(
    texts, st.binary(max_size=130), st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * 999])
)
closings = st.builds(
    closing,
    st.one_of(
        st.sampled_from([999, 1000, 1003, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000]),
        st.integers(0, 0xFFFF),
    ),
    st.one_of(texts, st.binary(max_size=20)),
)
good_frames = st.one_of(
    st.builds(sent, st.sampled_from([TEXT, BINARY, PING, PONG]), texts, masks),
    st.builds(sent, st.sampled_from([TEXT, BINARY, CONTINUATION]), texts, masks, fin=st.booleans()),
)
any_frames = st.one_of(
    good_frames,
    st.builds(sent, st.just(CLOSE), closings, masks),
    st.builds(
        sent,
        st.integers(0, 15),
        payloads,
        masks,
        fin=st.booleans(),
        first=st.sampled_from([0, 0, 0, 0x40, 0x20, 0x10]),
    ),
    st.builds(frame, st.integers(0, 15), payloads),
    st.builds(
        sent,
        st.sampled_from([TEXT, BINARY]),
        st.sampled_from([b"x" * 1000, b"x" * 1001, b"x" * 70_000]),
        masks,
    ),
)
streams = st.lists(any_frames, max_size=6).map(b"".join)


def check_agreement(data: bytes) -> None:
    ours, code = read([data])
    others, their_code = theirs(data)
    if code == their_code or (their_code == TOO_EARLY and code is None):
        assert ours == others
        return
    # What differs, and may: a fault is said here as soon as a frame's head shows it, and a close frame is one
    # wherever it stands, be it within a message in fragments.
    early = their_code == TOO_EARLY and code in {PROTOCOL_ERROR, TOO_BIG}
    too_long_as_well = {code, their_code} == {PROTOCOL_ERROR, TOO_BIG}
    within_message = code is None and their_code == PROTOCOL_ERROR and ours[-1].opcode == CLOSE
    assert early or too_long_as_well or within_message, (code, their_code)
    assert ours[: len(others)] == others[: len(ours)]


@given(streams)
@example(sent(TEXT, b"\xf0\x9f", fin=False) + sent(CONTINUATION, b"\x98\x80"))
@example(sent(TEXT, b"\xf0\x9f", fin=False) + sent(PING, b"") + sent(CONTINUATION, b"\x98"))
@example(sent(TEXT, b"\xce\xba\xed\xa0\x80", fin=False))
@example(sent(BINARY, b"\xff", fin=False) + sent(CLOSE, b"\x03\xe8"))
@example(sent(TEXT, b"x" * 600, fin=False) + sent(CONTINUATION, b"x" * 401))
@example(sent(CLOSE, b"\x03"))
@example(sent(CLOSE, b"\x03\xe8\xff"))
@example(sent(PING, b"x" * 126))
@example(sent(PING, b"", fin=False))
@example(sent(TEXT, b"a", first=0x40))
@example(frame(TEXT, b"a"))
@example(sent(3, b""))
@example(sent(TEXT, b"a", fin=False) + sent(TEXT, b"b"))
@example(sent(CONTINUATION, b"a"))
@example(b"\x81\xff" + (1 << 63).to_bytes(8, "big") + b"1234")
def test_both_implementations_make_the_same_of_any_frames(data: bytes) -> None:
    check_agreement(data)


@given(st.binary(max_size=40))
def test_both_implementations_make_the_same_of_any_bytes(data: bytes) -> None:
    check_agreement(data)


@given(st.lists(good_frames, max_size=6).map(b"".join), st.data())
def test_it_makes_no_difference_in_what_pieces_the_bytes_come(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    ends = [*cuts, len(stream)]
    pieces = [stream[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert read(pieces) == read([stream])
    assert read([bytes([byte]) for byte in stream]) == read([stream])


@given(st.sampled_from([TEXT, BINARY]), payloads, masks)
def test_a_short_message_alone_is_read_the_same_way_at_once(opcode: int, payload: bytes, mask: bytes) -> None:
    data = sent(opcode, payload, mask)
    found, code = read([data])
    if code is not None and len(payload) <= 125:
        with pytest.raises(FrameError, match=str(code)):
            only_message(data)
    else:
        assert only_message(data) == (found[0] if len(payload) <= 125 else None)
        is_text = opcode == TEXT and payload.isascii() and len(payload) <= 125
        assert only_text(data) == (payload if is_text else None)
    for other in (
        data + b"\x81",
        data[:-1],
        sent(opcode, payload, mask, fin=False),
        sent(PING, payload[:125], mask),
    ):
        assert only_message(other) is None
        assert only_text(other) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_what_is_written_is_what_the_other_implementation_writes(size: int) -> None:
    payload = bytes(size)
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG):
        if opcode < CLOSE or size <= 125:
            assert frame(opcode, payload) == TheirFrame(Opcode(opcode), payload).serialize(mask=False)


# -- by the letter --------------------------------------------------------------------------------------


def test_a_message_in_fragments_is_as_long_as_one_in_one_piece_at_most() -> None:
    whole = [sent(BINARY, b"x" * 600, fin=False), sent(CONTINUATION, b"x" * 400)]
    assert read(whole)[0][-1] == Frame(BINARY, b"x" * 1000)
    assert read([*whole, *whole])[0][-1] == Frame(BINARY, b"x" * 1000)
    assert read([whole[0], sent(CONTINUATION, b"x" * 401)])[1] == TOO_BIG


def test_a_message_in_tiny_fragments_takes_no_more_memory_than_its_length() -> None:
    count, reader = 50_000, FrameReader(1 << 20)
    fragment = sent(CONTINUATION, b"x", fin=False)
    tracemalloc.start()
    try:
        reader.feed(sent(TEXT, b"x", fin=False))
        for _ in range(count):
            while reader.next() is not None:
                pass
            reader.feed(fragment)
        assert tracemalloc.get_traced_memory()[0] < 4 * count
    finally:
        tracemalloc.stop()


def test_the_limit_may_change_between_two_messages() -> None:
    reader = FrameReader(10)
    reader.feed(sent(BINARY, b"x" * 10) + sent(BINARY, b"x" * 20))
    assert reader.next() == Frame(BINARY, b"x" * 10)
    reader.longest = 20
    assert reader.next() == Frame(BINARY, b"x" * 20)


def test_a_fault_is_said_as_soon_as_the_head_shows_it() -> None:
    assert read([sent(3, b"x" * 100)[:2]]) == ([], PROTOCOL_ERROR)
    assert read([sent(TEXT, b"x" * 1001)[:8]]) == ([], TOO_BIG)


def test_text_that_is_wrong_is_found_in_the_fragment_that_has_it() -> None:
    assert read([sent(TEXT, b"\xff", fin=False)]) == ([], INVALID_TEXT)


def test_it_tells_whether_something_has_begun() -> None:
    reader = FrameReader(LONGEST)
    for data, midway in (
        (sent(TEXT, b"a", fin=False), True),
        (sent(CONTINUATION, b"")[:3], True),
        (sent(CONTINUATION, b"")[3:], False),
    ):
        reader.feed(data)
        while reader.next():
            pass
        assert reader.midway is midway


@pytest.mark.parametrize(("payload", "code"), [(b"", NO_CODE), (b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000)])
def test_a_close_frame_has_a_code_or_none(payload: bytes, code: int) -> None:
    assert close_code(payload) == code


def test_a_reason_is_cut_where_a_character_ends() -> None:
    payload = close_payload(4400, "ä" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "ä" * 61


def test_every_condition_has_a_code_of_its_own_that_may_be_sent() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert all(close_code(close_payload(code, "")) == code for code in CODES.values())


def test_a_close_frame_is_no_part_of_the_message_that_it_breaks_off() -> None:
    found, code = read([sent(BINARY, b"x" * LONGEST, fin=False), sent(CLOSE, closing(1000, b"bye"))])
    assert code is None
    assert found[-1] == Frame(CLOSE, closing(1000, b"bye"))


def test_frames_are_the_same_if_all_that_is_in_them_is() -> None:
    assert Frame(TEXT, b"a") == Frame(TEXT, b"a")
    assert Frame(TEXT, b"a") != Frame(BINARY, b"a")
    assert Frame(TEXT, b"a") != Frame(TEXT, b"b")
    assert FrameError(PROTOCOL_ERROR, "why").args == (PROTOCOL_ERROR, "why")


def test_a_control_frame_holds_125_bytes_at_most() -> None:
    assert read([sent(PING, b"x" * 125)]) == ([Frame(PING, b"x" * 125)], None)
    assert read([sent(PING, b"x" * 126)]) == ([], PROTOCOL_ERROR)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_close_frame_has_no_code_that_no_peer_sends(code: int) -> None:
    with pytest.raises(FrameError, match="no code to close with"):
        close_code(closing(code, b"bye"))


def test_a_fragment_says_nothing_and_an_error_names_no_size_unless_that_is_what_is_wrong() -> None:
    found, _ = read([sent(BINARY, b"x", fin=False)])
    assert [(each.opcode, each.payload) for each in found] == [(CONTINUATION, b"")]
    assert FrameError(PROTOCOL_ERROR, "why").size == 0


def test_a_mask_is_repeated_to_the_last_byte_of_what_it_masks() -> None:
    mask = b"\1\2\3\4"
    for size in (*range(10), *range(120, 140)):
        assert unmask(bytes(size), mask) == (mask * 40)[:size]
