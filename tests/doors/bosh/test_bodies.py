"""What comes from clients and from the XMPP server, as bytes. B and a number is a rule to be kept to."""

from __future__ import annotations

import gc
import itertools
import json
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.doors.bosh.bodies import MOST_ELEMENTS, Body, read_body, write_body
from cometary.doors.bosh.bounces import bounces_of
from cometary.doors.bosh.elements import (
    DEEPEST,
    LONGEST_NAMESPACE,
    LONGEST_TAG,
    MOST_PARTS,
    MOST_PREFIXES,
    Element,
    Splitter,
)
from cometary.doors.bosh.script import script_of
from cometary.doors.bosh.server_stream import ERROR
from cometary.doors.bosh.skipping import Skipper
from cometary.doors.bosh.streams import FEATURES, StreamReader, opening
from cometary.doors.bosh.terms import CONTENT, Offer, Terms, agree
from cometary.errors import ProtocolError

SPACE = b"xmlns='http://jabber.org/protocol/httpbind'"
OFFER = Offer(frozenset({"localhost"}))


def body(inside: bytes = b"", said: bytes = b"rid='1'") -> bytes:
    return b"<body %b %b>%b</body>" % (SPACE, said, inside)


BOMB = b"<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaa'><!ENTITY c '&a;&a;&a;&a;&a;&a;&a;'>]>" + body(b"&c;")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<body rid='1'/>",
        b"<other %b rid='1'/>" % SPACE,
        BOMB,
        b"<!DOCTYPE body SYSTEM 'file:///etc/passwd'>" + body(),
        b"<!DOCTYPE body [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + body(b"<a>&x;</a>"),
        body(b"<a>&x;</a>"),
        body(b"<!-- no -->"),
        body(b"<a><!-- no --></a>"),
        body(b"<?no no?>"),
        b"<?no no?>" + body(),
        body(b"text"),
        body(b"<a/>text"),
        body(b"&amp;"),
        body(b"<![CDATA[text]]>"),
        body(b"<a>"),
        body()[:-1],
        body() + b"<a/>",
        body(b"<x:a/>"),
        body(b"<a b='1' b='2'/>"),
        body(b"<a>\xff</a>"),
        body(b"<a/>" * (MOST_ELEMENTS + 1)),
        body(said=b"rid='1' " + b" ".join(b"xmlns:p%d='u'" % number for number in range(MOST_PREFIXES + 1))),
        body(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1)),
        body(b"<a/>").decode().encode("utf-16"),
        body(b"<a/>").decode().encode("utf-16-be"),
        body(b"<a/>").decode().encode("utf-32"),
        b"<?xml version='1.0' encoding='utf-16'?>" + body(b"<a>\xd8\x00</a>"),
    ],
)
def test_b17_what_is_not_a_body_is_refused_and_nothing_expands(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        read_body(data)


VALID: Final = body(
    b"<a b='1' xmlns:x='urn:x'>&lt;<x:c/></a><d/>", b"rid='1' sid='a' xmlns:y='urn:y' wait='5'"
)


@given(
    st.integers(0, len(VALID)),
    st.integers(0, 8),
    st.binary(max_size=8) | st.sampled_from([b"<", b"&", b"'", b"/>"]),
)
def test_b17_a_body_that_was_changed_is_a_body_or_is_refused(begin: int, length: int, put: bytes) -> None:
    changed = VALID[:begin] + put + VALID[begin + length :]
    try:
        children = read_body(changed).children
    except ProtocolError:
        return
    for child in children:
        ET.fromstring(child)  # noqa: S314


@pytest.mark.parametrize(
    "rid", [b"", b"-1", b"+1", b"1.0", b" 1", b"x", b"9007199254740992", b"1" * 5000, b"\xd9\xa1"]
)
def test_b18_a_rid_is_a_whole_number_that_javascript_has(rid: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        read_body(body(said=b"rid='%b'" % rid))
    assert read_body(body(said=b"rid='9007199254740991'")).rid == 2**53 - 1


@pytest.mark.parametrize("said", [b"wait='65536'", b"hold='256'", b"pause='-1'", b"ack='x'", b"sid='a'"])
def test_b18_so_is_every_other_number_and_there_is_a_rid(said: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        read_body(body(said=said + (b"" if said.startswith(b"sid") else b" rid='1'")))


@pytest.mark.parametrize(
    "element",
    [
        b"<a/>",
        b"<a b='/>'/>",
        b"<a b='/>'></a>",
        b"<a>/></a>",
        b"<a><b/></a>",
        b'<a b=">\'" >x</a >',
        b"<a\n/>",
        b"<a><![CDATA[</a><b/>]]></a>",
        "<a é='ü'>&lt;ö&#10;</a>".encode(),
    ],
)
def test_elements_are_the_bytes_that_they_were(element: bytes) -> None:
    assert read_body(body(element)).children == [element]
    assert read_body(b"\xef\xbb\xbf" + body(element)).children == [element], "with the mark of UTF-8"
    assert read_body(body(b" " + element + b"\n" + element)).children == [element, element]


def test_a_prefix_that_the_body_declares_means_the_same_in_its_elements() -> None:
    declared = b"rid='1' xmlns:x='urn:x' xmlns:xa='urn:xa' xmlns:unused='urn:unused'"
    children = read_body(body(b"<x:a c='>'><xa:b/></x:a><x:a xmlns:x='urn:other'/><c/>", declared)).children
    assert [ET.fromstring(child).tag for child in children] == ["{urn:x}a", "{urn:other}a", "c"]  # noqa: S314
    assert ET.fromstring(children[0])[0].tag == "{urn:xa}b"  # noqa: S314
    assert b"unused" not in b"".join(children)


def test_attributes_of_other_namespaces_are_known_by_these() -> None:
    said = b"rid='1' xmlns:p='urn:xmpp:xbosh' p:restart='true' xml:lang='de'"
    found = read_body(body(said=said))
    assert found.restarts
    assert not read_body(body(said=b"rid='1' restart='true'")).restarts
    assert found.attributes["http://www.w3.org/XML/1998/namespace lang"] == "de"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")))
def test_what_is_written_says_what_it_was_told(text: str) -> None:
    root = ET.fromstring(write_body([("a", text)], [b"<b/>"]))  # noqa: S314
    assert root.get("a") == text
    assert [child.tag for child in root] == ["{http://jabber.org/protocol/httpbind}b"]


# -- the XMPP server's stream ------------------------------------------------------------------------------

STREAM = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" id='1'><stream:features><bind xmlns='urn:b'/></stream:features> \n<message><body>/></body></message>"
    b"<x xmlns='urn:x'/><presence/><stream:error><a/></stream:error></stream:stream>"
)


@given(st.lists(st.integers(1, 60), max_size=20))
def test_a_stream_is_read_alike_however_its_bytes_come(sizes: list[int]) -> None:
    reader, left = StreamReader(), STREAM
    found: list[Element] = []
    for size in [*sizes, len(STREAM)]:
        found += reader.feed(left[:size])
        left = left[size:]
    assert reader.closed
    assert [element.name for element in found] == [
        FEATURES,
        "jabber:client message",
        "urn:x x",
        "jabber:client presence",
        ERROR,
    ]
    told = ET.fromstring(write_body((), [element.source for element in found]))  # noqa: S314
    assert [child.tag for child in told] == [
        f"{{{space}}}{name}" for space, name in (e.name.split() for e in found)
    ]


def test_a_stream_begins_anew() -> None:
    reader = StreamReader()
    assert len(reader.feed(STREAM[:190])) == 1
    reader.restart()
    assert len(reader.feed(STREAM)) == 5


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"<html>", b"<!DOCTYPE a>", STREAM[:150] + b"text"]
)
def test_what_is_not_xmpp_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        StreamReader().feed(data)


