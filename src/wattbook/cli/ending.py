"""How the program ends: exit codes, one clear block on standard error, and no traceback unless asked for.

====  ==========================================
code  meaning
====  ==========================================
0     done
1     our own mistake
2     usage, scenario
3     data
4     corrupt run
5     memory, disk, permission, a place taken
130   interrupted
141   nobody reads the output any more
====  ==========================================
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

from wattbook.errors import WattbookError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

INTERNAL: Final = 1
RESOURCES: Final = 5
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
DEBUG_FLAG: Final = "--debug"

# Young objects before the collector looks at them: it finds next to nothing in a program that carries out one command.
_YOUNG_OBJECTS: Final = 100_000


def program() -> NoReturn:
    """Be the command ``wattbook``: carry out the command line and end the process.

    What the process holds is left to the system, which takes it back faster than the interpreter takes it apart.
    """
    gc.set_threshold(_YOUNG_OBJECTS)
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more: the code says so already
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Carry out a command line and leave the process with its exit code."""
    # Large temporaries in huge pages have to be cleared again and again: a sixth of a city's run.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    from wattbook.cli.app import app

    given = sys.argv[1:] if arguments is None else list(arguments)
    sys.exit(ended(lambda: app(given, prog_name="wattbook"), debug=DEBUG_FLAG in given))


def ended(work: Callable[[], object], *, debug: bool) -> int:
    """Do `work` and turn the way it ends into an exit code, saying on standard error what went wrong."""
    try:
        try:
            work()
            code = 0
        except SystemExit as leaving:
            if isinstance(leaving.__context__, BrokenPipeError):  # typer ends with 1 when nobody reads any more
                raise leaving.__context__ from None
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
            if code == INTERRUPTED:  # typer's word for Ctrl-C
                raise KeyboardInterrupt from None
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        say("interrupted: no run was saved")
        return INTERRUPTED
    except WattbookError as fault:
        return _failed(fault.code, _problems(fault), fault.exit_code, debug)
    except MemoryError:
        return _failed("resource", ["out of memory: run fewer days or members"], RESOURCES, debug)
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        return _failed("resource", [f"{where}{fault.strerror or fault}"], RESOURCES, debug)
    except Exception as fault:  # noqa: BLE001  # the last line before the user: a mistake of ours must not look like one of theirs
        said = f"{type(fault).__name__}: {fault}".rstrip(": ")
        return _failed(
            "internal", [f"{said} (this is a mistake of wattbook's; {DEBUG_FLAG} shows where)"], INTERNAL, debug
        )
    return code


def say(line: str) -> None:
    """Write a line on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _problems(fault: WattbookError) -> list[str]:
    """All problems of an error."""
    return list(getattr(fault, "problems", ())) or [str(fault)]


def _failed(code: str, problems: Sequence[str], exit_code: int, debug: bool) -> int:
    """Write one block with all problems."""
    if debug:
        traceback.print_exc()
    if len(problems) == 1:
        say(f"error [{code}]: {_printable(problems[0])}")
    else:
        say("\n".join([f"error [{code}]: {len(problems)} problems", *(f"  - {_printable(each)}" for each in problems)]))
    return exit_code


def _printable(text: str) -> str:
    """Keep a message on its line and its control characters from the terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text.strip())


def _close_output() -> None:
    """Point standard output at nothing, so that the interpreter's own last flush finds no broken pipe."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
