"""Answers in pages (XEP-0059): of a long list those who ask get a part, and are told how to get the next. Pure.

1.  An answer has `A_PAGE` members at most, and no more than one stanza holds, no matter who asks and for how many: what
    is written at once takes the loop some milliseconds. So an answer may be a page although nobody has asked for pages:
    then the `<set/>` in it says so.
2.  A member is known by its key. Those who ask for what follows a key that is gone are told so (`item-not-found`), as
    the XEP says, and begin anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError
from cometary.xmpp.names import RSM
from cometary.xmpp.xml import make, write

A_PAGE: Final = 500

AROUND: Final = 8 << 10
"""Bytes of a stanza around what is in it: two addresses of 3 KiB at most, which may be escaped, and some elements."""

SET: Final = f"{{{RSM}}}set"

_DIGITS: Final = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of an answer somebody wants.

    Attributes:
        most: how many members at most; None for as many as there may be.
        after: the key of the member before; None to begin at the first.
        before: the key of the member behind, empty to end with the last; None for no such wish.
        index: the number of the first member, from 0; None for no such wish.
    """

    most: int | None = None
    after: str | None = None
    before: str | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer.

    Attributes:
        members: its elements.
        tells: the `<set/>` that says which part it is; None if it is all, and nobody has asked for a part.
    """

    members: list[Element]
    tells: Element | None


def wanted_in(element: Element | None) -> Wanted | None:
    """Return which part is asked for by the `<set/>` in an element, if there is one.

    Raises:
        StanzaError: `bad-request`: it makes no sense; the sender's fault.
    """
    found = None if element is None else element.find(SET)
    return None if found is None else read_set(found)


def read_set(element: Element) -> Wanted:
    """Return which part a `<set/>` asks for; see `wanted_in`."""
    after, before = (element.findtext(f"{{{RSM}}}{name}") for name in ("after", "before"))
    wanted = Wanted(_number(element, "max"), after, before, _number(element, "index"))
    if sum(wish is not None for wish in (after, before, wanted.index)) > 1:
        raise StanzaError("bad-request", "a page is after something, before something, or at an index")
    return wanted


def _number(element: Element, name: str) -> int | None:
    said = element.findtext(f"{{{RSM}}}{name}")
    if said is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < _DIGITS):
        raise StanzaError("bad-request", f"{name} is a whole number")
    return int(said)


def page_of(
    every: Sequence[T],
    wanted: Wanted | None,
    key: Callable[[T], str],
    written: Callable[[T], Element],
    room: int,
) -> Page:
    """Return a page.

    Args:
        every: all members.
        wanted: which part is asked for; None if nobody asks for one.
        key: returns what a member is known by.
        written: returns a member as an element.
        room: how many bytes the members may have.

    Raises:
        StanzaError: `item-not-found`: there is no such key; `not-acceptable`: not even one member has room.
    """
    asked = wanted or Wanted()
    begin, end = _limits(every, asked, key)
    backwards = asked.before is not None
    members: list[Element] = []
    for one in reversed(every[begin:end]) if backwards else every[begin:end]:
        element = written(one)
        room -= len(write(element))
        if room < 0:
            break
        members.append(element)
    if begin < end and not members:
        raise StanzaError("not-acceptable", "one member of the answer is longer than a stanza may be")
    if backwards:
        begin = end - len(members)
        members.reverse()
    end = begin + len(members)
    is_all = wanted is None and len(members) == len(every)
    return Page(members, None if is_all else _told(every, begin, end, key))


def _limits(every: Sequence[T], asked: Wanted, key: Callable[[T], str]) -> tuple[int, int]:
    """Return where the page begins and ends, as far as that does not depend on how long its members are."""
    count = len(every)
    most = A_PAGE if asked.most is None else min(A_PAGE, asked.most)
    if asked.before is not None:
        end = count if not asked.before else _place(every, asked.before, key)
        return max(0, end - most), end
    begin = min(count, asked.index or 0)
    if asked.after is not None:
        begin = _place(every, asked.after, key) + 1
    return begin, min(count, begin + most)


def _place(every: Sequence[T], wanted: str, key: Callable[[T], str]) -> int:
    for number, one in enumerate(every):
        if key(one) == wanted:
            return number
    raise StanzaError("item-not-found", "there is no such member any more")


def _told(every: Sequence[T], begin: int, end: int, key: Callable[[T], str]) -> Element:
    tells = make(RSM, "set")
    if begin < end:
        first = make(RSM, "first", {"index": str(begin)}, text=key(every[begin]))
        tells.extend([first, make(RSM, "last", text=key(every[end - 1]))])
    tells.append(make(RSM, "count", text=str(len(every))))
    return tells
