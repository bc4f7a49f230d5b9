"""The JavaScript client knows the conditions of the protocol by the same statuses as the server."""

from __future__ import annotations

import re

from cometary.errors import CONDITIONS
from tests.servers import ROOT

FOR_BACK_ENDS = {"key-reused"}
"""What no client meets with."""

SOURCE = ROOT / "clients/javascript/src/conditions.js"


def test_the_client_and_the_server_have_the_same_table_of_conditions() -> None:
    table = SOURCE.read_text(encoding="utf-8").split("const CONDITIONS")[1].split("};")[0]
    expected = {name: status for name, status in CONDITIONS.items() if name not in FOR_BACK_ENDS}
    assert {name: int(status) for name, status in re.findall(r'"?([a-z-]+)"?: "(\d{3})', table)} == expected
