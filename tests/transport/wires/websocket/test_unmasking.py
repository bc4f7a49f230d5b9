"""Masks are taken off alike by the module in C and without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.wires.websocket import unmasking
from cometary.transport.wires.websocket.unmasking import part_by_number, unmask
from tests.transport.in_c import made_of

SOURCE = Path(unmasking.__file__).with_name("_unmask.c")

masks = st.binary(min_size=4, max_size=4)
parts = st.binary(max_size=20) | st.binary(max_size=600)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module in C, made here: a checkout has none."""
    return made_of(SOURCE, tmp_path_factory.mktemp("built"))


@pytest.fixture(params=["in C", "by number"])
def unmask_part(request: pytest.FixtureRequest, in_c: Any) -> Callable[[Any, Any, Any], bytes]:
    return in_c.unmask if request.param == "in C" else part_by_number


@given(st.binary(max_size=600), masks)
def test_a_mask_is_taken_off_by_putting_it_on_again(data: bytes, mask: bytes) -> None:
    masked = unmask(data, mask)
    assert masked == bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    assert unmask(masked, mask) == data


@given(before=parts, mask=masks, data=parts, behind=parts)
def test_a_part_of_a_frame_is_unmasked_alike_by_both(
    in_c: Any, before: bytes, mask: bytes, data: bytes, behind: bytes
) -> None:
    whole, start = before + mask + data + behind, len(before) + 4
    end = start + len(data)
    plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    for frame in (whole, bytearray(whole)):
        assert [in_c.unmask(frame, start, end), part_by_number(frame, start, end)] == [plain, plain]
        assert frame == whole


@pytest.mark.parametrize(
    ("start", "end"), [(3, 6), (-1, 6), (7, 6), (4, 11), (4, -1), (11, 11), (1 << 62, 5)]
)
def test_where_there_are_no_such_bytes_it_is_an_error(
    unmask_part: Callable[[bytes, int, int], bytes], start: int, end: int
) -> None:
    assert unmask_part(b"maskpayloa", 4, 10) == unmask(b"payloa", b"mask")
    with pytest.raises(ValueError, match="no such bytes"):
        unmask_part(b"maskpayloa", start, end)


@pytest.mark.parametrize(
    "arguments", [(), (b"maskdata", 4), (b"maskdata", "4", 8), (b"maskdata", 4, None), (None, 4, 8)]
)
def test_what_makes_no_sense_is_refused(in_c: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        in_c.unmask(*arguments)
