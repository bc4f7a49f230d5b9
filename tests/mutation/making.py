"""All mutants of a module."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, cast

from tests.mutation.mutant import Key, Mutant
from tests.mutation.operators import changes
from tests.mutation.source import Source

NAMES_OF_NAMES = frozenset({"__all__", "__slots__", "__match_args__"})


class Place(NamedTuple):
    """Where the walk is."""

    function: str
    lines: range
    at_import: bool


def mutants(module: str, content: bytes) -> list[Mutant]:
    """Every mutant of `content`, in the order of their places; `module` is its path from the root."""
    source = Source(content)
    seen: Counter[tuple[str, str, str]] = Counter()
    made: list[Mutant] = []
    for node, place in _walk(ast.parse(content), Place("", range(0), at_import=True)):
        for change in changes(node, source):
            was, now = source.whole_lines(*change)
            seen[place.function, was, now] += 1
            key = Key(module, place.function, was, now, seen[place.function, was, now])
            made.append(Mutant(key, *change, place.lines, place.at_import))
    return made


def _walk(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """Each node that says what is done, with its place."""
    if isinstance(node, ast.stmt):
        place = place._replace(lines=_head(node))
    if not (_is_construction(node, place.function) or _decides_nothing(node) or _only_says(node)):
        yield node, place
    for field, child in _children(node):
        inner = place
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and field == "body":
            name = f"{place.function}.{node.name}".lstrip(".")
            inner = Place(name, place.lines, at_import=isinstance(node, ast.ClassDef) and place.at_import)
        yield from _walk(child, inner)


def _is_construction(node: ast.AST, function: str) -> bool:
    """Whether it gives a new object an attribute, or what its base class does: without, nothing would run at all."""
    if not function.endswith("__init__"):
        return False
    match node:
        case ast.Assign() | ast.Expr(value=ast.Call(func=ast.Attribute(attr="__init__"))):
            return True
        case _:
            return False


def _head(node: ast.stmt) -> range:
    """The lines of a statement; of a compound one, those before its body."""
    body: list[ast.stmt] = getattr(node, "body", [])
    last = body[0].lineno - 1 if body else node.end_lineno
    return range(node.lineno, max(node.lineno, last or 0) + 1)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What is below `node` and done at run time, with the field that it is in."""
    if isinstance(node, ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return
    if _lists_names(node) or _names_a_number(node) or _only_says(node):
        return
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "bases", "type_params"} or _decides_nothing(
            node
        ):
            continue
        children = cast("list[object]", value) if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.AST):
                yield field, child


def _only_says(node: ast.AST) -> bool:
    """Whether it is the row of a table of options, a function that is never run, or one for messages alone."""
    match node:
        case ast.Call(func=ast.Name(id="option")):
            return True
        case ast.FunctionDef(name="__repr__"):
            return True
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
            return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in body)
        case _:
            return False


def _lists_names(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id in NAMES_OF_NAMES for target in node.targets
    )


def _names_a_number(node: ast.AST) -> bool:
    """Whether it is a constant like `KEPT: Final = 10_000`: a test of the figure would only say it again."""
    match node:
        case ast.AnnAssign(
            annotation=ast.Subscript(value=ast.Name(id="ClassVar")),
            value=ast.Constant(value=int() | float() as number),
        ) if not isinstance(number, bool):
            return True
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant() | ast.BinOp() | ast.UnaryOp())
            | ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.BinOp() | ast.UnaryOp())
        ):
            return name.isupper()
        case _:
            return False


def _decides_nothing(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.keyword(
            arg="strict" | "repr"
        ):  # zip() checks what its caller knows; a dataclass tells of itself
            return True
        case _:
            return False
