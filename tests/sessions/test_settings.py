"""What sessions go by where nobody says anything else, and what an operator says."""

from __future__ import annotations

from cometary.sessions import SessionSettings
from cometary.sessions.policy import Policy, policy_of
from cometary.sessions.settings import SessionSection, session_settings


def test_what_the_operator_does_not_say_is_as_the_protocol_has_it() -> None:
    assert session_settings(SessionSection()) == SessionSettings()


def test_an_operator_may_keep_addresses_out_of_the_log() -> None:
    assert [session_settings(SessionSection(log_addresses=word)).log_addresses for word in ("on", "off")] == [
        True,
        False,
    ]


def test_as_much_may_wait_for_the_application_as_for_a_client() -> None:
    settings = SessionSettings()
    assert (settings.max_unhandled_packets, settings.max_unhandled_bytes) == (
        settings.max_queued_packets,
        settings.max_queued_bytes,
    )


def test_a_wire_that_says_nothing_of_its_manners_has_those_of_the_native_protocol() -> None:
    policy = Policy()
    assert policy_of(SessionSettings()) == policy
    assert (policy.drop_ends, policy.resends, policy.bundling) == (False, True, True)
