"""The elements within a root element, byte for byte, as soon as each is whole. No socket, no clock.

1.  A client's body and an XMPP server's stream are the same to XML: a root, and elements in it. The elements are not
    written anew, but passed on as they came. A prefix that the root declares and an element uses is declared in that
    element, so that it means the same elsewhere.
2.  What XMPP does not allow (RFC 6120, section 11.1) is refused before it does anything: document types, entities,
    processing instructions, comments. So are text between the elements, and what is not UTF-8.
3.  So is what would take long. Expat writes a name out with its namespace wherever it occurs, so a long namespace
    costs its full length for each element and each attribute, and a few bytes suffice for another one of these.
    Therefore a namespace is bounded, and so is a tag, whose attributes Expat handles all at once. Anything beyond is
    refused while it is read, a slice at a time: of what follows, no more than the rest of its slice is looked at. The
    prefixes of a root are bounded, and where a whole document comes at once, so are all elements and attributes.
4.  One that reads for many can go on after an element that is too much (`excess`): see `ServerStreamReader`.
5.  What is not whole yet is kept, up to a certain length.

The parser is the standard library's Expat: it is well maintained, and can be told what to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

DEEPEST: Final = 100
"""Levels of nesting in what clients send."""

MOST_PREFIXES: Final = 16
"""Prefixes of a root: each is searched for in each of its elements."""

LONGEST_NAMESPACE: Final = 256
"""Characters of one; those that XMPP knows have less than a hundred."""

LONGEST_TAG: Final = 16 * 1024
"""Bytes of one, with its attributes: two of XMPP's longest addresses, each character escaped, and some more."""

MOST_PARTS: Final = 10_000
"""Elements and attributes of a document that comes at once: they take the loop some 10 ms."""

A_SLICE: Final = 4096
"""Bytes that the parser is given at once."""

TEXT_AT_ONCE: Final = 1024
"""Bytes of text that the parser puts together before it hands them over. Each session has a parser: the 8 KiB that it
sets aside by default would be a fifth of all that an idle session takes."""

