"""What clients are told of their times does not depend on who asked before."""

from __future__ import annotations

from cometary.sessions import SessionSettings
from cometary.sessions.policy import policy_of


def test_whole_seconds_and_the_same_as_fractions_give_one_policy_with_one_text() -> None:
    assert str(policy_of(SessionSettings(wait=7, die=5))) == str(
        policy_of(SessionSettings(wait=7.0, die=5.0))
    )
    assert str(policy_of(SessionSettings(wait=9.0, die=5.0))) == str(
        policy_of(SessionSettings(wait=9, die=5))
    )
    policy = policy_of(SessionSettings(wait=8, die=6, requests=3))
    assert (policy.wait, policy.die, policy.requests) == (8, 6, 3)
    assert isinstance(policy_of(SessionSettings(wait=8)).wait, float)
