"""Which modules are mutated, and which of their lines a change has touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.mutation import harmless
from tests.mutation.choice import TESTS, changed, changed_lines, folders_of, modules
from tests.mutation.making import mutants

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = "cometary/dispatch/thing.py"


def git(root: Path, *command: str) -> None:
    """Run a command of git's, as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *command], cwd=root, check=True, capture_output=True)  # noqa: S607


def test_each_package_is_there_with_its_tests() -> None:
    for package, folders in TESTS.items():
        assert (ROOT / "cometary" / package).is_dir()
        assert all((ROOT / folder).is_dir() for folder in folders)


def test_without_a_choice_all_of_them_are_taken() -> None:
    chosen = modules([], ROOT)
    assert {
        "cometary/dispatch/trie.py",
        "cometary/transport/http/connection.py",
        "cometary/fsm/full_path.py",
    } <= set(chosen)
    assert folders_of(chosen) == list(
        dict.fromkeys(folder for folders in TESTS.values() for folder in folders)
    )


def test_the_rooms_of_a_package_are_taken_with_it() -> None:
    listener = "cometary/transport/net/listener.py"
    assert listener in modules(["transport"], ROOT)
    assert listener in modules(["cometary/transport/net"], ROOT)


@pytest.mark.parametrize(
    ("package", "module"),
    [("nodes", "cometary/nodes/handshake.py"), ("xmpp", "cometary/xmpp/pubsub/service.py")],
)
def test_what_speaks_with_other_servers_is_asked_by_its_own_tests(package: str, module: str) -> None:
    assert module in modules([package], ROOT)
    assert folders_of(modules([package], ROOT)) == [f"tests/{package}"]


def test_what_the_list_calls_harmless_is_in_the_sources() -> None:
    """Lest a module that moves takes its lines out of sight."""
    assert harmless.no_longer_there(harmless.read((ROOT / harmless.LIST).read_text()), ROOT) == []


def test_a_package_and_a_file_of_it_are_the_package() -> None:
    assert modules(["dispatch", "cometary/dispatch/trie.py"], ROOT) == modules(["dispatch"], ROOT)
    assert folders_of(modules(["dispatch"], ROOT)) == ["tests/dispatch"]


@pytest.mark.parametrize(
    "name", ["nothing", "cometary/dispatch/nothing.py", "cometary/demo", "tests/dispatch"]
)
def test_what_is_no_module_of_them_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match="is no module of"):
        modules([name], ROOT)


def test_a_diff_says_which_lines_are_new_and_between_which_some_are_gone() -> None:
    diff = "--- a/m.py\n+++ b/m.py\n@@ -3 +3,2 @@ def f():\n+x\n+y\n@@ -9,2 +10,0 @@\n-z\n-z\n"
    assert changed_lines(diff) == {"m.py": {3, 4, 10, 11}}


def test_only_lines_that_differ_from_where_the_branch_was_left_are_taken(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)
    file.write_text("a = b < c\nd = e < f\ng = h < i\n")
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    git(tmp_path, "switch", "-c", "work")
    file.write_text("a = b < c\nd = e <= f\ng = h < i\n")
    git(tmp_path, "commit", "-am", "one")
    file.write_text("a = b < c\nd = e <= f\ng = h <= i\n")  # not even committed
    chosen = changed(mutants(FILE, file.read_bytes()), "main", tmp_path)
    assert [mutant.key.now for mutant in chosen] == ["d = e < f", "g = h < i"]


def test_a_commit_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    git(tmp_path, "init")
    with pytest.raises(SystemExit):
        changed([], "nowhere", tmp_path)
