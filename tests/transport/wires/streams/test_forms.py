"""The forms of streams: what is written in each can be read back, with the number of every packet."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError, UsageError
from cometary.packets.packet import Packet
from cometary.transport.wires.streams.forms import (
    EVENTS,
    FORMS,
    RETRY,
    Form,
    NamedEvents,
    accepted,
    come_back,
)

LINES, ITEMS = FORMS[b"application/x-ndjson"], FORMS[b"application/cbor-seq"]
NAMED = NamedEvents(b"ada")
ALL = [EVENTS, NAMED, LINES, ITEMS]

texts = st.text(st.characters(codec="utf-8"), max_size=6)
batches = st.lists(st.lists(texts, min_size=1, max_size=3), max_size=4)


def read_events(stream: bytes) -> list[dict[str, str]]:
    """What a browser makes of server-sent events: the fields of each block that is ended by an empty line."""
    blocks = stream.decode().split("\n\n")
    assert blocks.pop() == "", "the last block has its end"
    return [dict(line.split(":", 1) for line in block.split("\n")) for block in blocks]


def read_bodies(form: Form, stream: bytes) -> list[dict[str, Any]]:
    """The bodies of a stream without ids."""
    if form is LINES:
        return [json.loads(line) for line in stream.decode().split("\n")[:-1]]
    file = io.BytesIO(stream)
    bodies: list[dict[str, Any]] = []
    while file.tell() < len(stream):
        bodies.append(cbor2.load(file))
    return bodies


def numbered(form: Form, stream: bytes) -> list[tuple[int, str, Any]]:
    """Each packet of a stream, as its client reads it: number, path and message."""
    if form in (EVENTS, NAMED):
        found: list[tuple[int, str, Any]] = []
        for event in read_events(stream):
            if "event" not in event and "data" in event:
                packet = json.loads(event["data"])
                found.append((int(event["id"].rpartition(".")[2]), packet["path"], packet["message"]))
        return found
    number, found = 0, []
    for body in read_bodies(form, stream):
        number = body.get("seq", number)
        for packet in body.get("packets", ()):
            found.append((number, packet["path"], packet["message"]))
            number += 1
    return found


def packets_of(texts: Sequence[str]) -> list[Packet]:
    return [Packet("a", text) for text in texts]


@pytest.mark.parametrize("form", ALL, ids=["events", "named", "lines", "items"])
@given(first=st.integers(1, 10**6), written=batches, gap=st.integers(0, 3))
def test_every_packet_comes_with_its_number(
    form: Form, first: int, written: list[list[str]], gap: int
) -> None:
    stream, number = form.hello(first), first
    expected: list[tuple[int, str, str]] = []
    for place, texts in enumerate(written):
        follows = place != 1 or not gap
        number += 0 if follows else gap  # such as after a replay that another carrier has brought
        stream += form.packets(number, packets_of(texts), follows=follows) + form.beat
        expected += [(number + each, "a", text) for each, text in enumerate(texts)]
        number += len(texts)
    assert numbered(form, stream) == expected


@pytest.mark.parametrize("form", [LINES, ITEMS], ids=["lines", "items"])
def test_a_hello_says_the_number_of_what_comes_next_and_a_beat_says_nothing(form: Form) -> None:
    assert read_bodies(form, form.hello(7) + form.beat) == [{"seq": 7, "packets": []}, {}]


@pytest.mark.parametrize("form", [LINES, ITEMS], ids=["lines", "items"])
def test_the_number_is_left_out_where_it_follows_on(form: Form) -> None:
    for count in (1, 2):
        (body,) = read_bodies(form, form.packets(7, packets_of("xy"[:count]), follows=True))
        assert set(body) == {"packets"}
        assert len(body["packets"]) == count


def test_what_is_no_packet_is_an_event_of_another_name() -> None:
    for form in (EVENTS, NAMED):
        *_, hello, beat, error = read_events(
            form.hello(7) + form.beat + form.error(ProtocolError("bad-ack", "x"))
        )
        assert [each["event"] for each in (hello, beat, error)] == ["comet"] * 3
        assert json.loads(hello["data"]) == {"seq": 7, "packets": []}
        assert json.loads(beat["data"]) == {}
        assert json.loads(error["data"])["error"] == "bad-ack"


def test_a_browser_that_has_lost_the_stream_is_back_soon_and_says_whose_it_was() -> None:
    assert read_events(EVENTS.hello(7))[0]["retry"] == str(RETRY)
    named = read_events(NAMED.hello(7) + NAMED.packets(7, packets_of("x"), follows=True))
    assert named[0]["retry"] == str(RETRY)
    assert [event["id"] for event in named if "id" in event] == ["ada.6", "ada.7"]


@pytest.mark.parametrize("form", ALL, ids=["events", "named", "lines", "items"])
def test_the_last_words_say_what_is_wrong_and_when_to_come_back(form: Form) -> None:
    def told(error: ProtocolError) -> dict[str, Any]:
        if form in (LINES, ITEMS):
            (body,) = read_bodies(form, form.error(error))
            return body
        return msgspec.json.decode(read_events(form.error(error))[-1]["data"], type=dict[str, Any])

    at_once, later = ProtocolError("bad-ack", "why"), ProtocolError("too-many-requests", "why", retry_after=3)
    assert told(at_once) == {"error": "bad-ack", "detail": "why"}
    assert told(later) == {"error": "too-many-requests", "detail": "why", "retry_after": 3}


def test_a_plain_event_source_is_told_to_come_back_by_its_own_field() -> None:
    later = ProtocolError("too-many-requests", "why", retry_after=3)
    assert read_events(NAMED.error(later))[0] == {"retry": "3000"}
    assert come_back(3) == b"retry:3000\n\n"
    assert not re.search(rb"retry:", NAMED.error(ProtocolError("bad-ack", "why")))


@pytest.mark.parametrize("form", [EVENTS, LINES, ITEMS], ids=["events", "lines", "items"])
def test_a_packet_alone_and_the_same_among_others_look_alike(form: Form) -> None:
    one, two = packets_of("xy")
    together = form.packets(7, [one, two], follows=True)
    assert numbered(form, form.hello(7) + together) == numbered(
        form,
        form.hello(7) + form.packets(7, [one], follows=True) + form.packets(8, [two], follows=True),
    )


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (b"text/event-stream", EVENTS),
        (b"application/x-ndjson", LINES),
        (b"Application/CBOR-Seq", ITEMS),
        (b"text/html, application/x-ndjson;q=0.5 , text/event-stream", LINES),
        (b"application/json", None),
        (b"*/*", None),
        (b"", None),
    ],
)
def test_the_first_form_that_a_client_names_is_taken(accept: bytes, form: Form | None) -> None:
    assert accepted(accept) is form


def test_an_id_that_is_a_name_never_gives_way_to_one_without_it() -> None:
    recorder: Any = None
    with pytest.raises(UsageError):
        NAMED.placed(1, packets_of("x"), recorder, follows=True)


class Placed:
    """Says that a client is where the number says, and that what begins before the third moves it nowhere."""

    generation = 4

    def moved(self, first_seq: int, count: int) -> str | None:
        return None if first_seq < 3 else self.place(first_seq + count - 1)

    def place(self, number: int) -> str:
        return f"behind-{number}"


def test_a_stream_of_a_client_that_can_go_on_elsewhere_says_of_which_generation_it_is() -> None:
    for form in (LINES, ITEMS):
        assert read_bodies(form, form.hello(7, Placed())) == [{"seq": 7, "packets": [], "gen": 4}]
        assert read_bodies(form, form.hello(7)) == [{"seq": 7, "packets": []}]
    [hello] = read_events(EVENTS.hello(7, Placed()))
    assert json.loads(hello["data"]) == {"seq": 7, "packets": [], "gen": 4}


@pytest.mark.parametrize("follows", [False, True])
def test_packets_say_where_their_client_is_behind_them_if_they_move_it(follows: bool) -> None:
    packets = [Packet("p", 1), Packet("q", 2)]
    for form in (LINES, ITEMS):
        assert form.placed(2, packets, Placed(), follows=follows) == form.packets(2, packets, follows=follows)
        [body] = read_bodies(form, form.placed(3, packets, Placed(), follows=follows))
        assert body.pop("at") == "behind-4"
        assert [body] == read_bodies(form, form.packets(3, packets, follows=follows))


def test_events_say_in_their_ids_where_their_client_is_behind_each() -> None:
    packets = [Packet("p", 1), Packet("q", 2)]
    events = read_events(EVENTS.placed(3, packets, Placed(), follows=True))
    assert [event["id"] for event in events] == ["3.4.behind-3", "4.4.behind-4"]
    assert [json.loads(event["data"])["path"] for event in events] == ["p", "q"]
