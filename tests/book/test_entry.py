"""The ways into compiled code: direct, checked, without a compiler, with its bounds checked, from two threads."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

import wattbook
from wattbook import compiled
from wattbook.book import BUY, SELL, Batch, Book, Code, ReferenceBook, face
from wattbook.testing import SETUPS, draw

PLACES = 12 if numba.config.DISABLE_JIT else 150
ARGUMENTS = 11
TOO_LONG = (1 << 63, -(1 << 63) - 1, 1 << 64, 10**40)
needs_compiler = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is no compiled code")


class Indirect:
    """A dispatcher that has nothing compiled behind it, but compiles and calls like the one it stands for."""

    def __init__(self, dispatcher, overloads):
        self.dispatcher, self.overloads = dispatcher, overloads

    def compile(self, types):
        self.overloads[types] = SimpleNamespace()

    def __call__(self, *arguments):
        return self.dispatcher(*arguments)


@pytest.fixture
def no_entry_point(monkeypatch):
    """Take away the attribute that numba does not promise to keep."""
    entry = compiled.entry
    monkeypatch.setattr(face, "entry", lambda function, count: entry(Indirect(function, {}), count))
    face._rare_entry.cache_clear()
    yield
    face._rare_entry.cache_clear()


def drawn(name, mode, seed, count):
    setup = SETUPS[name]
    features = setup.features(mode)
    return features, draw(seed, count, features, setup.weather)


def step_by_step(book, commands):
    """All that single commands answer."""
    told = []
    for command in commands.table().tolist():
        code = book.step(*command)
        told.append((code, book.resting_wh, book.fill_rows.tolist(), book.event_rows.tolist()))
    return told, book.export()


# --- the entry


@pytest.mark.parametrize("name", ["flawed", "crossing", "calling"])
def test_the_entry_and_its_fallback_give_the_same(no_entry_point, mode, name):
    features, commands = drawn(name, mode, 5, 10 * PLACES)
    fallback = Book(**features.terms)
    assert fallback._step_at.__name__ == "call"
    told = step_by_step(fallback, commands)
    assert told == step_by_step(ReferenceBook(**features.terms), commands)


@pytest.mark.parametrize("name", ["flawed", "crossing", "calling"])
def test_the_entry_gives_what_the_reference_gives(mode, name):
    features, commands = drawn(name, mode, 5, 10 * PLACES)
    book = Book(**features.terms)
    assert step_by_step(book, commands) == step_by_step(ReferenceBook(**features.terms), commands)


@needs_compiler
def test_the_direct_entry_is_there_and_is_taken():
    assert "call" not in getattr(Book()._step_at, "__name__", "")
    assert Book()._step_at is Book()._step_at


def refuses_long_numbers():
    book = Book()
    book.submit(1, 1, BUY, 100, 5)
    before = book.fingerprint()
    for number in TOO_LONG:
        for place in range(ARGUMENTS - 1):
            command = [0, 0, 2, 1, BUY, 100, 5, 0, 0, 0]
            command[place] = number
            with pytest.raises(OverflowError):
                book.step(*command)
        with pytest.raises(OverflowError):
            book.step(6, 0, 0, 0, 0, number, 0, 0)
        assert book.submit(number, 1, BUY, 100, 5).code is Code.NOT_A_WHOLE_NUMBER
        assert book.cancel(1, number).code is Code.NOT_A_WHOLE_NUMBER
        assert book.replace(1, 1, number, 5).code is Code.NOT_A_WHOLE_NUMBER
        assert book.uncross(0, number).code is Code.NOT_A_WHOLE_NUMBER
    assert book.fingerprint() == before
    assert book.replace(1, 1, 100, 4).code is Code.OK


def test_ints_of_more_than_64_bits_never_enter():
    refuses_long_numbers()


def test_ints_of_more_than_64_bits_never_enter_the_fallback(no_entry_point):
    refuses_long_numbers()


def test_a_plain_function_is_entered_through_a_check():
    call = compiled.entry(lambda first, second: first - second, 2)
    assert call(5, 7) == -2
    assert call((1 << 63) - 1, 0) == (1 << 63) - 1
    assert call(-(1 << 63), 0) == -(1 << 63)
    for number in TOO_LONG:
        with pytest.raises(OverflowError):
            call(number, 0)


def test_a_number_that_grows_too_long_inside_is_our_mistake():
    def kernel_that_overflows(number):
        raise OverflowError

    with pytest.raises(AssertionError, match="beyond 64 bits"):
        compiled.entry(kernel_that_overflows, 1)(5)


@needs_compiler
def test_the_entry_compiles_what_is_not_yet_compiled():
    @numba.njit
    def difference(first, second):
        return first - second

    assert not difference.overloads
    assert compiled.entry(difference, 2)(5, 7) == -2
    assert difference.overloads


def test_many_calls_of_the_entry_leak_nothing():
    book = Book()
    numbers = [1 << 40, 1 << 41, 100_000, 1 << 35]
    book.submit(*numbers[:2], BUY, *numbers[2:])
    before = [sys.getrefcount(number) for number in numbers]
    for _ in range(1_000):
        book.submit(*numbers[:2], BUY, *numbers[2:])
        book.cancel(*numbers[:2])
        book.replace(*numbers)
    assert [sys.getrefcount(number) for number in numbers] == before


# --- threads


def run_of(seed, mode):
    features, commands = drawn("deep", mode, seed, 100 * PLACES)
    return features, [commands.part(slice(at, at + 997)) for at in range(0, len(commands.rows), 997)]


def worked(features, parts):
    book = Book(**features.terms)
    batches = [book.process(*part) for part in parts]
    return [[part.copy() for part in batch] for batch in batches], book.export()


def assert_same_work(one, other):
    assert one[1] == other[1]
    for ours, theirs in zip(one[0], other[0], strict=True):
        for name, a, b in zip(Batch._fields, ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


def test_books_in_threads_of_their_own_do_not_meet(mode):
    """Batches run without the interpreter's lock, so two of them are under way at once."""
    runs = [run_of(seed, mode) for seed in (1, 2, 1)]
    alone = [worked(*run) for run in runs]
    together = [None] * len(runs)
    start = threading.Barrier(len(runs))

    def work(number):
        start.wait()
        together[number] = worked(*runs[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(together, alone, strict=True):
        assert_same_work(one, other)


@needs_compiler
def test_another_thread_goes_on_while_a_batch_is_under_way():
    count = 1_000_000
    orders = np.arange(1, count + 1)
    zero = np.zeros(count, dtype=np.int64)
    side = np.where(orders % 2, SELL, BUY)
    rows = np.column_stack([zero, zero, orders, orders % 7, side, zero + 10, zero + 1, zero])
    steps, ended = 0, threading.Event()

    def work():
        Book().process(rows)
        ended.set()

    thread = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    thread.start()
    while not ended.is_set():
        steps += 1
    thread.join()
    assert sys.getswitchinterval() == interval
    assert steps > 1_000


# --- the book's tests under other settings

TESTS = Path(__file__).parent
ROOT = TESTS.parent.parent
OUT_OF_BOUNDS = """
from wattbook.book import BUY, Book
book = Book()
book.submit(1, 1, BUY, 5, 5)
length_of_sides = 2 * book._columns._fields.index("sides") + 1
book._addresses[length_of_sides] = 0
try:
    book.submit(2, 1, BUY, 5, 5)
except IndexError:
    print("caught")
"""


def in_a_child(arguments, **settings):
    """Run Python with other settings of numba's; its kernels go to a cache folder of these settings."""
    given = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "PYTEST_"))}
    parent = {"NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"]} if "NUMBA_CACHE_DIR" in os.environ else {}
    source = str(Path(wattbook.__file__).parent.parent)
    given |= {"PYTHONPATH": source, **parent, **settings}
    return subprocess.run(
        [sys.executable, *arguments], env=given, cwd=ROOT, capture_output=True, text=True, check=False
    )