def test_what_somebody_has_nested_deep_ends_nobody_else_s_session() -> None:
    deep = b"<a>" * 5000 + b"</a>" * 5000
    reader = StreamReader()
    reader.feed(opening("localhost", None, "1.0"))
    [stanza] = reader.feed(b"<message from='a@b' id='>/'>" + deep + b"</message>")
    assert deep in stanza.source
    assert b" to='a@b' id='&gt;/'>" in bounces_of([stanza.source])


def test_an_element_that_does_not_end_is_too_large() -> None:
    splitter = Splitter(1000)
    splitter.feed(b"<a><b>")
    splitter.feed(b"x" * 900)
    with pytest.raises(ProtocolError, match="too-large"):
        splitter.feed(b"x" * 100)


def test_an_opening_says_what_the_client_has_said() -> None:
    assert b" to='a&amp;b' xml:lang='de' version='1.0'>" in opening("a&b", "de", "1.0")
    assert b"version" not in opening("a", None, None).partition(b"?>")[2]


# -- what was not fetched --------------------------------------------------------------------------------------


def test_senders_of_messages_and_requests_that_nobody_fetched_are_told() -> None:
    stanzas = [
        b"<message xmlns='jabber:client' from='a@b/&lt;&apos;' id='1' type='chat'><body>hi</body></message>",
        b"<message xmlns='jabber:client' from='a@b' type='error'/>",
        b"<presence xmlns='jabber:client' from='a@b'/>",
        b"<iq xmlns='jabber:client' from='a@b' type='get' id='2'/>",
        b"<iq xmlns='jabber:client' from='a@b' type='result' id='2'/>",
        b"<iq xmlns='jabber:client' type='set' id='3'/>",
        b"<features xmlns='http://etherx.jabber.org/streams'/>",
    ]
    told = ET.fromstring(b"<r>" + bounces_of(stanzas) + b"</r>")  # noqa: S314
    assert [(bounce.tag, bounce.get("to"), bounce.get("type"), bounce.get("id")) for bounce in told] == [
        ("message", "a@b/<'", "error", "1"),
        ("iq", "a@b", "error", "2"),
    ]
    assert told[0].find("error/{urn:ietf:params:xml:ns:xmpp-stanzas}recipient-unavailable") is not None
    assert told[1].find("error/{urn:ietf:params:xml:ns:xmpp-stanzas}service-unavailable") is not None


