"""Bodies of the protocol: read in one pass or in two, the verdict is the same; answers are exact."""

from __future__ import annotations

import json as standard_json

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from cometary.errors import ProtocolError
from cometary.sessions import Packet
from cometary.transport.codecs import Codec, cbor, json
from cometary.transport.wires.comet.bodies import (
    array_head,
    packets_of,
    read_bytes,
    read_head,
    read_packet,
    read_pattern,
    read_request,
    write_answer,
)

CODECS: tuple[Codec, ...] = (json, cbor)

keys = st.sampled_from(
    ["rid", "sid", "ack", "packets", "hold", "close", "wait", "token", "version", "x", 'a"b', "a:b"]
)
numbers = st.integers(-1, 5) | st.sampled_from([2**53 - 1, 2**53, 2**64 - 1]) | st.floats(-1, 2)
values = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | st.sampled_from(["", "a", "s:i:d", 'quo"ted', "back\\slash", "[{", "ü"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "message", "rid"]), inner, max_size=3)
    ),
    max_leaves=4,
)
pairs = st.lists(st.tuples(keys, values), max_size=6)
polls = st.fixed_dictionaries(
    {"sid": st.sampled_from(["sid", "s:i:d", "s\\id"]), "rid": st.integers(1, 9)},
    optional={"ack": st.integers(0, 9), "x": values},
).map(lambda poll: list(poll.items()))


def write(members: list[tuple[str, object]], blank: str = "") -> bytes:
    """JSON that may have the same key twice."""
    written = [f"{standard_json.dumps(key)}{blank}:{standard_json.dumps(value)}" for key, value in members]
    return ("{" + ",".join(written) + "}").encode()


def verdict(body: bytes, codec: Codec) -> object:
    """What becomes of a body."""
    try:
        return read_request(body, codec)
    except ProtocolError as error:
        return error.condition


@given(pairs | polls)
def test_json_and_cbor_are_read_alike(members: list[tuple[str, object]]) -> None:
    """CBOR is always read in two passes, with every check; so that is what one pass has to come to."""
    body = write(members)
    if len(dict(members)) < len(members):
        assert verdict(body, json) == "bad-request"
    else:
        assert verdict(body, json) == verdict(cbor2.dumps(dict(members)), cbor)


@given(polls, st.sampled_from(["", " ", "\n", "\r", "\t"]))
def test_a_poll_with_the_same_key_twice_is_refused_on_the_short_way_too(
    members: list[tuple[str, object]], blank: str
) -> None:
    for twice in members:
        again = write([twice], blank)[1:]
        assert verdict(write(members)[:-1] + b"," + again, json) == "bad-request"


CLIENTS_WRITE = (
    '{"sid":"s","rid":2,"ack":1}',
    '{"sid":"sé","rid":2,"ack":1,"packets":[]}',
    '{"sid":"s","rid":2,"ack":10,"packets":[{"path":"a/b","message":"b:[c"}],"hold":false}',
    '{"sid":"s","rid":2,"ack":1,"packets":[{"path":"a","message":{"b":[1.5,null,"\\n"]},"receipt":"r"}],"token":"t"}',
    '{"sid":"s","rid":2,"ack":1,"packets":[{"path":"a"},{"path":"b","message":-0.0}],"close":true}',
)
SNIPPETS = (
    *(
        '"',
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "\\",
        " ",
        "0",
        "1.0",
        "1e2",
        "null",
        '"rid":3,',
        '"ack":1,',
        '"x":[],',
        '"path":"c",',
    ),
    *("\\u0061", "\\ud800", "::", "\n", "\x7f", "[" * 70, "ü", "x" * 20),
)


@st.composite
def mutated(draw: st.DrawFn, bodies: tuple[str, ...] = CLIENTS_WRITE) -> bytes:
    """What a client writes, with a piece of it left out, or put in twice, or another put in its place."""
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(start + 12, len(body))))
        body = body[:start] + draw(st.sampled_from(("", body[start:end] * 2, *SNIPPETS))) + body[end:]
    broken = draw(st.sampled_from((b"", b"", b"", b"\xff", b"\xed\xa0\x80")))
    return body.encode().replace(b"b:[c", b"b:[c" + broken)


def strictly(body: bytes) -> object:
    """What becomes of a body that is read by the strict codec."""
    try:
        return read_request(cbor2.dumps(json.decode(body)), cbor)
    except ProtocolError as error:
        return error.condition


@settings(max_examples=500)
@given(mutated())
def test_what_clients_write_and_whatever_is_like_it_is_read_as_the_strict_codec_reads_it(body: bytes) -> None:
    assert verdict(body, json) == strictly(body)


