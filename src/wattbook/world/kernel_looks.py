"""Policies as compiled code that a kernel can call without knowing them.

Owns the way from a policy, one Python function, to an address of machine code, and numba's side of `draw`. A kernel
calls through the address, so it is compiled once and not for every mix of policies.
"""

# mypy: disable-error-code="no-any-return, no-untyped-call, untyped-decorator, call-arg, misc"
# numba's extension interface is not typed.

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import int64, njit, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import signature
from numba.extending import intrinsic, lower_builtin, models, register_model

import wattbook
from wattbook.book.kernel import step_at
from wattbook.book.kernel_machine import line, view
from wattbook.chance import hash64
from wattbook.compiled import entry
from wattbook.messages import MEMORY_SIZE, OUT_COLUMNS, OUT_ROWS, See

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.policies import Policy

COMPILES: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # numba sets its settings at import
_PACKAGE: Final = Path(wattbook.__file__).parent
_ARGUMENTS: Final = (types.int64,) * 4
_FIELDS: Final = len(See._fields)
_STEP_ARGUMENTS: Final = 11
KEPT_AT: Final = OUT_ROWS * OUT_COLUMNS
"""Where behind the first number of `out` a look leaves its memory as it was before ..."""
TOLD_AT: Final = KEPT_AT + MEMORY_SIZE
"""... and the delay that it returned, if that lies in the past."""
OUT_ROOM: Final = TOLD_AT + 1
"""Numbers that a look may write from the first one of `out` on."""


class _DrawType(types.Callable, types.Opaque):
    """An agent's random numbers in compiled code: its key, which can be called with a counter."""

    def __init__(self) -> None:
        super().__init__("Draw")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:  # noqa: ARG002 - numba calls it with all
        if kws or len(args) != 1 or not isinstance(args[0], types.Integer | types.Boolean):
            return None
        return signature(types.int64, types.int64, recvr=self)

    def get_call_signatures(self) -> Any:
        return [signature(types.int64, types.int64)], False

    def get_impl_key(self, sig: Any) -> Any:  # noqa: ARG002 - as above
        return (type(self), "call")


_draw_type: Final = _DrawType()


@register_model(_DrawType)
class _DrawModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.IntType(64))


@intrinsic
def _draw_of(typing_context: Any, key: Any) -> Any:  # noqa: ARG001 - numba calls it with both
    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:  # noqa: ARG001 - as above
        return arguments[0]

    return _draw_type(types.int64), generate


@lower_builtin((_DrawType, "call"), _DrawType, types.int64)
def _lower_draw(context: Any, builder: Any, given: Any, arguments: Any) -> Any:  # noqa: ARG001 - as above
    def drawn(key: int, counter: int) -> int:
        return hash64(key, counter)

    return context.compile_internal(builder, drawn, types.int64(types.int64, types.int64), arguments)


@intrinsic
def _delay(typing_context: Any, value: Any) -> Any:  # noqa: ARG001 - as above
    if isinstance(value, types.Boolean) or not isinstance(value, types.Integer):
        raise TypingError(f"it returns {value}, not a whole number of ms")

    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], given.args[0], types.int64)

    return types.int64(value), generate


@intrinsic
def _see_at(typing_context: Any, address: Any) -> Any:  # noqa: ARG001 - as above
    """Read the row at an address as a `See`, field by field."""
    see = types.NamedUniTuple(types.int64, _FIELDS, See)

    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
        row = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        fields = [builder.load(builder.gep(row, [ir.Constant(ir.IntType(64), i)])) for i in range(_FIELDS)]
        return context.make_tuple(builder, given.return_type, fields)

    return see(types.int64), generate


@intrinsic
def call_look(typing_context: Any, address: Any, see: Any, memory: Any, key: Any, out: Any) -> Any:  # noqa: ARG001
    """Call a look at its address with the addresses of its rows; it may write `OUT_ROOM` numbers at `out`.

    Returns
    -------
    tuple of int
        1 and the delay, or 0 and 0 if the policy raised.
    """

    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(types.int64, _ARGUMENTS)
        code = builder.inttoptr(arguments[0], kind.as_pointer())
        status, delay = convention.call_function(builder, code, types.int64, _ARGUMENTS, arguments[1:])
        done = builder.zext(status.is_ok, arguments[0].type)
        delay = builder.select(status.is_ok, delay, ir.Constant(delay.type, 0))
        return context.make_tuple(builder, given.return_type, [done, delay])

    return types.UniTuple(types.int64, 2)(*(types.int64,) * 5), generate


@intrinsic
def call_step(typing_context: Any, address: Any, *given: Any) -> Any:  # noqa: ARG001 - as above
    """Call `wattbook.book.kernel.step_at` at its address: linked in by name, it would be compiled once more."""
    kinds = (types.int64,) * _STEP_ARGUMENTS

    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:  # noqa: ARG001 - as above
        convention = context.call_conv
        kind = convention.get_function_type(types.int64, kinds)
        code = builder.inttoptr(arguments[0], kind.as_pointer())
        rest = cgutils.unpack_tuple(builder, arguments[1], _STEP_ARGUMENTS)
        _, answer = convention.call_function(builder, code, types.int64, kinds, rest)
        return answer

    return types.int64(types.int64, types.StarArgTuple(kinds)), generate


def step_address() -> int:
    """Where the compiled `step_at` lies."""
    kinds = (types.int64,) * _STEP_ARGUMENTS
    entry(step_at, _STEP_ARGUMENTS)
    found: Any = step_at.overloads[kinds]
    return int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


class Look(NamedTuple):
    """A compiled policy; `code` keeps alive what lies at `address`."""

    address: int
    code: Any
    keeps_memory: bool
    """Whether it leaves its memory as it was before behind the rows of `out` (`KEPT_AT`), in case that it raises."""