# -- scripts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ('"', '\\"'),
        ("\\", "\\\\"),
        ("\n\r", "\\n\\r"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\u00ad\u200b\ufeff", "\\u00ad\\u200b\\ufeff"),
        ("\U000e0001", "\\udb40\\udc01"),
        ("é</script>", "é</script>"),
    ],
)
def test_b23_what_a_script_could_not_have_is_escaped(text: str, escaped: str) -> None:
    assert script_of(text.encode()).decode() == f'_BOSH_("{escaped}")'


@given(st.text())
def test_b23_a_script_says_what_was_said(text: str) -> None:
    text = text.encode(errors="ignore").decode()
    said = script_of(text.encode()).decode().removeprefix("_BOSH_(").removesuffix(")")
    assert json.loads(said, strict=False) == text


# -- what is agreed ------------------------------------------------------------------------------------------


def agreed(**said: str) -> Terms | str:
    return agree(Body({"rid": "1", "to": "LocalHost", **said}), OFFER)


def test_only_domains_that_the_operator_has_named_can_be_asked_for() -> None:
    assert isinstance(agreed(), Terms)
    assert agreed(to="example.org") == "host-unknown"
    assert agree(Body({"rid": "1"}), OFFER) == "improper-addressing"


@pytest.mark.parametrize("version", ["", "1", "1.x", "1.6.0", "-1.6", "1." + "6" * 6])
def test_b18_a_version_is_two_numbers(version: str) -> None:
    with pytest.raises(ProtocolError):
        agreed(ver=version)


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("application/xml", "application/xml"),
        ("text/xml; charset=utf-8", "text/xml; charset=utf-8"),
        ("text/html", CONTENT),
        ("application/xhtml+xml", CONTENT),
        ("image/svg+xml; charset=utf-8", CONTENT),
        ("text/xml; charset=utf-7", CONTENT),
        ("text/xml\r\nSet-Cookie: a=b", CONTENT),
        ("text/xml;\r\n", CONTENT),
    ],
)
def test_b1_the_media_type_of_answers_is_the_client_s_unless_a_browser_would_run_it(
    asked: str, used: str
) -> None:
    terms = agreed(content=asked)
    assert isinstance(terms, Terms)
    assert terms.content == used


