"""What an operator may say of who is let in."""

from __future__ import annotations

import pytest

from cometary.authentication.settings import SIGNING_SECRET, TOKEN_SECRETS, AuthenticationSection
from cometary.errors import ConfigError

SECRET, OTHER = 32 * "t", 32 * "u"
SIGNING = "whsec_" + 32 * "B"


@pytest.mark.parametrize("value", [SECRET, [SECRET], (SECRET,)])
def test_there_may_be_one_secret(value: object) -> None:
    assert TOKEN_SECRETS.check(value) == (SECRET,)


def test_there_may_be_several() -> None:
    assert TOKEN_SECRETS.check([SECRET, OTHER]) == (SECRET, OTHER)
    assert TOKEN_SECRETS.parse(f"{SECRET},{OTHER}") == (SECRET, OTHER)


@pytest.mark.parametrize("value", [(), [], "", None, 7, ["short"], [SECRET, ""], 31 * "t", "two " + SECRET])
def test_none_and_what_is_no_secret_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        TOKEN_SECRETS.check(value)


@pytest.mark.parametrize("value", [None, 7, "", SECRET, "whsec_B"])
def test_what_signs_questions_is_such_a_secret_as_signs_webhooks(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - `read_secret` says which
        SIGNING_SECRET.check(value)
    assert SIGNING_SECRET.check(SIGNING) == SIGNING_SECRET.parse(SIGNING) == SIGNING


def test_questions_are_signed() -> None:
    with pytest.raises(ConfigError, match="auth-url: the questions are signed"):
        AuthenticationSection(auth_url="http://127.0.0.1/").check()
    AuthenticationSection(auth_url="http://127.0.0.1/", auth_secret=SIGNING).check()
    AuthenticationSection().check()