SID = "u7Qe-3xRk0_ZbN5yTtWmLc9d"  # always the same, for tests are named by it
TAGGED = SID + "ab-_"  # one that a node has given
POLLS = tuple(
    f'{{"sid":"{sid}","rid":{rid},"ack":{ack}}}'
    for sid in (SID, TAGGED)
    for rid, ack in [(1, 0), (10**15 - 1, 10**15 - 1)]
)


def read_poll(body: bytes) -> tuple[str, int, int]:
    """Read a poll, as the endpoint does."""
    sid, rid, ack, ends = read_head(body)
    return (sid, rid, ack) if ends == len(body) - 1 else ("", 0, 0)


@settings(max_examples=1000)
@given(mutated(POLLS))
def test_what_is_read_as_a_poll_of_a_session_is_read_in_full_as_the_same(body: bytes) -> None:
    sid, rid, ack = read_poll(body)
    if rid and sid in {SID, TAGGED}:
        request = read_request(body, json)
        assert (sid, rid, ack) == (request.sid, request.rid, request.ack)
        assert json.encode(request) == body


@given(st.sampled_from([SID, TAGGED]), st.integers(-1, 10**17), st.integers(-1, 10**17))
def test_what_clients_poll_with_is_read_as_a_poll(sid: str, rid: int, ack: int) -> None:
    poll = read_poll(f'{{"sid":"{sid}","rid":{rid},"ack":{ack}}}'.encode())
    short = 0 < rid < 10**15 and 0 <= ack < 10**15
    assert poll == ((sid, rid, ack) if short else ("", 0, 0))


@pytest.mark.parametrize("numbers", ["01,%", "1,00", ",1", "1,", "+1,1", "1,-0", "1,1.0", "1, 1", "1_0,1"])
def test_a_number_that_is_written_otherwise_is_left_to_who_reads_in_full(numbers: str) -> None:
    rid, ack = numbers.split(",")
    assert read_poll(f'{{"sid":"{SID}","rid":{rid},"ack":{ack}}}'.encode()) == ("", 0, 0)


@settings(max_examples=1000)
@given(mutated((*POLLS, f'{{"sid":"{SID}","rid":7,"ack":3,"packets":[]}}')))
def test_the_head_is_read_alike_byte_for_byte_and_by_a_pattern(body: bytes) -> None:
    assert read_pattern(body) == read_bytes(body)


@pytest.mark.parametrize(
    "numbers", ["01,0", "1,00", "1,", "1" * 15 + ",0", "1" * 16 + ",0", "1," + "1" * 16, "1,5x"]
)
def test_numbers_in_the_head_are_read_alike_in_both_ways(numbers: str) -> None:
    rid, ack = numbers.split(",")
    for more in ("", ',"x":0', "0"):
        body = f'{{"sid":"{SID}","rid":{rid},"ack":{ack}{more}}}'.encode()
        assert read_pattern(body) == read_bytes(body)
        assert read_pattern(body[:-1]) == read_bytes(body[:-1]) == ("", 0, 0, 0)


ONE_PACKET = (
    '{"path":"echo","message":"hello"}',
    '{"path":"echo"}',
    '{"path":"chat","message":{"a":[1,"]}"]},"receipt":"r"}',
    '{"path":"sum","message":[1,2.5],"ask":"q"}',
    '{"path":"::answer","message":null}',
    '{"path":"deep","message":' + "[" * 61 + "]" * 61 + "}",
)
WITH_ONE = tuple(f'{{"sid":"{SID}","rid":7,"ack":3,"packets":[{packet}]}}' for packet in ONE_PACKET)


def shown(packet: Packet) -> tuple[object, ...]:
    """Return what there is to a packet of a client's."""
    more = [getattr(packet, name, None) for name in ("ask", "receipt")]
    return (type(packet), packet.path, packet.message, *more)


@pytest.mark.parametrize("body", WITH_ONE)
def test_a_packet_as_clients_write_it_is_read_without_the_rest(body: str) -> None:
    assert read_packet(body.encode(), read_head(body.encode())[3]) is not None


@settings(max_examples=1000)
@given(mutated(WITH_ONE))
def test_what_is_read_as_one_packet_is_read_in_full_as_the_same(body: bytes) -> None:
    sid, rid, ack, ends = read_head(body)
    packet = read_packet(body, ends) if rid and sid == SID else None
    if packet is not None:
        request = read_request(body, json)
        assert (sid, rid, ack) == (request.sid, request.rid, request.ack)
        assert json.encode(request) == body
        assert request.packets
        assert [shown(packet)] == [shown(one) for one in packets_of(request.packets)]


