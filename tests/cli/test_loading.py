"""From MODULE:APP to the application, and what is said when there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cometary.app import App
from cometary.cli.loading import load_all, load_app
from cometary.config import Settings
from cometary.errors import ConfigError

CHAT = "from cometary import App\napp = App()\nclass nested:\n    app = app\nnumber = 1\n"


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one; afterwards Python imports from where it did before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def refusal(name: str) -> str:
    """The one line with which `name` is refused."""
    with pytest.raises(ConfigError) as caught:
        load_app(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my_chat.py", "my_chat:app"),
        ("my_chat.py", "my_chat:nested.app"),
        ("my_chat.py", "my_chat.py:app"),
        ("my_chat.py", "./my_chat.py:app"),
        ("my_site/__init__.py", "my_site:app"),
        ("my_site/chat.py", "my_site.chat:app"),
        ("elsewhere/my-chat.py", "elsewhere/my-chat.py:app"),
    ],
)
def test_an_application_is_found(file: str, name: str) -> None:
    write(file, CHAT)
    assert isinstance(load_app(name), App)


def test_an_absolute_path_is_found(working_directory: Path) -> None:
    write("elsewhere/my_chat.py", CHAT)
    assert isinstance(load_app(f"{working_directory}/elsewhere/my_chat.py:app"), App)


def test_a_file_can_import_its_neighbours() -> None:
    write("elsewhere/my_chat.py", "from my_rooms import app")
    write("elsewhere/my_rooms.py", CHAT)
    assert isinstance(load_app("elsewhere/my_chat.py:app"), App)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("my_chat:application", "my_chat has no application"),
        ("my_chat:nested.application", "my_chat has no nested.application"),
        ("my_chat:number", "my_chat:number is of type int, not cometary.App"),
        ("my_caht:app", "there is no module my_caht"),
        ("my_chat.rooms:app", "there is no module my_chat.rooms"),
        ("my_caht.py:app", "there is no file my_caht.py"),
        ("./json.py:app", "./json.py has the name of a module in use; rename the file"),
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(
    name: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("my_chat.py", CHAT)
    write("json.py", CHAT)
    assert refusal(name) == f"MODULE:APP: {problem}"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import no_such_dependency", "ModuleNotFoundError"),
        ("from cometary import Nothing", "ImportError"),
        ("app = (", "SyntaxError"),
    ],
)
@pytest.mark.parametrize("name", ["my_chat:app", "my_chat.py:app"])
def test_an_error_in_the_module_is_shown_with_its_traceback_and_nothing_of_ours(
    name: str, text: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("my_chat.py", text)
    assert refusal(name) == f"MODULE:APP: {name.removesuffix(':app')} could not be imported: {error}"
    shown = capsys.readouterr().err
    assert "my_chat.py" in shown
    assert error in shown
    assert "loading.py" not in shown
    assert "importlib" not in shown


def test_a_declaration_that_makes_no_sense_is_one_line_that_says_where(
    capsys: pytest.CaptureFixture[str], working_directory: Path
) -> None:
    write("elsewhere/my_chat.py", "from my_rooms import app")
    write("elsewhere/my_rooms.py", f"{CHAT}@app.signon\ndef joined(): ...\n")
    where = working_directory / "elsewhere/my_rooms.py"
    assert (
        refusal("elsewhere/my_chat.py:app")
        == f"{where}:6: @app.signon: write def joined(session), not joined()"
    )
    assert capsys.readouterr().err == ""


TALK = "async def talk(socket): ...\nasync def wrong(): ...\n"


@pytest.mark.parametrize("name", [None, "my_chat:app"])
def test_the_configuration_declares_sockets_and_files_beside_an_application_or_without(
    name: str | None,
) -> None:
    write("my_chat.py", CHAT)
    write("my_talk.py", TALK)
    write("page/index.html", "")
    app = load_all(Settings(sockets=("/chat=my_talk:talk", "/quiz=my_talk:talk"), files=("/=page",)), name)
    assert app is not None
    assert [place.namespace for place in app.places] == ["/chat", "/quiz"]
    assert [(prefix, path.name) for prefix, path, _ in app.directories] == [("/", "page")]


def test_what_declares_nothing_is_no_application() -> None:
    assert load_all(Settings(), None) is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (Settings(sockets=("/chat=my_talk:wrong",)), "sockets: "),
        (Settings(sockets=("/chat=my_talk:nothing",)), "sockets: my_talk has no nothing"),
        (Settings(sockets=("/chat=my_talk:talk", "/chat=my_talk:talk")), "sockets: there are sockets"),
        (Settings(files=("/=nowhere",)), "files: app.files: there is no directory"),
    ],
)
def test_a_declaration_of_the_configuration_that_makes_no_sense_is_refused(
    settings: Settings, problem: str
) -> None:
    write("my_talk.py", TALK)
    with pytest.raises(ConfigError, match=problem):
        load_all(settings, None)
