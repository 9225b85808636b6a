"""Acting, as compiled code: a row of an agent's commands goes through admission into the order book and the journal.

Composed of the kernels of the rooms below; the rules stand there. Where room runs short it returns a reason, and goes
on from the same place when it is called again: the pen remembers.
"""

# mypy: disable-error-code="no-any-return, call-arg, var-annotated"
# An element of an array is Any to mypy, and functions here return one; numba gives an intrinsic one argument more.

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.book import words
from wattbook.book.kernel import HAS_FILLS
from wattbook.book.kernel_columns import (
    BEST,
    CALLING,
    H_EVENTS,
    H_FILLS,
    H_FIRST_FILL,
    KEY,
    TOTAL,
    columns_at,
    price_of,
)
from wattbook.book.kernel_columns import rules_of as book_rules_of
from wattbook.book.kernel_machine import inlined
from wattbook.market import kernel as market
from wattbook.messages import (
    NO_PRICE,
    OUT_BOOK,
    OUT_FLAGS,
    OUT_ORDER,
    OUT_PRICE,
    OUT_QUANTITY,
    OUT_SIDE,
    REFUSED,
    Action,
)
from wattbook.world.kernel_board import (
    commands_at,
    money_at,
    notices_at,
    orders_at,
    pen_at,
    ring_at,
    rules_at,
    sizes_at,
    town_at,
    trades_at,
)
from wattbook.world.kernel_looks import call_step
from wattbook.world.kernel_pen import (
    ACTING,
    ADMITTED,
    AT_AGENT,
    AT_CHANGED,
    AT_LOOK,
    AT_NEED,
    AT_NOW,
    AT_ORDER,
    AT_PHASE,
    AT_ROW,
    AT_SEQ,
    BOOK_NEEDS,
    CARRIED_OUT,
    DONE,
    ORDERS,
    ROOM_COMMANDS,
    ROOM_ORDERS,
    ROOM_RING,
    ROOM_TRADES,
    TRADES,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SUBMIT: Final = int(Action.SUBMIT)
CANCEL: Final = int(Action.CANCEL)
REPLACE: Final = int(Action.REPLACE)
BATTERY: Final = int(Action.BATTERY)
NOMINATE: Final = int(Action.NOMINATE)
OPEN: Final = int(Action.OPEN)
_CODE: Final = HAS_FILLS - 1
_BOOK_SUBMIT, _BOOK_CANCEL, _BOOK_REPLACE = (
    int(kind) for kind in (words.Kind.SUBMIT, words.Kind.CANCEL, words.Kind.REPLACE)
)


@inlined
def _best(book: int, at: int) -> tuple[int, int]:
    """Best price of a side of the order book and what is shown there; a call phase is sealed."""
    b = columns_at(book)
    level = b.sides[at, BEST]
    if level == 0 or b.sides[at, CALLING] != 0:
        return NO_PRICE, 0
    return price_of(book_rules_of(b), at, b.levels[level, KEY]), b.levels[level, TOTAL]


@inlined
def _refresh_top(address: int, book: int, period: int) -> None:
    """Bring the best quotes of one product up to date."""
    n = sizes_at(address)
    town = town_at(address, n)
    at = 2 * ((book - n.first_book) * n.periods + period)
    top = town.top
    top[book, period, 0], top[book, period, 1] = _best(n.book, at)
    top[book, period, 2], top[book, period, 3] = _best(n.book, at + 1)


@inlined
def _refuse(address: int, book: int, period: int, code: int) -> None:
    """Write a refusal down."""
    n = sizes_at(address)
    pen = pen_at(address, n)
    orders = orders_at(address)
    state, out = pen.state, pen.out
    c, j = orders, state[AT_ROW]
    row = c.fill[0]
    c.columns[1][row] = state[AT_SEQ]
    c.columns[2][row] = state[AT_NOW]
    c.columns[3][row] = book
    c.columns[4][row] = period
    c.columns[5][row] = out[j, OUT_ORDER]
    c.columns[6][row] = state[AT_AGENT]
    c.columns[7][row] = REFUSED
    c.columns[8][row] = out[j, OUT_SIDE]
    c.columns[9][row] = out[j, OUT_PRICE]
    c.columns[10][row] = out[j, OUT_QUANTITY]
    c.columns[11][row] = 0
    c.columns[12][row] = code
    c.fill[0] += 1
    c.fill[1] += 1


@inlined
def _write_command(address: int, action: int, book: int, period: int) -> int:
    n = sizes_at(address)
    pen = pen_at(address, n)
    commands = commands_at(address)
    state, out = pen.state, pen.out
    c, j = commands, state[AT_ROW]
    row, seq = c.fill[0], c.fill[1]
    c.columns[1][row] = state[AT_NOW]
    c.columns[2][row] = state[AT_AGENT]
    c.columns[3][row] = action
    c.columns[4][row] = book
    c.columns[5][row] = period
    c.columns[6][row] = out[j, OUT_ORDER]
    c.columns[7][row] = out[j, OUT_SIDE]
    c.columns[8][row] = out[j, OUT_PRICE]
    c.columns[9][row] = out[j, OUT_QUANTITY]
    c.columns[10][row] = out[j, OUT_FLAGS]
    c.fill[0] += 1
    c.fill[1] += 1
    return seq


@inlined
def _admit(address: int, action: int, book: int, period: int) -> int:
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    ring = ring_at(address, n)
    money = money_at(address, n)
    pen = pen_at(address, n)
    state, out = pen.state, pen.out
    j = state[AT_ROW]
    return market.admit(
        rules, town, ring, money.balance, money.reserved, money.credit_limit, state[AT_NOW],
        state[AT_AGENT], action, book, period, out[j, OUT_ORDER], out[j, OUT_SIDE], out[j, OUT_PRICE],
        out[j, OUT_QUANTITY], out[j, OUT_FLAGS],
    )  # fmt: skip


@inlined
def _place_order(address: int, book: int, period: int) -> int:
    """Give a new order its number and its row of the ring."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    ring = ring_at(address, n)
    pen = pen_at(address, n)
    state, out = pen.state, pen.out
    if state[AT_ORDER] == 0:
        pen.counts[ORDERS] += 1
        state[AT_ORDER] = pen.counts[ORDERS] << rules.stall_bits | n.stall
    order = state[AT_ORDER]
    if ring.order[market.row_of(rules, ring, order)] not in (0, order):
        return ROOM_RING
    market.note_order(rules, ring, order, state[AT_AGENT], book, period, out[state[AT_ROW], OUT_SIDE])
    return DONE


@inlined
def _step(address: int, action: int, book: int, period: int) -> int:
    """Take an admitted order command to the book; the book's answer."""
    n = sizes_at(address)
    pen = pen_at(address, n)
    state, out = pen.state, pen.out
    j = state[AT_ROW]
    kind, product, order, side, flags = _BOOK_REPLACE, 0, out[j, OUT_ORDER], 0, 0
    price_tick, quantity_wh = out[j, OUT_PRICE], out[j, OUT_QUANTITY]
    if action == SUBMIT:
        kind, product, order = _BOOK_SUBMIT, (book - n.first_book) * n.periods + period, state[AT_ORDER]
        side, flags = out[j, OUT_SIDE], out[j, OUT_FLAGS]
    elif action == CANCEL:
        kind, price_tick, quantity_wh = _BOOK_CANCEL, 0, 0
    return call_step(n.step, n.book, kind, product, order, state[AT_AGENT], side, price_tick, quantity_wh, flags, 0, 0)


@inlined
def _record(address: int, action: int) -> int:
    """Book what the order book has just reported, and write it down, if there is room."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    ring = ring_at(address, n)
    money = money_at(address, n)
    pen = pen_at(address, n)
    orders = orders_at(address)
    trades = trades_at(address)
    state, out = pen.state, pen.out
    b = columns_at(n.book)
    j = state[AT_ROW]
    fills, events = b.header[H_FILLS] - b.header[H_FIRST_FILL], b.header[H_EVENTS]
    if trades.fill[0] + fills > trades.capacity:
        state[AT_NEED] = fills
        return ROOM_TRADES
    if orders.fill[0] + events > orders.capacity:
        state[AT_NEED] = events
        return ROOM_ORDERS
    order = state[AT_ORDER] if action == SUBMIT else out[j, OUT_ORDER]
    row = market.row_of(rules, ring, order)
    book, period, side = ring.book[row], ring.period[row], ring.side[row]
    if fills != 0:
        first = b.header[H_FIRST_FILL]
        market.record_fills(
            rules, town, ring, money.reserved, notices_at(address, n),
            b.fills[first : first + fills], state[AT_SEQ], state[AT_NOW],
            state[AT_AGENT], side, trades.columns, trades.fill,
        )  # fmt: skip
        pen.counts[TRADES] += fills
    market.record_events(
        rules, town, ring, money.reserved, b.events[:events], state[AT_SEQ], state[AT_NOW], orders.columns,
        orders.fill,
    )  # fmt: skip
    _refresh_top(address, book, period)
    return DONE


@inlined
def _note(address: int, action: int, period: int) -> None:
    """Carry out what is no order: a nomination, limits of a battery."""
    n = sizes_at(address)
    town = town_at(address, n)
    pen = pen_at(address, n)
    agent, out, j = pen.state[AT_AGENT], pen.out, pen.state[AT_ROW]
    if action == NOMINATE:
        town.nominated_wh[agent, period] = out[j, OUT_QUANTITY]
    else:
        town.take_limit_wh[agent, period] = out[j, OUT_QUANTITY]
        town.give_limit_wh[agent, period] = out[j, OUT_FLAGS]


@inlined
def act(address: int, action: int) -> int:
    """Carry out the command in the row of `out` that the pen points at, or go on with it; say what keeps it."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    ring = ring_at(address, n)
    pen = pen_at(address, n)
    commands = commands_at(address)
    orders = orders_at(address)
    state, out = pen.state, pen.out
    j, agent, period = state[AT_ROW], state[AT_AGENT], pen.due[state[AT_LOOK]]
    place = out[j, OUT_BOOK]
    book = -1
    if place == 0:
        book = rules.feeder[agent]
    elif place == 1:
        book = rules.feeders
    if state[AT_PHASE] == ACTING:
        if commands.fill[0] >= commands.capacity:
            return ROOM_COMMANDS
        if orders.fill[0] >= orders.capacity:
            state[AT_NEED] = 1
            return ROOM_ORDERS
        state[AT_SEQ] = _write_command(address, action, book, period)
        state[AT_CHANGED] = 1
        code = _admit(address, action, book, period)
        if code != 0:
            _refuse(address, book, period, code)
            return DONE
        if action in (NOMINATE, BATTERY):
            _note(address, action, period)
            return DONE
        state[AT_PHASE], state[AT_ORDER] = ADMITTED, 0
    if state[AT_PHASE] == ADMITTED:
        if action == SUBMIT:
            need = _place_order(address, book, period)
            if need != DONE:
                return need
        answer = _step(address, action, book, period)
        if answer < 0:
            state[AT_NEED] = answer
            return BOOK_NEEDS
        code = answer & _CODE
        if code != 0:
            if action == SUBMIT:
                market.forget_order(rules, ring, state[AT_ORDER])
            _refuse(address, book, period, code)
            return DONE
        state[AT_PHASE] = CARRIED_OUT
    return _record(address, action)