_looks: dict[tuple[Any, ...], Look | str] = {}
_policy: Any = None
"""Stands in `_template` for the policy."""


def look_of(policy: Policy) -> Look | str:
    """Compile a policy, or say in one line why numba does not take it.

    Policies of this package come out of numba's cache; those of others are compiled afresh in every process, as
    nobody can tell what else they are made of.
    """
    if not COMPILES:
        return "numba is told to compile nothing"
    # Compiled code keeps the values that names had; one whose names mean something else by now is compiled again.
    key = (policy, *_meanings(policy, set()))
    found = _looks.get(key)
    if found is None:
        found = _looks[key] = _compiled(policy)
    return found


def _meanings(policy: Any, seen: set[int]) -> list[str]:
    """Tell what the names that a function uses stand for, and those of the functions that it calls in turn."""
    function = getattr(policy, "py_func", policy)
    code = getattr(function, "__code__", None)
    if code is None or id(function) in seen or Path(code.co_filename).is_relative_to(_PACKAGE):
        return []
    seen.add(id(function))
    names: dict[str, Any] = {name: function.__globals__[name] for name in code.co_names if name in function.__globals__}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # an empty cell
            names[name] = cell.cell_contents
    found: list[str] = []
    for name, value in names.items():
        if hasattr(getattr(value, "py_func", value), "__code__"):
            found += [f"{name}@{id(value)}", *_meanings(value, seen)]
        elif isinstance(value, np.ndarray):
            found.append(f"{name}={value.dtype}{value.shape}{value.tobytes().hex()}")
        else:
            found.append(f"{name}={value!r}")
    return found


def _template(see: int, memory: int, key: int, out: int) -> int:
    """Look of a policy, given as the addresses of its rows; `_policy` stands for the policy."""
    own = line(memory, MEMORY_SIZE)
    delay: int = _delay(_policy(_see_at(see), own, _draw_of(key), view(out, OUT_ROWS, OUT_COLUMNS)))
    if delay < 0:
        line(out, OUT_ROOM)[TOLD_AT] = delay
    return delay


@intrinsic
def _read_only(typing_context: Any, array: Any) -> Any:  # noqa: ARG001 - as above
    def generate(context: Any, builder: Any, given: Any, arguments: Any) -> Any:  # noqa: ARG001 - as above
        return arguments[0]

    return array.copy(readonly=True)(array), generate


def _reading_template(see: int, memory: int, key: int, out: int) -> int:
    """`_template` for a policy that leaves its memory alone: it compiles for no other."""
    kept: Any = _read_only(line(memory, MEMORY_SIZE))
    return _delay(_policy(_see_at(see), kept, _draw_of(key), view(out, OUT_ROWS, OUT_COLUMNS)))


def _keeping_template(see: int, memory: int, key: int, out: int) -> int:
    """`_template` for a policy that may raise after it has changed its memory."""
    own, room = line(memory, MEMORY_SIZE), line(out, OUT_ROOM)
    for i in range(MEMORY_SIZE):
        room[KEPT_AT + i] = own[i]
    delay: int = _delay(_policy(_see_at(see), own, _draw_of(key), view(out, OUT_ROWS, OUT_COLUMNS)))
    if delay < 0:
        room[TOLD_AT] = delay
    return delay


def _compiled(policy: Policy) -> Look | str:
    code = getattr(getattr(policy, "py_func", policy), "__code__", None)
    if code is None:
        return f"{type(policy).__name__} is no plain function"
    path = Path(code.co_filename)
    is_ours = path.is_relative_to(_PACKAGE) and not code.co_freevars
    name = f"look_{code.co_qualname.replace('.', '_').replace('<', '').replace('>', '')}_{code.co_firstlineno}"
    compilable = policy if hasattr(policy, "py_func") else njit(boundscheck=True)(policy)

    def made(template: Callable[..., int]) -> Any:
        # Under the policy's own file name, as numba keeps what it compiles beside that.
        named = template.__code__.replace(co_filename=str(path), co_name=name, co_qualname=name)
        own: Any = FunctionType(named, {**globals(), "_policy": compilable}, name)
        decorate: Any = njit
        look = decorate(cache=is_ours, nogil=True, no_cpython_wrapper=True)(own)
        look.compile((int64,) * 4)
        return look

    try:
        look, keeps_memory = made(_template), False
        # Python asks a policy that failed again, to learn why, and needs the memory that it failed with. A copy costs
        # a row of memory a look: it is spared who cannot raise, or only reads. Those of this package do not raise.
        if not is_ours and _may_raise(look) and not _only_reads(made):
            look, keeps_memory = made(_keeping_template), True
    except Exception as error:  # noqa: BLE001 - whatever numba does not understand, Python does
        return str(error).strip().splitlines()[0]
    found = look.overloads[_ARGUMENTS]
    address = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return Look(int(address), look, keeps_memory)


def _may_raise(look: Any) -> bool:
    """Tell whether a look's machine code can return anything but success, as far as LLVM knows."""
    found = look.overloads[_ARGUMENTS]
    name = re.escape(found.fndesc.llvm_func_name)
    body = re.search(rf'^define [^\n]*@"?{name}"?\(.*?^}}', found.library.get_llvm_str(), re.MULTILINE | re.DOTALL)
    ends = re.findall(r"^\s*ret (.*?)(?:,.*)?$", body[0], re.MULTILINE) if body else []
    return not ends or any(end != "i32 0" for end in ends)


def _only_reads(made: Callable[[Callable[..., int]], Any]) -> bool:
    """Tell whether a policy compiles with a memory that it cannot write to."""
    try:
        made(_reading_template)
    except Exception:  # noqa: BLE001 - whatever keeps it from that, it is then taken to write
        return False
    return True
