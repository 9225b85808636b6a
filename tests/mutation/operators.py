"""Every small change that the mutation test makes to the kernel, from one general list of operators.

Owns the enumeration: the same sources give the same mutants in the same order. Knows no book and runs nothing. What is
changed is code only: annotations, decorators, docstrings, imports and ``if TYPE_CHECKING`` are left out.
"""

from __future__ import annotations

import ast
import copy
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATORS: Final = {
    "comparison": "each comparison to its neighbour: < and <=, > and >=, == and !=",
    "arithmetic": "+ and -, * and //, % to //",
    "bits": "& and |, ^ to &, << and >>",
    "constant": "each whole number one up and one down, True and False",
    "index": "the name of a column, header place, kind, event or self-trade mode to the next of its row of names",
    "code": "a return code or flag to the next of its enumeration",
    "logic": "and to or, or to and",
    "unary": "not, minus and ~ dropped",
    "function": "min to max, max to min, abs dropped",
    "update": "+= and -=, |= to &=, &= to |=, ^= to |=, <<= and >>=",
    "deletion": "a call, a write to a column, an update or a second assignment left out; break to continue",
    "condition": "the condition of an if, a while or a conditional expression negated",
}
"""Operators by name, each with what it does."""

_COMPARISONS: Final = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
_ARITHMETIC: Final = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
_BITS: Final = {
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip
_UPDATES: Final = {**_ARITHMETIC, **_BITS, ast.BitXor: ast.BitOr}
_LOGIC: Final = {ast.And: ast.Or, ast.Or: ast.And}
_SIGNS: Final = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Add: "+", ast.Sub: "-",
    ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>", ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "-", ast.Invert: "~",
}  # fmt: skip
_OPPOSITE: Final = {"min": "max", "max": "min"}
_VALUE_ENUMS: Final = ("Code", "Flag")


class Mutant(NamedTuple):
    """One change.

    Attributes
    ----------
    module : str
        File without its ending, e.g. ``"kernel_tree"``.
    function : str
        Function around it, empty at the top of the module.
    code : str
        The line that it begins in.
    change : str
        What becomes what; ``(2)`` behind it marks the second such change in the same line.
    operator : str
        One of `OPERATORS`.
    line : int
        For people; may move.
    node, variant : int
        Where `mutated` finds it.
    """

    module: str
    function: str
    code: str
    change: str
    operator: str
    line: int
    node: int
    variant: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names the change when lines have moved."""
        return self.module, self.function, self.code, self.change


class Variant(NamedTuple):
    """What a node may become."""

    operator: str
    change: str
    replacement: ast.AST


class Neighbour(NamedTuple):
    """The name that stands in for another, by its value: the module may not have imported it."""

    operator: str
    name: str
    value: int


def mutants(path: Path, source: str | None = None) -> list[Mutant]:
    """Enumerate all mutants of a file in `wattbook.book`, or of a changed text of it, in the order of its lines."""
    source = path.read_text(encoding="utf-8") if source is None else source
    tree, lines = ast.parse(source), source.splitlines()
    names = neighbours(path.stem, tree)
    found, seen = [], {}
    functions = _functions(tree)
    for number, node in _code_nodes(tree):
        for variant, (operator, change, _) in enumerate(_variants(node, names, functions[number])):
            key = path.stem, functions[number].name, lines[node.lineno - 1].strip(), change
            place = (*key, node.lineno)
            seen[place] = seen.get(place, 0) + 1
            told = change if seen[place] == 1 else f"{change} ({seen[place]})"
            found.append(Mutant(*key[:3], told, operator, node.lineno, number, variant))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.node, mutant.variant))


def mutated(path: Path, mutant: Mutant) -> ast.Module:
    """Syntax tree of the file with one change made."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names, functions = neighbours(path.stem, tree), _functions(tree)
    node = next(node for number, node in _code_nodes(tree) if number == mutant.node)
    variants = list(_variants(node, names, functions[mutant.node]))
    _put(tree, node, variants[mutant.variant].replacement)
    return ast.fix_missing_locations(tree)


def neighbours(module: str, tree: ast.Module) -> dict[str, Neighbour]:
    """For each name of a row of numbers that a module sees, the next of its row; the last is followed by the first."""
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("wattbook.book.kernel_"):
            home = (statement.module or "").rpartition(".")[2]
            rows = _rows_of_names(home)
            found |= {alias.name: rows[alias.name] for alias in statement.names if alias.name in rows}
    return found | _rows_of_names(module, tree)


