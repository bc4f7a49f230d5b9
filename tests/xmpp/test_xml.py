"""Trees and bytes."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.xmpp.stream import ComponentReader
from cometary.xmpp.xml import DEEPEST, MOST_PARTS, make, parse, write

names = st.sampled_from(["{a}x", "{a}y", "{b}x", "{jabber:component:accept}body"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=8)
keys = st.sampled_from(["id", "{c}id", "{http://www.w3.org/XML/1998/namespace}lang"])
PIECES = [
    b"<iq>",
    b"</iq>",
    b"<a b='c'/>",
    b"<!-- -->",
    b"<![CDATA[x]]>",
    b"</stream:stream>",
    b"&lt;",
    b"\xc3",
    b" ",
]


def grown(children: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    return st.builds(
        _element, names, texts, texts, st.dictionaries(keys, texts), st.lists(children, max_size=3)
    )


def _element(name: str, text: str, tail: str, attributes: dict[str, str], children: list[Element]) -> Element:
    element = Element(name, attributes)
    element.text, element.tail = text or None, tail or None
    element.extend(children)
    return element


leaves = st.builds(_element, names, texts, texts, st.dictionaries(keys, texts), st.just([]))
elements = st.recursive(leaves, grown, max_leaves=8)


def same(one: Element, other: Element) -> bool:
    return (
        (one.tag, one.text, one.attrib) == (other.tag, other.text, other.attrib)
        and len(one) == len(other)
        and all(same(*pair) and pair[0].tail == pair[1].tail for pair in zip(one, other, strict=True))
    )


@settings(max_examples=40)
@given(elements)
def test_what_is_written_is_read_as_it_was(element: Element) -> None:
    assert same(parse(write(element)), element)


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(PIECES)), max_size=8))
def test_whatever_a_server_sends_is_read_or_refused(pieces: list[bytes]) -> None:
    reader = ComponentReader()
    try:
        for piece in [b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", *pieces]:
            for element in reader.feed(piece):
                parse(element.source)
    except ProtocolError:
        pass
    finally:
        reader.close()


def test_namespaces_are_declared_where_they_change_and_have_no_prefixes() -> None:
    element = make("a", "x", None, make("a", "y"), make("b", "z", {"n": "1"}, text="&"))
    assert write(element, "a") == b"<x><y/><z xmlns='b' n='1'>&amp;</z></x>"


def test_what_xml_cannot_carry_is_replaced() -> None:
    assert (
        parse(write(make("a", "x", {"n": "\x00"}, text="a\x01\ufffeb\ud800"))).text == "a\ufffd\ufffdb\ufffd"
    )


def test_what_is_too_deep_is_refused() -> None:
    assert parse(b"<a>" * DEEPEST + b"</a>" * DEEPEST).tag == "a"
    with pytest.raises(ProtocolError, match="deeper"):
        parse(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1))


@pytest.mark.parametrize(
    "much",
    [
        b"<x>" + b"<a/>" * MOST_PARTS + b"</x>",
        b"<x " + b" ".join(b"a%d=''" % number for number in range(MOST_PARTS)) + b"/>",
        b"<x xmlns:p='" + b"u" * 1000 + b"'>" + b"<p:a/>" * 600 + b"</x>",
    ],
    ids=["elements", "attributes", "names"],
)
def test_what_is_too_much_is_refused(much: bytes) -> None:
    with pytest.raises(ProtocolError, match="more than"):
        parse(much)


def test_what_is_in_no_namespace_stays_there() -> None:
    source = b"<x xmlns='urn:x'><y xmlns=''><z/></y></x>"
    assert write(parse(source)) == source
    stanza = Element("message")
    stanza.append(Element("body"))
    assert write(stanza, "jabber:component:accept") == b"<message><body/></message>"


@pytest.mark.parametrize(
    "source",
    [
        b"<x>" + b">" * 1000 + b"</x>",
        b'<x a="' + b"'" * 1000 + b'"/>',
        b"<x a='" + b'"' * 1000 + b"'/>",
        b"<x>]]&gt;</x>",
    ],
)
def test_what_is_written_is_no_longer_than_it_was(source: bytes) -> None:
    assert write(parse(source)) == source
