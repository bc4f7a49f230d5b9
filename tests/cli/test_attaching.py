"""`cometary attach`: a prompt in a server that runs, for people and for scripts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from cometary.app import App
from cometary.cli import main
from cometary.cli.attaching import Manhole, sources
from cometary.cli.terminal import ServerSide, terminal
from cometary.config.kinds import Address
from cometary.server import BackgroundServer
from cometary.settings import Settings

Type = Callable[[str], None]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a server that runs."""
    path = str(tmp_path_factory.mktemp("manhole") / "m.sock")
    with BackgroundServer(Settings(port=0, control=Address("127.0.0.1", 0), manhole=path), App()):
        yield path


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Have something on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_lines_are_run_in_the_server_and_what_they_show_is_printed(
    path: str, enter: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    enter("tree().id\nfor n in range(2):\n    print(n)\n\nawait trio.sleep(0)\n1 +\nsessions\n")
    assert main(["attach", path]) == 0
    out = capsys.readouterr().out
    assert out.startswith("'cometary'\n0\n1\n")
    assert "SyntaxError" in out
    assert out.endswith("<0 sessions, by their names>\n")


def test_exit_ends_it_and_the_lines_behind_it_are_not_run(
    path: str, enter: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    enter("raise SystemExit\nprint('too late')\n")
    assert main(["attach", path]) == 0
    assert capsys.readouterr().out == ""


def test_where_the_socket_is_may_be_in_the_configuration(
    path: str,
    enter: Type,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    config = tmp_path / "cometary.toml"
    config.write_text(f'manhole = "{path}"\n')
    enter("1 + 1\n")
    assert main(["attach", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "2\n"
    monkeypatch.setenv("COMETARY_MANHOLE", path)
    enter("1 + 2\n")
    assert main(["attach"]) == 0
    assert capsys.readouterr().out == "3\n"
    monkeypatch.delenv("COMETARY_MANHOLE")
    assert main(["attach"]) == 2
    assert "give the path" in capsys.readouterr().err


def test_a_server_that_is_away_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attach", str(tmp_path / "nowhere")]) == 1
    err = capsys.readouterr().err
    assert "cannot be reached" in err
    assert err.count("\n") == 1


def test_names_are_completed_in_the_server_as_at_a_terminal(path: str) -> None:
    with Manhole(path) as manhole:
        completer = ServerSide(manhole.complete)
        found = [*completer.get_completions(Document("await sys.get_sta"), CompleteEvent())]
        assert [(one.text, one.start_position) for one in found] == [
            ("sys.get_state(", -len("sys.get_sta")),
            ("sys.get_status(", -len("sys.get_sta")),
        ]
        assert [*completer.get_completions(Document("1 + "), CompleteEvent())] == []


def test_at_a_terminal_a_line_is_edited() -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        ask = terminal(lambda _: [])
        keys.send_text("1 + 2\x7f1\n")
        assert ask(">>> ") == "1 + 1"


def test_ctrl_c_at_the_prompt_begins_anew() -> None:
    answers: list[str | type[BaseException]] = ["for x in y:", KeyboardInterrupt, "1", EOFError]

    def ask(_: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, str):
            return answer
        raise answer

    asked = sources(ask)
    assert next(asked) == "1"
    with pytest.raises(EOFError):
        next(asked)
