"""Which mutants are made of a source, and how they are told apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.making import mutants

ROOT = Path(__file__).resolve().parent.parent.parent


def lines_made(source: str) -> list[str]:
    """The changed lines of all mutants."""
    return [mutant.key.now for mutant in mutants("m.py", source.encode())]


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("x = a == b", ["x = a != b"]),
        ("x = a < b <= c", ["x = a <= b <= c", "x = a < b < c"]),
        ("x = a is not b", ["x = a is b"]),
        ("x = a not in b", ["x = a in b"]),
        ("x = a and b or c", ["x = a and b and c", "x = a or b or c"]),
        ("x = not (a and b)", ["x = (a and b)", "x = not (a or b)"]),
        ("if f(): x = a", ["if not (f()): x = a"]),
        ("while f(): x = a", ["while not (f()): x = a"]),
        ("x = a if f() else b", ["x = a if not (f()) else b"]),
        ("x = [a for a in b if f()]", ["x = [a for a in b if not (f())]"]),
        ("x = 1", ["x = 2"]),
        ("x = a[-1]", ["x = a[-2]"]),
        ("x = True", ["x = False"]),
        ("class C:\n    many: ClassVar[bool] = True", ["many: ClassVar[bool] = False"]),
        ("def f(a=False): g()", ["def f(a=True): g()", "def f(a=False): pass"]),
        ("x = a + b", ["x = a - b"]),
        ("x = a // b", ["x = a * b"]),
        ("x = min(a, b)", ["x = max(a, b)"]),
        ("x = f(a, b, c)", ["x = f(b, a, c)"]),
        ("f()", ["pass"]),
        ("async def f(): await g()", ["async def f(): pass"]),
        ("a.b = c", ["pass"]),
        ("a[b] = c", ["pass"]),
        ("a += b", ["pass"]),
        ("del a", ["pass"]),
        ("raise a", ["pass"]),
        ("def f(): return", ["def f(): pass"]),
        ("for a in b: break", ["for a in b: pass"]),
        ("é = '日' if a > b else c", ["é = '日' if a >= b else c"]),
    ],
)
def test_each_slip_of_the_hand_is_one_mutant(source: str, made: list[str]) -> None:
    assert sorted(lines_made(source)) == sorted(made)


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        '"""Words."""',
        "x = 'a' + b",
        "x = f'{a + 1}'",
        "def f(a: Literal[1]) -> Literal[2]: ...",
        "@dataclass(frozen=True)\nclass C: ...",
        "if TYPE_CHECKING:\n    import a",
        "assert a == b",
        "assert_never(a)",
        "raise AssertionError(a)",
        "raise NotImplementedError",
        "__slots__ = ('a', 'b')",
        "KEPT: Final = 10_000",
        "LONGEST: Final = 4 * 1024",
        "class C:\n    _MANY = 64",
        "class C:\n    max_many: ClassVar[int] = 64",
        "x = zip(strict=True)",
        "x = isinstance(a, b)",
        "x = field(repr=False)",
        "class S:\n    x: int = option(600, whole(0, 10), words)",
        "class C:\n    def __repr__(self): return a + b",
        'class C(Protocol):\n    def f(self, a=False):\n        """Words."""',
        "@overload\ndef f(a=1): ...",
        "class C:\n    def __init__(self): self.a = b",
        "class C:\n    def __init__(self): super().__init__()",
    ],
)
def test_what_decides_nothing_at_run_time_is_left_alone(source: str) -> None:
    assert lines_made(source) == []


def test_a_mutant_is_the_whole_source_with_one_change() -> None:
    source = "# é\nx = f(\n    a,\n    b,\n)\n"
    (mutant,) = mutants("m.py", source.encode())
    assert mutant.applied_to(source.encode()).decode() == "# é\nx = f(\n    b,\n    a,\n)\n"
    assert (mutant.key.was, mutant.key.now) == ("a, b,", "b, a,")
    assert mutant.lines == range(2, 6)


def test_a_mutant_is_named_by_what_is_written_not_by_where() -> None:
    source = "class C:\n    def f(self):\n        if a: return\n        if a: return\n"
    above = mutants("m.py", f"# more\n\n{source}".encode())
    assert [mutant.key for mutant in mutants("m.py", source.encode())] == [mutant.key for mutant in above]
    assert {mutant.key.function for mutant in above} == {"C.f"}
    assert len({mutant.key for mutant in above}) == len(above) == 4


def test_a_mutant_moves_no_line() -> None:
    source = "f(\n    a,\n    b,\n)\nx = c < d\n"
    for mutant in mutants("m.py", source.encode()):
        assert mutant.applied_to(source.encode()).splitlines()[4].startswith(b"x = c <")


def test_a_comment_beside_the_change_is_not_part_of_its_name() -> None:
    assert [mutant.key for mutant in mutants("m.py", b"f()  # why")] == [
        mutant.key for mutant in mutants("m.py", b"f()")
    ]


def test_what_a_module_does_when_imported_is_told_from_what_its_functions_do() -> None:
    source = "x = 1\nclass C:\n    y = 2\n    def f(self):\n        return 3\n"
    assert [mutant.at_import for mutant in mutants("m.py", source.encode())] == [True, True, False]


def test_of_a_compound_statement_only_the_head_is_changed() -> None:
    (mutant, _) = mutants("m.py", b"if (\n    f()\n):\n    a = 1\n")
    assert mutant.lines == range(1, 4)


def test_all_mutants_of_the_sources_can_be_read() -> None:
    """One that cannot would be killed by anything, and say nothing."""
    for package in ("dispatch", "fsm"):
        for file in (ROOT / "cometary" / package).glob("*.py"):
            source = file.read_bytes()
            for mutant in mutants(file.name, source):
                changed = mutant.applied_to(source)
                assert changed != source
                ast.parse(changed)
