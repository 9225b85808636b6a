"""Fixtures of the book's tests: the two books, the self-trade modes, how much to do without the compiler."""

from __future__ import annotations

import numba
import pytest

from wattbook.book import SELF_TRADE_MODES, Book, ReferenceBook


@pytest.fixture(params=[Book, ReferenceBook], ids=["kernel", "reference"])
def book_class(request):
    """Each of the two implementations."""
    return request.param


@pytest.fixture(params=SELF_TRADE_MODES)
def mode(request):
    """Each self-trade mode."""
    return request.param


@pytest.fixture(scope="session")
def size():
    """Give a function that makes a count smaller without the compiler."""
    return lambda count: count // 10 if numba.config.DISABLE_JIT else count
