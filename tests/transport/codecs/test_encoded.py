"""Messages that are encoded already: passed on byte for byte, if every client can read them."""

from __future__ import annotations

import cbor2
import pytest

from cometary.errors import UsageError
from cometary.transport.codecs.encoded import encoded_cbor, encoded_json


@pytest.mark.parametrize("data", ['{"a" : 1.50, "b":[]}', b'{"a" : 1.50, "b":[]}'])
def test_json_on_one_line_is_passed_on_as_it_is(data: bytes | str) -> None:
    message = encoded_json(data)
    assert (message.value, message.json, message.cbor) == (
        {"a": 1.5, "b": []},
        b'{"a" : 1.50, "b":[]}',
        None,
    )


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_line_breaks_between_values_are_taken_out_with_the_blanks(line_break: str) -> None:
    message = encoded_json(f'{{"a": 1.50,{line_break}  "b\\n": []}}')
    assert message.json == b'{"a":1.50,"b\\n":[]}'


def test_cbor_is_passed_on_as_it_is() -> None:
    data = cbor2.dumps({"a": 1.5})
    message = encoded_cbor(data)
    assert (message.value, message.json, message.cbor) == ({"a": 1.5}, None, data)


def test_what_not_every_client_could_read_is_not_passed_on_and_it_is_said_why() -> None:
    with pytest.raises(UsageError, match="the same key twice"):
        encoded_json('{"a":1,"a":2}')
    with pytest.raises(UsageError, match="goes on after its value"):
        encoded_cbor(cbor2.dumps(1) * 2)