@pytest.mark.parametrize(
    "packet",
    [
        '{"path":"deep","message":' + "[" * 62 + "]" * 62 + "}",
        '{"path":"::kick"}',
        '{"path":""}',
        '{"path":"a"},{"path":"b"}',
        '{"path":"a","path":"b"}',
        '{"path":"a","message":"' + "x" * 20_000 + '"}',
    ],
)
def test_a_packet_that_is_not_written_as_usual_is_left_to_who_reads_in_full(packet: str) -> None:
    body = f'{{"sid":"{SID}","rid":7,"ack":3,"packets":[{packet}]}}'.encode()
    assert read_packet(body, read_head(body)[3]) is None


@pytest.mark.parametrize("body", CLIENTS_WRITE)
def test_what_clients_write_is_read_once(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def once_more(_: bytes) -> object:
        pytest.fail("it was read once more")

    monkeypatch.setattr(json, "decode", once_more)
    read_request(body.encode(), json)


SOME_VALUES: list[object] = [None, True, 7, 1.5, "", "text", "a:b", "[", [1], {"a": 1}, [[]]]
plain_values = st.sampled_from(SOME_VALUES)
packet_members = st.lists(
    st.sampled_from(["path", "message", "x"]).flatmap(
        lambda key: st.tuples(st.just(key), st.just("a/b") if key == "path" else plain_values)
    ),
    min_size=1,
    max_size=3,
)


@given(st.lists(packet_members, min_size=1, max_size=3), st.booleans())
def test_packets_are_read_alike_on_the_short_way_and_the_long_one(
    packets: list[list[tuple[str, object]]], acknowledges: bool
) -> None:
    written = b",".join(write(members) for members in packets)
    body = b'{"sid":"s","rid":2,%b"packets":[%b]}' % (b'"ack":1,' * acknowledges, written)
    if any(len(dict(members)) < len(members) for members in packets):
        assert verdict(body, json) == "bad-request"
        return
    value = cbor2.dumps(standard_json.loads(body))
    assert verdict(body, json) == verdict(value, cbor)


def test_no_key_may_come_twice_in_the_place_of_one_that_is_missing() -> None:
    assert verdict(b'{"sid":"s","rid":2,"packets":[{"path":"a","path":"b"}]}', json) == "bad-request"


def test_no_key_may_come_twice_in_the_place_of_a_receipt() -> None:
    body = b'{"sid":"s","rid":2,"packets":[{"path":"a","message":1,"receipt":"r"},{"path":"a","path":"b"}]}'
    assert verdict(body, json) == "bad-request"


def test_a_poll_is_read() -> None:
    request = read_request(b'{"sid":"s","rid":2,"ack":1}', json)
    assert (request.sid, request.rid, request.ack, request.packets) == ("s", 2, 1, UNSET)


def test_packets_are_taken_over_in_order() -> None:
    body = b'{"sid":"s","rid":2,"packets":[{"path":"a","message":{"b":[1]}},{"path":"c"}]}'
    request = read_request(body, json)
    assert request.packets
    packets = packets_of(request.packets)
    assert [(packet.path, packet.message) for packet in packets] == [("a", {"b": [1]}), ("c", None)]


packets = st.lists(
    st.builds(
        Packet,
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
        st.none() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=5),
    ),
    max_size=30,
)


@given(st.integers(1, 2**53), packets)
def test_answers_say_the_same_in_both_codecs(first: int, sent: list[Packet]) -> None:
    expected: dict[str, object] = {
        "packets": [{"path": packet.path, "message": packet.message} for packet in sent]
    }
    if sent:
        expected["seq"] = first
    for codec in CODECS:
        assert codec.decode(write_answer(first, sent, codec)) == expected


def test_answers_are_as_short_as_can_be() -> None:
    assert write_answer(0, (), json) == b'{"packets":[]}'
    assert write_answer(0, (), cbor) == cbor2.dumps({"packets": []})
    assert write_answer(7, [Packet("a", 1)], json) == b'{"seq":7,"packets":[{"path":"a","message":1}]}'
    assert write_answer(7, [Packet("a", 1)], cbor) == cbor2.dumps(
        {"seq": 7, "packets": [{"path": "a", "message": 1}]}
    )


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256, 65535, 65536, 100_000])
def test_the_head_of_an_array_is_the_shortest(count: int) -> None:
    assert array_head(count) + b"\x00" * count == cbor2.dumps([0] * count)


def test_a_send_that_is_not_held_is_read_alike_on_both_ways() -> None:
    body = b'{"sid":"s","rid":2,"ack":1,"packets":[{"path":"a","message":1}],"hold":false}'
    twice = body.replace(b'"ack":1,', b'"ack":1,"ack":1,')
    assert verdict(twice, json) == "bad-request"
    request = read_request(body, json)
    assert request == read_request(cbor2.dumps(standard_json.loads(body)), cbor)
    assert request.hold is False
