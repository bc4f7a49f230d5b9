"""`cometary token`: what it prints is what a server with the same secret takes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cometary.authentication import Admission, Applicant, SignedToken
from cometary.cli import main
from tests.protocol.client import Recorder, serving

SECRETS = ("the first of the secrets of this test", "the one that is to be replaced by it")
SECRET = SECRETS[0].replace(" ", "-")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("COMETARY_TOKEN_SECRET", SECRET)
    return monkeypatch


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["token", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.removesuffix("\n")


def judged(token: str, authenticator: SignedToken) -> Admission:
    admission = authenticator.judge(Applicant(token))
    assert isinstance(admission, Admission)
    return admission


async def test_a_server_with_the_same_secret_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    token = printed(capsys, "ada", "--claim", "rooms=[1]", "--claim", "colour=red")
    recorder = Recorder()
    async with serving(recorder.app, token_secret=(SECRETS[1].replace(" ", "-"), SECRET)) as world:
        await world.open(token=token)
        connection = await world.connect()
        assert (await connection.ask({"rid": 1, "token": token + "x"})).error == (401, "unauthorized")
        assert (await connection.ask({"rid": 1})).error == (401, "unauthorized")
    assert recorder.sessions[0].data == {"sub": "ada", "user": "ada", "rooms": [1], "colour": "red"}


def test_it_is_good_for_as_long_as_was_asked_for(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = int(time.time())
    environment.setattr(time, "time", lambda: now)
    admission = judged(printed(capsys, "--lifetime", "600"), SignedToken(SECRET))
    assert admission.data == {}
    assert admission.expires == 600


def test_secret_and_audience_may_be_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("COMETARY_TOKEN_SECRET")
    file = tmp_path / "cometary.toml"
    file.write_text(f'token-secret = "{SECRET}"\ntoken-audience = "push"\n')
    token = printed(capsys, "ada", "--config", str(file))
    assert judged(token, SignedToken(SECRET, audience="push")).data["user"] == "ada"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--lifetime", "0"], "--lifetime: must be a number of seconds"),
        (["--claim", "a"], "--claim: must be NAME=VALUE, not 'a'"),
        (["--claim", "=a"], "--claim: must be NAME=VALUE, not '=a'"),
        (["--config", "missing.toml"], "missing.toml: cannot be read"),
    ],
)
def test_a_wrong_value_is_one_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cometary: {problem}")
    assert err.count("\n") == 1


def test_without_a_secret_there_is_no_token(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("COMETARY_TOKEN_SECRET")
    assert main(["token", "ada"]) == 2
    assert "COMETARY_TOKEN_SECRET" in capsys.readouterr().err
