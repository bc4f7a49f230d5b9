"""What the server itself tells a client is not among what the application gets back."""

from __future__ import annotations

import pytest

from cometary.packets.notices import EXPIRING_PATH, without_notices
from cometary.packets.receipted import AskedPacket
from cometary.sessions import Packet


@pytest.mark.parametrize(
    "notice", [Packet(EXPIRING_PATH, {"expires": 5}), AskedPacket("a", 1, "mine").failed()]
)
def test_notices_are_left_out_and_the_rest_stays_in_order(notice: Packet) -> None:
    first, second = Packet("a", 1), Packet("::a", 2)
    assert without_notices([first, notice, second, notice]) == [first, second]