_QUOTES: Final = {"'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_name_of: Final = re.compile(rb"<[^\s/>]+").match
_is_empty_tag: Final = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*/>""").fullmatch


class Element(NamedTuple):
    """One element within the root.

    Attributes:
        name: its name, after its namespace and a space if it is in one.
        attributes: by their names, written in the same way.
        source: its bytes, which mean the same outside the root.
        prefixes: those that it declares itself; None stands for the default namespace.
        is_whole: whether it was read; one that was too much has no source.
    """

    name: str
    attributes: dict[str, str]
    source: bytes
    prefixes: frozenset[str | None]
    is_whole: bool = True


class Excess(NamedTuple):
    """What was too much for a splitter, which has stopped there.

    Attributes:
        whole: the elements before it that were not returned yet.
        element: the element that is too much, as far as it is known: without a name, if its own tag is too much.
        unread: the bytes from the offending tag on.
        depth: how many elements are open where that begins.
    """

    whole: list[Element]
    element: Element
    unread: bytes
    depth: int


class Splitter:
    """Splits one document, whose bytes come in any pieces; the handlers are Expat's.

    Args:
        longest: how many bytes an element may have.
        most: how many elements there may be in the root; None for any number.
        deepest: how many may be nested.
        parts: how many elements and attributes there may be in all; None for any number.

    Attributes:
        root: the name of the root, as in `Element`; empty until it has come.
        attributes: those of the root.
        closed: whether the root is whole.
        read: how many bytes the parser was given.
    """

    def __init__(
        self, longest: int, most: int | None = None, deepest: int = DEEPEST, parts: int | None = None
    ) -> None:
        self._left = most
        self._deepest = deepest
        self._parts = parts
        self.root = ""
        self.attributes: dict[str, str] = {}
        self.closed = False
        self.read = 0
        self._stopped: tuple[int, int] | None = None  # where the tag that is too much begins, and its depth
        self._longest = longest
        self._depth = 0
        self._kept = bytearray()
        self._passed = 0  # bytes of the document before those that are kept
        self._whole: list[Element] = []
        self._declared: dict[str, str] = {}  # by the root
        self._prefixes: set[str | None] = set()  # of the element that begins
        self._begun = (0, "", dict[str, str](), frozenset[str | None]())
        self._has_children = False
        self._parser = self._new_parser()

    def _new_parser(self) -> XMLParserType:
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_size = TEXT_AT_ONCE
        parser.buffer_text = True
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # An element is wanted as soon as it is whole; how long one may be is bounded here.
            parser.SetReparseDeferralEnabled(False)  # noqa: FBT003 - Expat's
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._finish
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
        parser.ProcessingInstructionHandler = parser.CommentHandler = parser.SkippedEntityHandler = _refuse
        return parser

    def feed(self, data: bytes, *, final: bool = False) -> list[Element]:
        """Take some bytes.

        Args:
            data: the bytes.
            final: whether these are the last ones.

        Returns:
            The elements that have become whole.

        Raises:
            ProtocolError: `bad-request`: it breaks rule 2, or is not XML; `too-large`; the sender's fault.
        """
        if b"\0" in data:  # Expat would read UTF-16 anyway
            raise ProtocolError("bad-request", "that is not XML in UTF-8")
        self._kept += data
        try:
            self._parse(data, final=final)
        except expat.ExpatError as error:
            raise ProtocolError("bad-request", f"that is not XML: {error}") from None
        finally:
            if final:
                self.close()
        if len(self._kept) > self._longest:
            raise ProtocolError("too-large", f"an element has more than {self._longest} bytes")
        whole, self._whole = self._whole, []
        return whole

    def _parse(self, data: bytes, *, final: bool) -> None:
        """Have the parser read, a slice at a time: an error of a handler does not stop it before the end of one."""
        parser, size, at = self._parser, len(data), 0
        while True:
            part = data if size <= A_SLICE else data[at : at + A_SLICE]
            at += len(part)
            self.read += len(part)
            parser.Parse(part, final and at == size)
            if self.read - parser.CurrentByteIndex > LONGEST_TAG:  # what it has not come to the end of
                self._stop(f"a tag has more than {LONGEST_TAG} bytes")
            if at == size:
                return

    @property
    def excess(self) -> Excess | None:
        """What it has stopped at; None if it has not, or if that is not an element of the root."""
        if self._stopped is None or not self._stopped[1]:
            return None
        begin, depth = self._stopped
        whole, self._whole = self._whole, []
        _, name, attributes, prefixes = self._begun
        element = Element("", {}, b"", frozenset(), is_whole=False)
        if depth > 1:
            element = Element(name, attributes, b"", prefixes, is_whole=False)
        return Excess(whole, element, bytes(self._kept[begin - self._passed :]), depth)

    def _stop(self, why: str) -> NoReturn:
        self._stopped = (self._parser.CurrentByteIndex, self._depth)
        raise ProtocolError("bad-request", why)

    def close(self) -> None:
        """Have the parser let go of the handlers; nothing more is found.

        They hold this object, which holds the parser. That takes 10 KB or more of Expat's memory, which the garbage
        collector does not see: thousands of parsers would wait until it finds enough to do.
        """
        parser = self._parser
        self._depth = 0  # text that the parser has kept back is handed over now, and refused no more
        parser.StartElementHandler = parser.EndElementHandler = None
        parser.CharacterDataHandler = parser.StartNamespaceDeclHandler = None

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        if uri is not None and len(uri) > LONGEST_NAMESPACE:
            self._stop(f"a namespace has more than {LONGEST_NAMESPACE} characters")
        if self._depth == 1:
            self._prefixes.add(prefix)
        elif not self._depth and prefix is not None:
            self._declared[prefix] = uri or ""
            if len(self._declared) > MOST_PREFIXES:
                raise ProtocolError("bad-request", f"more than {MOST_PREFIXES} prefixes are declared")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        if self._parts is not None:
            self._parts -= 1 + len(attributes)
            if self._parts < 0:
                self._stop("there are too many elements and attributes")
        if depth > self._deepest:
            self._stop(f"elements are nested deeper than {self._deepest}")
        self._depth = depth + 1
        if depth == 1:
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    raise ProtocolError("bad-request", "there are too many elements")
            self._has_children = False
            self._begun = (self._parser.CurrentByteIndex, name, attributes, frozenset(self._prefixes))
            if self._prefixes:
                self._prefixes = set()
        elif depth == 0:
            self.root, self.attributes = name, attributes
        else:
            self._has_children = True

    def _finish(self, _name: str) -> None:
        self._depth -= 1
        if self._depth == 1:
            self._take()
        elif self._depth == 0:
            self.closed = True

    def _take(self) -> None:
        begin, name, attributes, prefixes = self._begun
        end = self._end_of(begin - self._passed, self._parser.CurrentByteIndex - self._passed)
        source = bytes(self._kept[begin - self._passed : end])
        del self._kept[:end]
        self._passed += end
        if self._declared:
            source = self._standing_alone(source, prefixes)
        self._whole.append(Element(name, attributes, source, prefixes))

    def _end_of(self, begin: int, index: int) -> int:
        """Return where an element ends; Expat says where its end tag begins, or where it ends if it has none."""
        kept = self._kept
        if (
            not self._has_children
            and kept.endswith(b"/>", begin, index)
            and _is_empty_tag(kept, begin, index)
        ):
            return index
        return kept.index(b">", index) + 1

    def _standing_alone(self, source: bytes, prefixes: frozenset[str | None]) -> bytes:
        missing = [
            (f"xmlns:{prefix}", uri)
            for prefix, uri in self._declared.items()
            if prefix not in prefixes and b"%b:" % prefix.encode() in source
        ]
        return inserted(source, missing) if missing else source

    def _text(self, text: str) -> None:
        if self._depth == 1 and not text.isspace():
            raise ProtocolError("bad-request", "there is text between the elements")


def _refuse(*_: object) -> None:
    raise ProtocolError("bad-request", "it has a document type, an entity, a comment or an instruction")


def inserted(source: bytes, attributes: Iterable[tuple[str, str]]) -> bytes:
    """Return an element with further attributes."""
    name = _name_of(source)
    end = 0 if name is None else name.end()
    return source[:end] + written(attributes) + source[end:]


def written(attributes: Iterable[tuple[str, str]]) -> bytes:
    """Return attributes as they are written after a name."""
    return "".join([f" {name}='{escape(value, _QUOTES)}'" for name, value in attributes]).encode()
