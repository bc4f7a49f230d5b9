"""The command line: what it takes, and how it refuses the rest."""

from __future__ import annotations

import pytest

from cometary import __version__
from cometary.cli import main
from cometary.cli.arguments import parse
from cometary.fsm import engine
from cometary.settings import OPTIONS


def leave(*arguments: str) -> object:
    """Run the command, which leaves without having started anything; return its exit status."""
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    return caught.value.code


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("--version") == 0
    runs = "interpreted" if engine.__file__.endswith(".py") else "compiled"
    assert capsys.readouterr().out == f"cometary {__version__}, {runs}\n"


def test_options_are_text_until_the_configuration_reads_them() -> None:
    assert parse(["serve", "chat:app", "--port", "http", "--queue-packets", "5", "--config", "c.toml"]) == (
        "serve",
        {"app": "chat:app", "port": "http", "queue-packets": "5", "config": "c.toml"},
    )


def test_what_is_not_given_is_not_there() -> None:
    assert parse(["serve"]) == ("serve", {})


def test_the_demo_has_the_options_of_serve_but_no_application() -> None:
    assert parse(["demo", "--port", "1"]) == ("demo", {"port": "1"})
    assert leave("demo", "chat:app") == 2


SECRETS = ("secret", "secrets", "webhook-secret", "token-secret", "auth-secret", "node-secret")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_help_explains_every_option_but_the_secret(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(command, "--help") == 0
    text = capsys.readouterr().out
    assert text.isascii(), "a terminal may be unable to show more"
    for option in OPTIONS:
        assert (f"--{option.name} " in text) is (option.name not in {"app", *SECRETS})
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["surf"],
        ["serve", "--prot", "1"],
        ["serve", "--por", "1"],
        ["serve", "--secret", "x"],
        ["serve", "--port"],
        ["serve", "a:b", "c:d"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("cometary: ")
    assert shown.err.count("\n") == 1


def test_a_wrong_value_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "http"]) == 2
    shown = capsys.readouterr()
    assert shown.err == "cometary: --port: must be a whole number from 0 to 65535, not 'http'\n"
    assert shown.out == ""


def test_a_wrong_variable_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMETARY_CONTROL", "0.0.0.0:8081")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err.startswith("cometary: COMETARY_CONTROL: other machines can reach")


def test_an_application_that_is_not_there_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "no_such_module:app"]) == 2
    assert capsys.readouterr().err == "cometary: MODULE:APP: there is no module no_such_module\n"


def test_the_demo_is_not_served_where_its_page_would_not_find_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(*_: object, **__: object) -> int:
        return 0

    monkeypatch.setattr("cometary.cli._serve", serve)
    assert main(["demo", "--comet", "/push"]) == 2
    assert capsys.readouterr().err == "cometary: comet: the demo's page knows no endpoint but /comet\n"
    assert main(["demo", "--comet", "/comet"]) == 0
    assert main(["serve", "--comet", "/push"]) == 0
