"""Signed tokens: which are good, what they say, and that nothing else is taken for one."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.authentication import Admission, Applicant, SignedToken, signed_token
from cometary.authentication.signed_token import in_time
from cometary.errors import UsageError

SECRET = "a secret of 32 bytes or even more"
OTHER = "another secret, as long as the one"
SIGNED = SignedToken(SECRET)
TOKEN = SIGNED.make("ada", lifetime=3600, claims={"rooms": ["a", "b"]})


def judge(token: object, authenticator: SignedToken = SIGNED) -> Admission | bool:
    return authenticator.judge(Applicant(token))


def admitted(token: object, authenticator: SignedToken = SIGNED) -> Admission:
    admission = judge(token, authenticator)
    assert isinstance(admission, Admission)
    return admission


def signed(claims: dict[str, Any], key: str = SECRET, algorithm: str = "HS256") -> str:
    """A token as any back-end may make one."""
    return jwt.encode(claims, key, algorithm)  # pyright: ignore[reportUnknownMemberType] - types of other keys


def soon() -> int:
    return int(time.time()) + 60


def test_the_claims_become_the_data_and_the_subject_the_user() -> None:
    assert admitted(TOKEN).data == {"sub": "ada", "user": "ada", "rooms": ["a", "b"]}


def test_the_session_may_last_as_long_as_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    token = signed({"exp": now + 60})
    monkeypatch.setattr(time, "time", lambda: now + 12.5)
    assert admitted(token).expires == 47.5


def test_one_that_is_made_is_good_for_a_minute_of_the_clock_that_it_was_made_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.5)
    assert admitted(SIGNED.make("ada")).expires == 59.5


def test_what_is_about_the_token_is_not_about_its_bearer() -> None:
    now = int(time.time())
    about = {"exp": now + 60, "nbf": now, "iat": now + 30, "iss": "back-end", "jti": "1"}
    assert admitted(signed({**about, "user": 7, "sub": "ada"})).data == {"user": 7, "sub": "ada"}
    assert admitted(signed({"exp": now + 60})).data == {}


@given(st.data())
def test_a_token_in_which_any_byte_was_changed_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TOKEN) - 1))
    other = data.draw(st.characters(max_codepoint=0x17F).filter(lambda one: one != TOKEN[place]))
    assert judge(TOKEN[:place] + other + TOKEN[place + 1 :]) is False


@given(st.integers(0, len(TOKEN)), st.text(min_size=1, max_size=5))
def test_a_token_in_which_something_was_put_is_refused(place: int, more: str) -> None:
    assert judge(TOKEN[:place] + more + TOKEN[place:]) is False


@pytest.mark.parametrize("place", range(len(TOKEN) - 4, len(TOKEN)))
def test_every_other_last_character_is_refused(place: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n"
    for other in set(alphabet) - {TOKEN[place]}:
        assert judge(TOKEN[:place] + other + TOKEN[place + 1 :]) is False, other


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.binary(), st.text(), st.lists(st.text())))
def test_anything_else_is_no_token(token: object) -> None:
    assert judge(token) is False


@pytest.mark.parametrize("token", ["..", "a.b.c", TOKEN.rpartition(".")[0], TOKEN.rpartition(".")[0] + "."])
def test_parts_are_no_token(token: str) -> None:
    assert judge(token) is False


def unsigned(header: dict[str, str], claims: dict[str, object]) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256"])
def test_an_unsigned_token_is_refused_whatever_it_calls_itself(algorithm: str) -> None:
    assert judge(unsigned({"alg": algorithm, "typ": "JWT"}, {"sub": "ada", "exp": soon()})) is False


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_only_the_one_algorithm_is_taken(algorithm: str) -> None:
    key = SECRET * 3
    assert judge(signed({"exp": soon()}, key, algorithm), SignedToken(key)) is False


def test_a_token_nested_too_deep_to_be_read_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).rstrip(b"=").decode()
    assert judge(f"{deep}.{deep}.{'A' * 43}") is False


@pytest.mark.parametrize(
    "claims", [{"sub": "ada"}, {"exp": None}, {"exp": "soon"}, {"exp": 1e999}, {"exp": True}]
)
def test_a_token_without_an_expiry_is_refused(claims: dict[str, object]) -> None:
    assert judge(signed(claims)) is False


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        *(10**400, -(10**400), 1e308, -1e308, 1e999, -1e999, float("nan"), 10**12, -1, -0.5),
        *("soon", "", str(2**33), True, False, None, [], {}, [2**33]),
    ],
)
def test_what_is_not_a_date_is_none(claim: str, value: object) -> None:
    assert judge(signed({"exp": soon(), claim: value})) is False


@pytest.mark.parametrize("value", [10**400, float("nan"), "soon", -1])
def test_when_it_was_signed_is_not_looked_at(value: object) -> None:
    assert judge(signed({"exp": soon(), "iat": value})) is not False


def test_a_token_until_the_end_of_the_calendar_is_good() -> None:
    assert admitted(signed({"exp": 253_402_300_799})).expires
    assert judge(signed({"exp": 253_402_300_800})) is False


@pytest.mark.parametrize(
    ("begins", "expires", "good"),
    [(0, 100.5, True), (0, 100, False), (110, 200, True), (110.5, 200, False), (100, 100.5, True)],
)
def test_a_token_is_good_from_just_when_it_begins_and_until_it_expires(
    begins: float, expires: float, good: bool
) -> None:
    assert in_time({"nbf": begins, "exp": expires}, 100) is good


def test_a_clock_that_is_a_little_ahead_is_put_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    assert judge(signed({"exp": soon(), "nbf": now + 2})) is not False
    assert judge(signed({"exp": soon(), "nbf": now + 10.5})) is False


def test_a_token_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    token = SIGNED.make("ada", claims={"long": "x" * 20_000})

    def decode(*_: object, **__: object) -> None:
        pytest.fail("it was looked at")

    monkeypatch.setattr("cometary.authentication.signed_token.jwt.decode", decode)
    assert judge(token) is False


def test_one_that_is_just_as_long_as_may_be_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_token, "LONGEST", len(TOKEN))
    assert judge(TOKEN) is not False
    monkeypatch.setattr(signed_token, "LONGEST", len(TOKEN) - 1)
    assert judge(TOKEN) is False


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists))
def test_whatever_claims_are_signed_the_verdict_is_one(value: Any) -> None:
    for claim in ("exp", "nbf", "iat", "sub", "aud", "jti", "user"):
        assert isinstance(judge(signed({"exp": soon(), claim: value})), bool | Admission)


def test_an_expired_token_is_refused() -> None:
    assert judge(SIGNED.make("ada", lifetime=-1)) is False


def test_a_token_from_a_clock_that_is_ahead_is_good_but_one_for_later_is_not() -> None:
    assert judge(signed({"exp": soon(), "iat": time.time() + 30})) is not False
    assert judge(signed({"exp": soon(), "nbf": time.time() + 30})) is False


@pytest.mark.parametrize("subject", [7, None, ["ada"]])
def test_a_subject_is_text(subject: object) -> None:
    assert judge(signed({"exp": soon(), "sub": subject})) is False


def test_each_of_several_secrets_is_good_and_the_first_one_signs() -> None:
    both = SignedToken(OTHER, SECRET)
    assert admitted(TOKEN, both).data["user"] == "ada"
    assert admitted(both.make("ada"), SignedToken(OTHER)).data["user"] == "ada"
    assert judge(both.make("ada"), SIGNED) is False


def test_a_token_can_be_good_once() -> None:
    once = SignedToken(SECRET, once=True)
    first, second = once.make("ada"), once.make("ada")
    assert admitted(first, once).data == {"sub": "ada", "user": "ada"}
    assert judge(first, once) is False
    assert judge(second, once) is not False
    assert [judge(signed({"exp": soon(), "jti": jti}), once) for jti in ("", 7, None)] == [False] * 3
    assert judge(signed({"exp": soon()}), once) is False
    wrong = signed({"exp": soon(), "jti": "1", "paths": "news"})
    assert judge(wrong, once) is False
    refused_before = signed({"exp": soon(), "jti": "1"})
    assert judge(refused_before, once) is not False


def test_a_token_is_for_the_audience_that_it_names() -> None:
    push = SignedToken(SECRET, audience="push")
    assert admitted(push.make("ada"), push).data == {"sub": "ada", "user": "ada"}
    assert admitted(signed({"exp": soon(), "aud": ["mail", "push"]}), push).data == {}
    for token in (TOKEN, signed({"exp": soon(), "aud": "mail"}), signed({"exp": soon(), "aud": 7})):
        assert judge(token, push) is False
    assert judge(push.make("ada"), SIGNED) is False


@pytest.mark.parametrize("secrets", [(), ("short",), (SECRET, ""), (b"x" * 31,)])
def test_a_secret_that_is_none_is_refused(secrets: tuple[str | bytes, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        SignedToken(*secrets)
    assert "short" not in str(caught.value)


def test_the_shortest_secret_has_as_many_bytes_as_the_digest() -> None:
    shortest = SignedToken(b"x" * 32)
    assert judge(shortest.make("ada"), shortest) is not False


def test_a_token_says_what_its_bearer_may_connect_to() -> None:
    assert admitted(SIGNED.make("ada", claims={"paths": ["news/*"]})).paths == ["news/*"]


def test_a_public_key_is_no_secret() -> None:
    with pytest.raises(UsageError, match="public key"):
        SignedToken("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ\n-----END PUBLIC KEY-----")


def test_neither_secret_nor_token_is_shown() -> None:
    assert SECRET not in repr(SIGNED)
    assert TOKEN not in repr(Applicant(TOKEN, "192.0.2.1"))