def passes_the_books_tests(**settings):
    others = [str(path) for path in sorted(TESTS.glob("test_*.py")) if path.name != Path(__file__).name]
    mine = [f"{__file__}::{name}" for name in globals() if name.startswith("test_") and "the_books_tests" not in name]
    ended = in_a_child(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *others, *mine], **settings)
    assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-2_000:]
    passed = int(ended.stdout.split(" passed")[0].split()[-1])
    assert passed > 500


@pytest.mark.slow
@pytest.mark.long
@needs_compiler
def test_the_books_tests_pass_with_bounds_checked():
    assert in_a_child(["-c", OUT_OF_BOUNDS], NUMBA_BOUNDSCHECK="1").stdout == "caught\n", "bounds are not checked"
    passes_the_books_tests(NUMBA_BOUNDSCHECK="1")


@pytest.mark.slow
@pytest.mark.long
@needs_compiler
def test_the_books_tests_pass_without_the_compiler():
    asked = in_a_child(
        ["-c", "from wattbook.book import kernel; print(hasattr(kernel.step, 'overloads'))"], NUMBA_DISABLE_JIT="1"
    )
    assert asked.stdout == "False\n"
    passes_the_books_tests(NUMBA_DISABLE_JIT="1")


def test_threads_may_share_a_book():
    """Growing must not lose what another thread does meanwhile; each receipt tells of its own command."""
    book, ids, filled = Book(), itertools.count(1), []

    def work(owner):
        for i in range(1_500):
            with numbering:
                order = next(ids)
                receipt = book.submit(order, owner, BUY if i % 2 else SELL, 100 + i % 7, 10)
            filled.append((receipt.filled_wh, int(receipt.fills[:, 5].sum())))
            book.replace(order, owner, 100 + i % 5, 8)
            if i % 3 == 0:
                book.cancel(order, owner)
            if i % 200 == 0:
                book.process(np.zeros((3, 8), dtype=np.int64))
                book.orders()

    numbering = threading.Lock()
    threads = [threading.Thread(target=work, args=(owner,)) for owner in range(4)]
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    book.check()
    assert len(filled) == 6_000
    assert all(told == summed for told, summed in filled)


@needs_compiler
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals here")
def test_an_interrupt_leaves_a_book_whole():
    """Wherever it comes, in the midst of growing above all."""

    def stop(*_):
        raise KeyboardInterrupt

    before, interrupted = signal.signal(signal.SIGALRM, stop), 0
    try:
        for turn in range(200):
            book = Book()
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + turn * 7e-6)
                for order in range(1, 4_000):
                    side = BUY if order % 2 else SELL
                    book.submit(order, 1, side, 100 - side * (1 + order % 50), 5)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            book.check()
            assert book.submit(1_000_000, 1, BUY, 1, 1).code is Code.OK
            assert len(Book.restore(book.export())) == len(book)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 100