def _rows_of_names(module: str, tree: ast.Module | None = None) -> dict[str, Neighbour]:
    loaded = import_module(f"wattbook.book.{module}")
    if tree is None:
        assert loaded.__file__
        tree = ast.parse(Path(loaded.__file__).read_text(encoding="utf-8"))
    rows: dict[str, list[str]] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value) if not isinstance(value, ast.Tuple):
                rows[f"index {statement.lineno}"] = [name.id for name in names if isinstance(name, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(args=[ast.Attribute(value=enum)])):
                kind = ast.unparse(enum).rpartition(".")[2]
                if kind in _VALUE_ENUMS:
                    rows.setdefault(f"code {kind}", []).append(name)
    return {
        name: Neighbour(row.split()[0], following, int(getattr(loaded, following)))
        for row, names in rows.items()
        for name, following in zip(names, names[1:] + names[:1], strict=True)
        if name != following
    }


class _Function(NamedTuple):
    """The function around a node, and the names that its parameters and earlier lines have bound."""

    name: str
    bound: dict[str, int]


def _functions(tree: ast.Module) -> dict[int, _Function]:
    """For each node's number the function around it."""
    top = _Function("", {})
    of_node: dict[int, _Function] = {}
    for statement in tree.body:
        here = top
        if isinstance(statement, ast.FunctionDef):
            bound = dict.fromkeys((argument.arg for argument in statement.args.args), statement.lineno)
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    bound[node.id] = min(node.lineno, bound.get(node.id, node.lineno))
            here = _Function(statement.name, bound)
        of_node |= dict.fromkeys((id(node) for node in ast.walk(statement)), here)
    return {number: of_node.get(id(node), top) for number, node in enumerate(ast.walk(tree))}


def _code_nodes(tree: ast.Module) -> Iterator[tuple[int, ast.AST]]:
    """Nodes of code with their numbers in `ast.walk`."""
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if _is_no_code(node):
            continue
        yield numbers[id(node)], node
        waiting += reversed(_parts(node))


def _is_no_code(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _parts(node: ast.AST) -> list[ast.AST]:
    """Children of a node without annotations and decorators."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return list(node.body)
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else []
    return list(ast.iter_child_nodes(node))


def _variants(node: ast.AST, names: dict[str, Neighbour], function: _Function) -> Iterator[Variant]:
    """All that one node may become."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BinOp(op=op):
            for operator, table in (("arithmetic", _ARITHMETIC), ("bits", _BITS)):
                if type(op) in table:
                    yield _with_sign(node, operator, table[type(op)])
        case ast.BoolOp(op=op):
            yield _with_sign(node, "logic", _LOGIC[type(op)])
        case ast.UnaryOp(op=op, operand=operand) if not isinstance(operand, ast.Constant):
            yield Variant("unary", f"{_SIGNS[type(op)]} dropped", operand)
        case ast.Constant(value=bool(value)):
            yield Variant("constant", f"{value} -> {not value}", ast.Constant(not value))
        case ast.Constant(value=int(value)):
            for other in (value + 1, value - 1):
                yield Variant("constant", f"{value} -> {other}", ast.Constant(other))
        case ast.Name(id=name, ctx=ast.Load()) if name in names:
            operator, other, number = names[name]
            yield Variant(operator, f"{name} -> {other}", ast.Constant(number))
        case ast.Call(func=ast.Name(id="min" | "max" as name)):
            other = copy.deepcopy(node)
            other.func = ast.Name(_OPPOSITE[name], ast.Load())
            yield Variant("function", f"{name} -> {_OPPOSITE[name]}", other)
        case ast.Call(func=ast.Name(id="abs"), args=[argument]):
            yield Variant("function", "abs dropped", argument)
        case ast.AugAssign(op=op):
            yield _with_sign(node, "update", _UPDATES[type(op)], "=")
        case ast.If() | ast.While() | ast.IfExp():
            other = copy.deepcopy(node)
            other.test = ast.UnaryOp(ast.Not(), other.test)
            yield Variant("condition", f"not ({ast.unparse(node.test)})", other)
    if _may_go(node, function):
        text = ast.unparse(node)
        yield Variant("deletion", f"without {text}", ast.Continue() if isinstance(node, ast.Break) else ast.Pass())


def _compared(node: ast.Compare) -> Iterator[Variant]:
    for place, op in enumerate(node.ops):
        other = copy.deepcopy(node)
        other.ops[place] = _COMPARISONS[type(op)]()
        yield Variant("comparison", f"{_SIGNS[type(op)]} -> {_SIGNS[type(other.ops[place])]}", other)


def _with_sign(node: ast.AST, operator: str, sign: type[ast.AST], end: str = "") -> Variant:
    other = copy.deepcopy(node)
    other.op = sign()  # type: ignore[attr-defined]  # only nodes that have one come here
    return Variant(operator, f"{_SIGNS[type(node.op)]}{end} -> {_SIGNS[sign]}{end}", other)


def _may_go(node: ast.AST, function: _Function) -> bool:
    """Whether a statement can be left out without leaving a name unknown."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Break():
            return True
        case ast.Assign(targets=[ast.Subscript()]):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return function.bound.get(name, node.lineno) < node.lineno
        case ast.Assign(targets=[ast.Tuple(elts=parts)]):
            return all(
                not isinstance(part, ast.Name) or function.bound.get(part.id, node.lineno) < node.lineno
                for part in parts
            )
    return False


def _put(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    """Put a node into another's place."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return
            if isinstance(value, list) and any(part is old for part in value):
                value[:] = [new if part is old else part for part in value]
                return
    raise ValueError("the node is not part of the tree")
