"""The changes that are tried: each is one that a slip of the hand could make, and that no type checker sees.

They are comparisons turned or moved by one, `and` for `or`, conditions turned, constants moved by one,
`+` for `-`, `min` for `max`, statements left out, and arguments in the wrong order. Left alone is what
decides nothing at run time: annotations, decorators, texts, and the assertions that the code makes about itself,
for example that a method has to be overridden.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.mutation.source import Source

COMPARISONS: Final[dict[type[ast.cmpop], tuple[bytes, bytes]]] = {
    ast.Eq: (b"==", b"!="),
    ast.NotEq: (b"!=", b"=="),
    ast.Lt: (b"<", b"<="),
    ast.LtE: (b"<=", b"<"),
    ast.Gt: (b">", b">="),
    ast.GtE: (b">=", b">"),
    ast.Is: (b"is", b"is not"),
    ast.IsNot: (b"is not", b"is"),
    ast.In: (b"in", b"not in"),
    ast.NotIn: (b"not in", b"in"),
}
ARITHMETIC: Final[dict[type[ast.operator], tuple[bytes, bytes]]] = {
    ast.Add: (b"+", b"-"),
    ast.Sub: (b"-", b"+"),
    ast.Mult: (b"*", b"+"),
    ast.Div: (b"/", b"*"),
    ast.FloorDiv: (b"//", b"*"),
}
SYMMETRIC: Final = frozenset(
    {"isinstance", "issubclass", "cast", "compare_digest", "min", "max", "suppress", "TypeVar", "NewType"}
)
"""Calls whose arguments are not exchanged: their order says nothing, or a type checker sees it."""

ABOUT_ITSELF: Final = frozenset({"assert_never", "reveal_type"})


class Change(NamedTuple):
    """Bytes `start` to `end` of the source replaced."""

    start: int
    end: int
    replacement: bytes


def changes(node: ast.AST, source: Source) -> Iterator[Change]:  # noqa: C901 - a table, in the form of a match
    """Every change that is made at `node` itself."""
    match node:
        case ast.Compare():
            yield from _comparisons(node, source)
        case ast.BoolOp():
            yield from _either(node, source)
        case ast.UnaryOp(op=ast.Not()):
            start = source.start(node)
            blank = len(source.text(node)[3:]) - len(source.text(node)[3:].lstrip())
            yield Change(start, start + 3 + blank, b"")
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from _turned(test, source)
        case ast.comprehension(ifs=tests):
            for test in tests:
                yield from _turned(test, source)
        case ast.Constant():
            yield from _constant(node, source)
        case ast.BinOp():
            yield from _arithmetic(node, source)
        case ast.Call():
            yield from _call(node, source)
        case ast.stmt():
            yield from _left_out(node, source)
        case _:
            pass


def _between(left: ast.expr, right: ast.expr, old: bytes, new: bytes, source: Source) -> Iterator[Change]:
    at = source.content.find(old, source.end(left), source.start(right))
    if at >= 0:
        yield Change(at, at + len(old), new)


def _comparisons(node: ast.Compare, source: Source) -> Iterator[Change]:
    operands = [node.left, *node.comparators]
    for left, right, operator in zip(operands, operands[1:], node.ops, strict=False):
        yield from _between(left, right, *COMPARISONS[type(operator)], source)


def _either(node: ast.BoolOp, source: Source) -> Iterator[Change]:
    words = (b"and", b"or") if isinstance(node.op, ast.And) else (b"or", b"and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        yield from _between(left, right, *words, source)


def _turned(test: ast.expr, source: Source) -> Iterator[Change]:
    if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
        yield Change(source.start(test), source.end(test), b"not (" + source.text(test) + b")")


def _constant(node: ast.Constant, source: Source) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield Change(source.start(node), source.end(node), str(not value).encode())
    elif isinstance(value, int | float):
        yield Change(source.start(node), source.end(node), repr(value + 1).encode())


def _arithmetic(node: ast.BinOp, source: Source) -> Iterator[Change]:
    if type(node.op) in ARITHMETIC and not any(_is_text(side) for side in (node.left, node.right)):
        yield from _between(node.left, node.right, *ARITHMETIC[type(node.op)], source)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _call(node: ast.Call, source: Source) -> Iterator[Change]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in {"min", "max"}:
        yield Change(source.start(node.func), source.end(node.func), b"max" if name == "min" else b"min")
    if (
        name in SYMMETRIC
        or len(node.args) < 2
        or any(isinstance(each, ast.Starred) for each in node.args[:2])
    ):
        return
    first, second = node.args[:2]
    one, other = source.text(first), source.text(second)
    if one != other:
        middle = source.content[source.end(first) : source.start(second)]
        yield Change(source.start(first), source.end(second), other + middle + one)


def _left_out(node: ast.stmt, source: Source) -> Iterator[Change]:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in ABOUT_ITSELF:
            return
        case ast.Raise(exc=ast.Call(func=ast.Name(id="AssertionError")) | ast.Name(id="NotImplementedError")):
            return
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Delete() | ast.Raise():
            pass
        case ast.Return(value=None) | ast.Continue() | ast.Break():
            pass
        case ast.Assign(targets=targets) if any(
            isinstance(each, ast.Attribute | ast.Subscript) for each in targets
        ):
            pass
        case _:
            return
    lines = source.text(node).count(b"\n")
    yield Change(
        source.start(node), source.end(node), b"pass" + lines * b"\n"
    )  # what follows stays where it is
