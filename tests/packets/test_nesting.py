"""How deep JSON is nested, found without decoding it."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import UsageError
from cometary.packets.nesting import AROUND, DEEPEST, is_too_deep
from cometary.packets.packet import outgoing

texts = st.text('[]{}"\\a', max_size=4)
values = st.recursive(
    texts | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int"


def depth_of(value: Json) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(values, st.integers(0, 6), st.sampled_from([None, 1]))
def test_it_is_the_depth_of_what_is_written_whatever_its_strings_look_like(
    value: Any, deepest: int, indent: int | None
) -> None:
    assert is_too_deep(json.dumps(value, indent=indent).encode(), deepest) == (depth_of(value) > deepest)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_message_may_be_as_deep_as_a_body_leaves_room_for_and_no_deeper(opening: str, closing: str) -> None:
    levels = DEEPEST - AROUND
    deep = json.loads(opening * levels + "1" + closing * levels)
    packet = outgoing("a", deep)
    assert not is_too_deep(b'{"packets":[%b]}' % packet.json)
    with pytest.raises(UsageError, match=f"nested deeper than {levels} levels"):
        outgoing("a", [deep])
