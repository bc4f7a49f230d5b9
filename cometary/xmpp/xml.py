"""Elements as trees, from the bytes of a stream and back. No socket, no clock.

1.  What is read has gone through the splitter of BOSH (`cometary.doors.bosh.elements`), which refuses document types,
    entities, comments and instructions, and bounds the length. Here the depth is bounded, for one stanza at a time: one
    that is too deep is refused, and the stream goes on.
2.  What is written declares default namespaces and no prefixes, as XMPP's own examples do: there are clients that look
    for an element by its name as it is written. What XML cannot carry is replaced by U+FFFD: one character must not end
    the stream of all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser
from xml.sax.saxutils import escape

from cometary.errors import ProtocolError
from cometary.xmpp.names import XML

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEEPEST: Final = 100
"""Levels of nesting in what is taken as a tree."""

_QUOTES: Final = {"'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_BREAKS: Final = {"\r": "&#13;"}
_replace_forbidden: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").sub


class _Builder(TreeBuilder):
    """Builds a tree that is not too deep."""

    _depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ProtocolError("bad-request", f"elements are nested deeper than {DEEPEST}")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(source: bytes) -> Element:
    """Return the tree of one element that a `Splitter` has found whole.

    Raises:
        ProtocolError: `bad-request`: it is too deep; its sender's fault.
    """
    parser = XMLParser(target=_Builder(), encoding="utf-8")  # noqa: S314 - see rule 1
    parser.feed(source)
    element: Element = parser.close()
    return element


def write(element: Element, around: str = "") -> bytes:
    """Return an element as it is sent.

    Args:
        element: it, named as ElementTree does: `{namespace}name`.
        around: the default namespace where it will be.
    """
    return "".join(_written(element, around)).encode()


def _written(element: Element, around: str) -> Iterable[str]:
    namespace, name = split_name(element.tag, around)
    yield f"<{name}"
    if namespace != around:
        yield f" xmlns='{escape(namespace, _QUOTES)}'"
    yield from _attributes(element.attrib)
    if element.text or len(element):
        yield ">"
        yield _text(element.text)
        for child in element:
            yield from _written(child, namespace)
            yield _text(child.tail)
        yield f"</{name}>"
    else:
        yield "/>"


def _attributes(attributes: Mapping[str, str]) -> Iterable[str]:
    for number, (full, value) in enumerate(attributes.items()):
        namespace, name = split_name(full)
        if namespace == XML:
            name = f"xml:{name}"
        elif namespace:
            yield f" xmlns:n{number}='{escape(namespace, _QUOTES)}'"
            name = f"n{number}:{name}"
        yield f" {name}='{escape(_carried(value), _QUOTES)}'"


def _text(text: str | None) -> str:
    return escape(_carried(text), _BREAKS) if text else ""


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
