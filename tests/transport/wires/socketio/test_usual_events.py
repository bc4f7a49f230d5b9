"""Events are written the short way as they are in full, and their paths are remembered as what they are."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cometary.packets.notices import ANSWER_PATH
from cometary.packets.packet import marked
from cometary.packets.question import Question
from cometary.sessions import Packet
from cometary.transport.wires.engineio.packets import frames_of
from cometary.transport.wires.socketio.events import MOST_REMEMBERED, Namespace

NAMESPACES = [Namespace("/"), Namespace("/chat")]

texts = st.text(st.characters(codec="utf-8"), max_size=20)
messages = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(1 << 40), 1 << 40),
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=3).map(tuple),
    st.dictionaries(texts, texts, max_size=2),
    st.binary(max_size=5),
)
paths = (
    st.sampled_from(["news", "chat", "chat/x", "chat/connect", "connect", "::gap", 'a"\\b', "\u00e4\x1e"])
    | texts
)


@given(st.sampled_from(NAMESPACES), paths, messages, st.booleans())
@example(NAMESPACES[0], ANSWER_PATH, "no answer", False)
def test_a_packet_is_written_the_short_way_as_it_is_in_full(
    namespace: Namespace, path: str, message: object, asks: bool
) -> None:
    if path == ANSWER_PATH:
        message = {"ask": "1", "value": message}
    packet = Packet(path, message)
    if asks:
        packet = marked(packet, "ask", "s1")
    for _ in range(2):  # the second time it is remembered
        in_full = namespace.encoding.write_in_full(packet)
        assert namespace.encoding.write(packet) == in_full
        assert namespace.frames.write(packet) == (frames_of(in_full) if in_full else b"")
        assert namespace.encoding.write_text(packet) in {b"", in_full}


def test_a_text_is_written_the_short_way() -> None:
    packet = Packet("chat/x", "hi")
    assert [namespace.encoding.write_text(packet) for namespace in NAMESPACES] == [
        b'42["chat/x","hi"]',
        b'42/chat,["x","hi"]',
    ]


@pytest.mark.parametrize("namespace", ["/", "/chat"])
def test_what_a_client_sends_comes_to_the_same_once_its_path_is_remembered(namespace: str) -> None:
    for event in ("news", "message", "connected", "::connect", "::replay"):
        new = Namespace(namespace)
        before = new.plain_packet_of([event, 1])
        new.remember(before.path)
        after = new.plain_packet_of([event, 1])
        assert (type(after), after.path, after.message) == (type(before), before.path, before.message)
        assert (before.path in new.checked) is not isinstance(before, Question)


def test_only_so_many_paths_are_remembered() -> None:
    namespace = Namespace("/")
    for number in range(3 * MOST_REMEMBERED):
        namespace.remember(f"path/{number}")
        assert namespace.encoding.write(Packet(f"path/{number}", "x")) == b'42["path/%d","x"]' % number
        assert len(namespace.checked) <= MOST_REMEMBERED
    assert namespace.checked[f"path/{3 * MOST_REMEMBERED - 1}"]
