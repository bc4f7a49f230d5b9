"""Ids are secret and unguessable, names public; neither gives the other away."""

from __future__ import annotations

import base64
import re

from cometary.sessions.ids import SID_LENGTH, new_name, new_sid


def test_a_sid_has_at_least_128_random_bits_in_url_safe_text() -> None:
    sid = new_sid()
    assert re.fullmatch(r"[A-Za-z0-9_-]+", sid)
    assert len(sid) == SID_LENGTH
    assert len(base64.urlsafe_b64decode(sid)) * 8 >= 128


def test_no_two_are_the_same() -> None:
    assert len({new_sid() for _ in range(1000)}) == 1000
    assert len({new_name() for _ in range(1000)}) == 1000


def test_every_bit_of_a_sid_is_used() -> None:
    ones = 0
    for _ in range(200):
        ones |= int.from_bytes(base64.urlsafe_b64decode(new_sid()), "big")
    assert ones == (1 << ones.bit_length()) - 1


def test_a_name_is_short_and_harmless_in_a_log() -> None:
    assert re.fullmatch(r"[0-9a-f]{4,16}", new_name())


def test_no_sid_looks_like_an_option_of_a_command_line() -> None:
    assert not any(new_sid().startswith("-") for _ in range(1000))