def done_with(splitter: Splitter) -> None:
    splitter.feed(b"<a><b/></a>", final=True)


def broken_off(splitter: Splitter) -> None:
    with pytest.raises(ProtocolError):
        splitter.feed(b"<a><b></a>", final=True)


def left(splitter: Splitter) -> None:
    splitter.feed(b"<a><b/>")
    splitter.close()


@pytest.mark.parametrize("end", [done_with, broken_off, left])
def test_a_parser_goes_when_it_is_done_with_not_when_the_collector_comes(
    end: Callable[[Splitter], None],
) -> None:
    splitter = Splitter(1000)
    gone = weakref.ref(splitter)
    gc.disable()
    try:
        end(splitter)
        del splitter
        assert gone() is None
    finally:
        gc.enable()


def test_a_parser_sets_little_aside_for_text() -> None:
    """Each session has one; most of it is Expat's own."""
    tracemalloc.start()
    try:
        readers = [StreamReader() for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(readers) < 8 * 1024  # what it would set aside for text alone


def test_a_splitter_can_be_closed_whatever_it_has_read() -> None:
    splitter = Splitter(100)
    with pytest.raises(ProtocolError):
        splitter.feed(b"<stream>text\x01")
    splitter.close()


# -- what would take long ---------------------------------------------------------------------------------------

LONG: Final = b"u" * 100_000


class Counting(Splitter):
    """Counts the characters of names that the parser writes out."""

    characters = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.characters += len(name) + sum(map(len, attributes))
        super()._start(name, attributes)


@pytest.mark.parametrize(
    "inside",
    [
        b"<x xmlns='%b'>%b</x>" % (LONG, b"<a/>" * 25_000),
        b"<x xmlns:p='%b' %b/>" % (LONG, b" ".join(b"p:a%d=''" % number for number in range(15_000))),
        b"<x xmlns='%b'>%b</x>" % (LONG[: LONGEST_NAMESPACE + 1], b"<a/>" * 60_000),
        b"<x xmlns:p='%b'><y %b/></x>" % (LONG[:15_000], b" ".join(b"p:a%d=''" % n for n in range(15_000))),
        b"<x a='%b'/>" % LONG,
        b"<x a='%b" % LONG,
        b"<x>%b</x>" % (b"<a/>" * 60_000),
        b"<x>%b</x>" % (b"<a b='' c='' d=''/>" * 12_000),
        b"<x>%b</x>" % (b"<a b='' c='' d=''></a>" * 10_000),
    ],
    ids=[
        "elements in a long namespace",
        "attributes in a long namespace",
        "elements in a namespace that is a little too long",
        "attributes in a namespace that a tag has room for",
        "a long tag",
        "a tag that does not end",
        "elements",
        "attributes",
        "attributes and end tags",
    ],
)
def test_a_body_that_takes_long_is_refused_while_it_is_read(inside: bytes) -> None:
    data = body(inside)
    splitter = Counting(len(data), MOST_ELEMENTS, parts=MOST_PARTS)
    with pytest.raises(ProtocolError, match="bad-request"):
        splitter.feed(data, final=True)
    assert splitter.characters < 40 * MOST_PARTS
    assert splitter.read <= len(data) / 2
    with pytest.raises(ProtocolError, match="bad-request"):
        read_body(data)


def test_what_takes_as_long_as_may_be_is_read() -> None:
    elements = b"<a xmlns='%b'>%b</a>" % (LONG[:LONGEST_NAMESPACE], b"<b/>" * (MOST_PARTS - 5))
    attribute = b"<a b='%b'/>" % LONG[: LONGEST_TAG - 10]
    for inside in (elements, attribute, b"<a>%b</a>" % LONG, b"<a><![CDATA[%b]]></a>" % LONG):
        assert read_body(body(inside)).children == [inside]


BEGUN: Final = STREAM[: STREAM.index(b"<message>")]
MUCH: Final = [
    b"<message from='a@b'><x xmlns='%b'>%b</x></message>" % (LONG, b"<a/>" * 25_000),
    b"<message from='a@b'><x xmlns:p='%b'>%b</x></message>" % (LONG[:2000], b"<p:a b='/>'></p:a>" * 1000),
    b"<message from='a@b'><x a='%b>/'><y>]</y>/<![CDATA[</x></message>]]></x></message>" % LONG,
    b"<message from='a@b'>%b%b</message>" % (b"<a>" * 10_001, b"</a>" * 10_001),
]
"""Stanzas that are too much."""


@pytest.mark.parametrize("size", [61, 1000, 1 << 20])
@pytest.mark.parametrize("much", MUCH, ids=["elements", "a prefix", "a tag", "depth"])
def test_what_takes_long_is_passed_over_and_the_stream_goes_on(much: bytes, size: int) -> None:
    reader = StreamReader()
    stream = BEGUN + b"<iq id='1'/>" + much + b"<iq id='2'/>" + much + b" <iq id='3'/></stream:stream>"
    found = [each for at in range(0, len(stream), size) for each in reader.feed(stream[at : at + size])]
    assert reader.closed
    assert [(each.attributes.get("id"), each.is_whole) for each in found] == [
        (None, True),
        ("1", True),
        (None, False),
        ("2", True),
        (None, False),
        ("3", True),
    ]
    assert {each.attributes.get("from") for each in found if not each.is_whole} == {"a@b"}
    assert found[-1].source == b"<iq xmlns='jabber:client' id='3'/>"


@pytest.mark.parametrize("tag", [b"<message xmlns:a='%b'>" % LONG, b"<message a='%b'>" % LONG])
def test_of_a_stanza_whose_own_tag_is_too_long_nothing_is_known(tag: bytes) -> None:
    reader = StreamReader()
    found = reader.feed(BEGUN + tag + b"<a>'</a></message><iq id='2'/>")
    assert [(each.name, each.is_whole) for each in found[1:]] == [("", False), ("jabber:client iq", True)]


def test_a_stream_that_begins_with_too_much_is_refused() -> None:
    for data in (b"<a xmlns='%b'>" % LONG, b"<a b='%b" % LONG):
        with pytest.raises(ProtocolError, match="bad-request"):
            StreamReader().feed(data)


PIECES: Final = st.recursive(
    st.sampled_from([b"text/>]]", b"<a/>", b"<a b='/>\"'/>", b"<![CDATA[</a>]]]]>", b"/", b"]", b"'"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: b'<a b="]]>\'">%b</a >' % b"".join(parts)),
    max_leaves=8,
)


@given(PIECES, st.lists(st.integers(1, 6), min_size=1))
def test_who_does_not_read_an_element_finds_its_end(inside: bytes, sizes: list[int]) -> None:
    skipper, left = Skipper(1), b"<m>" + inside + b"</m><behind/>"
    for size in itertools.cycle(sizes):
        rest, left = skipper.feed(left[:size]), left[size:]
        if rest is not None:
            assert rest + left == b"<behind/>"
            break
        assert left
