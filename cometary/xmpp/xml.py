"""Elements as trees, from the bytes of a stream and back. No socket, no clock.

1.  What is read has gone through the splitter of BOSH (`cometary.doors.bosh.elements`), which refuses document types,
    entities, comments and instructions, and bounds the length. Here the depth is bounded, and how much there is to
    build, for one stanza at a time: one that is too deep, or too much, is refused, and the stream goes on.
2.  What is written declares default namespaces and no prefixes, as XMPP's own examples do: there are clients that look
    for an element by its name as it is written. What XML cannot carry is replaced by U+FFFD: one character must not end
    the stream of all.
3.  It is hardly longer than what was read: `>` is written as it is where it may be, and the quotes are those that need
    the fewest escapes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser

from cometary.errors import ProtocolError
from cometary.xmpp.names import XML

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DEEPEST: Final = 100
"""Levels of nesting in what is taken as a tree."""

MOST_PARTS: Final = 10_000
"""Elements and attributes in it: reading and writing that many takes the loop some 20 ms."""

MOST_NAMES: Final = 1 << 19
"""Characters that their names have, with their namespaces, which are written out each time that they change."""

_replace_forbidden: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").sub


class _Builder(TreeBuilder):
    """Builds a tree that is neither too deep nor too much."""

    _depth = 0
    _parts = MOST_PARTS
    _names = MOST_NAMES

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ProtocolError("bad-request", f"elements are nested deeper than {DEEPEST}")
        self._parts -= 1 + len(attrs)
        self._names -= len(tag) + sum(map(len, attrs))
        if self._parts < 0:
            raise ProtocolError("bad-request", f"more than {MOST_PARTS} elements and attributes")
        if self._names < 0:
            raise ProtocolError("bad-request", f"names with more than {MOST_NAMES} characters in all")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(source: bytes) -> Element:
    """Return the tree of one element that a `Splitter` has found whole.

    Raises:
        ProtocolError: `bad-request`: it is too deep, or too much; its sender's fault.
    """
    parser = XMLParser(target=_Builder(), encoding="utf-8")  # noqa: S314 - see rule 1
    parser.feed(source)
    element: Element = parser.close()
    return element


def write(element: Element, around: str = "") -> bytes:
    """Return an element as it is sent.

    Args:
        element: it, named as ElementTree does: `{namespace}name`. If it has no namespace, that is `around`.
        around: the default namespace where it will be.
    """
    out: list[str] = []
    none = around if not element.tag.startswith("{") else ""
    _write(element, around, none, out.append)
    return "".join(out).encode()


def _write(element: Element, around: str, none: str, say: Callable[[str], object]) -> None:
    """Say an element piece by piece; `none` is the namespace of those that name none."""
    namespace, name = split_name(element.tag, none)
    say(f"<{name}")
    if namespace != around:
        say(f" xmlns={_quoted(namespace)}")
    if element.attrib:
        say("".join(_attributes(element.attrib)))
    if element.text or len(element):
        say(">")
        if element.text:
            say(_text(element.text))
        for child in element:
            _write(child, namespace, none, say)
            if child.tail:
                say(_text(child.tail))
        say(f"</{name}>")
    else:
        say("/>")


def _attributes(attributes: Mapping[str, str]) -> Iterable[str]:
    for number, (full, value) in enumerate(attributes.items()):
        namespace, name = split_name(full)
        if namespace == XML:
            name = f"xml:{name}"
        elif namespace:
            yield f" xmlns:n{number}={_quoted(namespace)}"
            name = f"n{number}:{name}"
        yield f" {name}={_quoted(_carried(value))}"


def written_attribute(name: str, value: str) -> bytes:
    """Return an attribute as it is written, after a space."""
    return f" {name}={_quoted(_carried(value))}".encode()


def _quoted(value: str) -> str:
    """Return the value of an attribute in quotes, those that need the fewest escapes."""
    value = value.replace("&", "&amp;").replace("<", "&lt;")
    value = value.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
    if "'" not in value:
        return f"'{value}'"
    if value.count('"') < value.count("'"):
        return '"' + value.replace('"', "&quot;") + '"'
    return "'" + value.replace("'", "&apos;") + "'"


def _text(text: str) -> str:
    text = _carried(text).replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
    return text.replace("]]>", "]]&gt;") if "]]>" in text else text


def _carried(text: str) -> str:
    return _replace_forbidden("\ufffd", text)


def split_name(full: str, otherwise: str = "") -> tuple[str, str]:
    """Return the namespace of a name, or `otherwise` if it has none, and the name in it."""
    namespace, found, name = full[1:].partition("}")
    return (namespace, name) if full.startswith("{") and found else (otherwise, full)


def make(
    namespace: str,
    name: str,
    attributes: Mapping[str, str | None] | None = None,
    *children: Element,
    text: str | None = None,
) -> Element:
    """Return a new element; attributes that are None are left out."""
    given = {key: value for key, value in (attributes or {}).items() if value is not None}
    element = Element(f"{{{namespace}}}{name}", given)
    element.text = text
    element.extend(children)
    return element
