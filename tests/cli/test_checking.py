"""`cometary check-config`: what would keep a server from starting is said without starting one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cometary.cli import main
from cometary.cli.checking import doubts
from cometary.settings import Settings
from tests.certificates import make_files


def check(*arguments: str) -> int:
    return main(["check-config", *arguments])


def test_a_configuration_that_is_right_is_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, key = make_files(tmp_path)
    file = tmp_path / "cometary.toml"
    file.write_text(f'app = "cometary.demo:app"\ntls-cert = "{cert}"\ntls-key = "{key}"\n')
    assert check("--config", str(file)) == 0
    assert capsys.readouterr() == ("cometary: the configuration is right\n", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "http"], "--port: must be a whole number"),
        (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "tls-cert: /nowhere cannot be read"),
        (["cometary.demo:nothing"], "MODULE:APP: "),
        (["--control", "0.0.0.0:1"], "--control: other machines can reach"),
        (["--config", "/nowhere"], "/nowhere: cannot be read"),
        (["--workers", "2", "--stomp", "127.0.0.1:0"], "workers: the option stomp does"),
        (
            ["--workers", "2", "--engine", "redis://localhost", "--csp", "/csp"],
            "workers: the option csp does",
        ),
        (["--engine", "redis://localhost/one"], "engine: an engine is redis://"),
        (["--engine", "localhost"], "--engine: must be local, embedded, redis://"),
        (["--engine", "http://:secret@localhost"], "engine: an engine is redis://"),
        (
            ["--sessions", "resume", "--engine", "redis://localhost", "--bind", "token"],
            "sessions: what sessions are bound to (bind) is known to one process",
        ),
        (["--node", "a"], "--node: nodes find each other through an engine"),
        (["--node", "a", "--engine", "redis://localhost"], "--node: other nodes have to reach this one"),
        (["--node", "a b"], "--node: must be a name of letters"),
        (["--sessions", "resume"], "--sessions: what is to outlive this process has to be recorded"),
    ],
)
def test_what_is_wrong_is_one_line(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(*options) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith(f"cometary: {said}")
    assert ":secret" not in err
    assert err.count("\n") == 1


def test_two_authenticators_are_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMETARY_TOKEN_SECRET", 32 * "t")
    monkeypatch.setenv("COMETARY_AUTH_SECRET", "whsec_" + 32 * "B")
    assert check("--auth-url", "https://www.example.org/") == 2
    assert "there can be only one authenticator" in capsys.readouterr().err


def test_variables_that_look_like_an_option_are_named() -> None:
    environment = {
        "COMETARY_QUEUE_PACKET": "500",
        "COMETARY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "COMETARY_PORT": "80",
        "COMETARY_CONFIG": "x",
        "HOME": "/",
    }
    assert doubts(Settings(), environment) == [
        "COMETARY_QUEUE_PACKET: there is no such option, so it is not read; did you mean COMETARY_QUEUE_PACKETS?"
    ]


NODE = ["--node", "a", "--node-listen", "127.0.0.1:0", "--engine", "redis://localhost"]


def test_nodes_have_sessions_that_go_on_at_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMETARY_NODE_SECRET", "a-secret-of-nodes")
    assert check(*NODE, "--sessions", "resume") == 0


def test_what_one_node_alone_would_know_is_refused_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMETARY_NODE_SECRET", "a-secret-of-nodes")
    assert check(*NODE, "--sessions", "resume", "--bind", "token") == 2
    assert "(bind) is known to one process" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_what_cannot_go_together_is_refused_with_the_same_words_by_each_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMETARY_NODE_SECRET", "a-secret-of-nodes")
    assert main([command, *NODE, "--workers", "2"]) == 2
    said = "workers: the option node does not work with several processes yet"
    assert capsys.readouterr().err == f"cometary: {said}; leave it out, or run one process\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "--engine embedded",
            "engine: one is embedded for several workers: give some, or the URL of an engine",
        ),
        (
            "--engine embedded --workers 2 --csp /csp",
            "workers: the option csp does not work with several processes and an engine yet; leave one of them out",
        ),
        (
            "--engine redis://localhost --workers 2 --node-listen 127.0.0.1:7000",
            "workers: the option node-listen does not work with several processes yet",
        ),
        ("--engine embed --workers 2", "engine"),
    ],
    ids=["alone", "csp", "links", "no-url"],
)
def test_what_does_not_go_with_an_engine_of_workers_is_one_line(
    given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(*given.split()) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told


@pytest.mark.parametrize("engine", ["embedded", "redis://localhost"])
def test_several_workers_may_have_an_engine(engine: str) -> None:
    assert (
        check("--workers", "2", "--engine", engine, "--sessions", "resume", "cometary.chaos.application:app")
        == 0
    )


def test_several_workers_have_histories_presence_and_namespaces() -> None:
    assert check("--workers", "2", "--socketio", "/socket.io/", "cometary.demo:app") == 0
