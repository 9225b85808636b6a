"""One wake as compiled code: an agent looks at its products and acts, straight into the order book and the journal.

Composed of the kernels of all rooms below; the rules stand there, once. What `World.wake` does in Python this does with
the same rows as its outcome. Where room runs short, or a command is rare, it returns a reason, and goes on from
the same place when it is called again: the pen remembers.
"""

# mypy: disable-error-code="no-any-return, call-arg, var-annotated"
# An element of an array is Any to mypy, and functions here return one; numba gives an intrinsic one argument more.

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba import njit

from wattbook.assets.kernel import forecast_on, last_update_ms, next_update_ms
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
from wattbook.book.kernel_machine import inlined, line, u
from wattbook.market import kernel as market
from wattbook.messages import (
    FOREVER,
    NO_PRICE,
    OUT_ACTION,
    OUT_BOOK,
    OUT_FLAGS,
    OUT_ORDER,
    OUT_PRICE,
    OUT_QUANTITY,
    OUT_ROWS,
    OUT_SIDE,
    REFUSED,
    Action,
    See,
)
from wattbook.world.kernel import observe_one, project_battery_one, project_group
from wattbook.world.kernel_ahead import COUNT, FIRST_BOARD, LATEST, MANY, board_of, look_ahead
from wattbook.world.kernel_board import (
    commands_at,
    minds_at,
    money_at,
    notices_at,
    orders_at,
    outlooks_at,
    pen_at,
    ring_at,
    rules_at,
    sights_at,
    sizes_at,
    storage_at,
    town_at,
    trades_at,
    wheel_at,
)
from wattbook.world.kernel_looks import call_look, call_step
from wattbook.world.kernel_wheel import PLACE, PLACE_BITS, first_key, put, remove, take
from wattbook.world.outlook import BATTERY_HORIZON_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.world.kernel_board import Minds

    Ints = NDArray[np.int64]

DONE, ROOM_COMMANDS, ROOM_ORDERS, ROOM_TRADES, ROOM_RING, BOOK_NEEDS, RARE, FAILED, LIVELOCK, NOTICE = range(10)
"""Why a wake returns."""
AT_PHASE, AT_AGENT, AT_NOW, AT_COUNT, AT_LOOK, AT_ROW, AT_CHANGED, AT_FRESH, AT_FIRST = range(9)
AT_SEQ, AT_ORDER, AT_NEED, AT_BEYOND, AT_LATER = range(9, 14)
ORDERS, TRADES = range(2)
_UNKNOWN: Final = -1
_IDLE, _LOOKING, _ACTING, _ADMITTED, _CARRIED_OUT = range(5)
MOST_WAKES_AT_ONCE: Final = 1_000
"""An agent that wakes so often in one millisecond will never let time pass."""
NO_ACTION: Final = 127
"""Stands in the journal for an action that is not in the language."""
_CODE: Final = HAS_FILLS - 1
_BOOK_SUBMIT, _BOOK_CANCEL, _BOOK_REPLACE = (
    int(kind) for kind in (words.Kind.SUBMIT, words.Kind.CANCEL, words.Kind.REPLACE)
)
_SUBMIT: Final = int(Action.SUBMIT)
_CANCEL: Final = int(Action.CANCEL)
_REPLACE: Final = int(Action.REPLACE)
_BATTERY: Final = int(Action.BATTERY)
_NOMINATE: Final = int(Action.NOMINATE)
_OPEN: Final = int(Action.OPEN)
_FIELDS: Final = len(See._fields)


# --- looking


@inlined
def _foresee(address: int, agent: int, now_ms: int, last: int) -> bool:
    """Bring the agent's expectations up to date as far as it will look; say whether there is news."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    sights = sights_at(address, n)
    storage = storage_at(address, n)
    outlooks = outlooks_at(address, n)
    o = outlooks
    current = (now_ms - rules.start_ms) // rules.period_ms
    horizon = min(current + BATTERY_HORIZON_MS // rules.period_ms, n.periods - 1)
    if storage.capacity_uwh[agent] != 0:
        last = max(last, horizon)
    last = min(last, n.periods - 1)
    if rules.is_utility[agent]:
        project_group(
            rules, town, sights, storage, o.load_base, o.generation_base, agent, current, last,
        )  # fmt: skip
    before_ms, updated_ms = o.updated_ms[agent], last_update_ms(now_ms, o.phase_ms[agent], n.every_ms)
    new = updated_ms > before_ms
    o.updated_ms[agent] = updated_ms
    # Foreseen once, a period stays as it is until the next update.
    first = current if new else max(current, o.foreseen[agent])
    if first <= last:
        known = o.foreseen[agent] - first if new else 0
        forecast_on(
            o.load_base[agent, first : last + 1], o.generation_base[agent, first : last + 1], o.scale_wh[agent],
            o.load_key[agent], o.own_key[agent],
            first, rules.start_ms + first * rules.period_ms, rules.period_ms, before_ms, updated_ms, known, o.table,
            o.cloud_ppm, o.load_raw[agent, first : last + 1], o.own_raw[agent, first : last + 1],
            sights.load_wh[agent, first : last + 1], sights.generation_wh[agent, first : last + 1],
            sights.sd_wh[agent, first : last + 1],
        )  # fmt: skip
    if new or first <= last:
        o.foreseen[agent] = last + 1
    return new


@inlined
def _earliest(minds: Minds, agent: int, first: int, last: int) -> int:
    """When the agent wants to look at one of the products `first` to before `last`."""
    at_ms = FOREVER
    for period in range(first, last):
        at_ms = min(at_ms, minds.look_ms[u(agent), u(period)])
    return at_ms


@inlined
def _begin(address: int, agent: int, now_ms: int) -> int:
    """Begin a wake: note which products are due for a look."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    pen.wakes[0] += 1
    if minds.woke_ms[agent] != now_ms:
        minds.woke_ms[agent] = now_ms
        minds.woke_often[agent] = 0
    minds.woke_often[agent] += 1
    if minds.woke_often[agent] > MOST_WAKES_AT_ONCE:
        return LIVELOCK
    state = pen.state
    state[AT_AGENT], state[AT_NOW], state[AT_COUNT], state[AT_LOOK], state[AT_CHANGED] = agent, now_ms, 0, 0, 1
    state[AT_PHASE] = _LOOKING
    if town.quarantined[agent]:
        state[AT_FIRST] = -1
        return DONE
    period_ms, start_ms = rules.period_ms, rules.start_ms
    first = -(-(now_ms - start_ms) // period_ms)
    ahead_ms = minds.look_ahead_ms[agent] + rules.closes_before_ms
    last = min((now_ms + ahead_ms - start_ms) // period_ms, n.opened - 1)
    fresh = minds.seen[agent] + 1
    minds.seen[agent] = n.opened - 1
    new = _foresee(address, agent, now_ms, max(last, n.opened - 1) if fresh < n.opened else last)
    count = 0
    beyond = max(last + 1, first)
    for period in range(first, min(beyond, n.opened)):
        if new or period >= fresh or minds.look_ms[agent, period] <= now_ms:
            pen.due[count] = period
            count += 1
    # Beyond its window an agent has seldom anything to do, and then finds there what it found at the wake's end.
    later_ms = _earliest(minds, agent, beyond, n.opened)
    if fresh < n.opened or later_ms <= now_ms:
        later_ms = _UNKNOWN
        for period in range(beyond, n.opened):
            if period >= fresh or minds.look_ms[agent, period] <= now_ms:
                pen.due[count] = period
                count += 1
    state[AT_COUNT], state[AT_FRESH], state[AT_FIRST] = count, fresh, first
    state[AT_BEYOND], state[AT_LATER] = beyond, later_ms
    return DONE


@inlined
def _look(address: int) -> bool:
    """Show the agent the next of its products; False if its policy failed."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    ring = ring_at(address, n)
    money = money_at(address, n)
    sights = sights_at(address, n)
    storage = storage_at(address, n)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    state = pen.state
    agent, now_ms, period = state[AT_AGENT], state[AT_NOW], pen.due[state[AT_LOOK]]
    if storage.capacity_uwh[agent] != 0:
        current = (now_ms - rules.start_ms) // rules.period_ms
        horizon = min(current + BATTERY_HORIZON_MS // rules.period_ms, n.periods - 1)
        is_new = state[AT_CHANGED] != 0
        project_battery_one(rules, town, sights, storage, agent, current, horizon, period, is_new, pen.scratch)
        state[AT_CHANGED] = 0
    observe_one(
        rules, town, ring, sights, money.balance, money.reserved, money.credit_limit, agent, period,
        state[AT_FRESH], now_ms, n.levy_tick, n.step_tick, pen.row,
    )  # fmt: skip
    pen.out[:] = 0
    done, delay = call_look(
        minds.look[agent], pen.row.ctypes.data, minds.memory[agent:].ctypes.data, minds.draw_key[agent],
        pen.out.ctypes.data,
    )  # fmt: skip
    if done == 0 or delay < 0:
        return False
    minds.look_ms[agent, period] = min(now_ms + min(delay, FOREVER), FOREVER)
    state[AT_ROW] = 0
    return True


# --- acting


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
    if action == _SUBMIT:
        kind, product, order = _BOOK_SUBMIT, (book - n.first_book) * n.periods + period, state[AT_ORDER]
        side, flags = out[j, OUT_SIDE], out[j, OUT_FLAGS]
    elif action == _CANCEL:
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
    order = state[AT_ORDER] if action == _SUBMIT else out[j, OUT_ORDER]
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
    if action == _NOMINATE:
        town.nominated_wh[agent, period] = out[j, OUT_QUANTITY]
    else:
        town.take_limit_wh[agent, period] = out[j, OUT_QUANTITY]
        town.give_limit_wh[agent, period] = out[j, OUT_FLAGS]


@inlined
def _act(address: int, action: int) -> int:
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
    if state[AT_PHASE] == _ACTING:
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
        if action in (_NOMINATE, _BATTERY):
            _note(address, action, period)
            return DONE
        state[AT_PHASE], state[AT_ORDER] = _ADMITTED, 0
    if state[AT_PHASE] == _ADMITTED:
        if action == _SUBMIT:
            need = _place_order(address, book, period)
            if need != DONE:
                return need
        answer = _step(address, action, book, period)
        if answer < 0:
            state[AT_NEED] = answer
            return BOOK_NEEDS
        code = answer & _CODE
        if code != 0:
            if action == _SUBMIT:
                market.forget_order(rules, ring, state[AT_ORDER])
            _refuse(address, book, period, code)
            return DONE
        state[AT_PHASE] = _CARRIED_OUT
    return _record(address, action)


@inlined
def _next_wake_ms(address: int, agent: int, now_ms: int) -> int:
    """Give the earliest of: a look that its policy asked for, its next forecast, the next gate opening."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    minds = minds_at(address, n)
    outlooks = outlooks_at(address, n)
    pen = pen_at(address, n)
    first, later_ms = pen.state[AT_FIRST], pen.state[AT_LATER]
    if first < 0:
        return FOREVER
    if later_ms == _UNKNOWN:
        at_ms = _earliest(minds, agent, first, n.opened)
    else:
        at_ms = min(_earliest(minds, agent, first, min(pen.state[AT_BEYOND], n.opened)), later_ms)
    if minds.look_ahead_ms[agent] > 0:
        at_ms = min(at_ms, next_update_ms(now_ms, outlooks.phase_ms[agent], n.every_ms))
    elif n.opened < n.periods:
        at_ms = min(at_ms, rules.opens_ms[n.opened] + outlooks.phase_ms[agent])
    return max(at_ms, now_ms)


@inlined
def _go_on(address: int) -> int:
    """Carry a wake on until it ends or something keeps it."""
    n = sizes_at(address)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    state = pen.state
    while state[AT_LOOK] < state[AT_COUNT]:
        if state[AT_PHASE] == _LOOKING:
            if not _look(address):
                return FAILED
            state[AT_PHASE] = _ACTING
        while state[AT_ROW] < OUT_ROWS:
            action = pen.out[state[AT_ROW], OUT_ACTION]
            if action == 0:
                break
            if action < 0 or action >= _OPEN:
                action = NO_ACTION
            if action not in (_SUBMIT, _CANCEL, _REPLACE, _NOMINATE, _BATTERY):
                return RARE
            reason = _act(address, action)
            if reason != DONE:
                return reason
            state[AT_PHASE] = _ACTING
            state[AT_ROW] += 1
        state[AT_PHASE] = _LOOKING
        state[AT_LOOK] += 1
    agent = state[AT_AGENT]
    minds.next_ms[agent] = _next_wake_ms(address, agent, state[AT_NOW])
    state[AT_PHASE] = _IDLE
    return DONE


@inlined
def _answer_notices(address: int, now_ms: int) -> bool:
    """Let those who were filled wake now; say whether some of them are left, whom Python wakes."""
    n = sizes_at(address)
    minds, notices = minds_at(address, n), notices_at(address, n)
    left = 0
    for i in range(notices.waits[0]):
        agent = notices.queue[i]
        if minds.look[agent] == 0:
            notices.queue[left] = agent
            left += 1
            continue
        notices.waiting[agent] = 0
        if minds.next_ms[agent] > now_ms:
            hasten_at(address, agent, now_ms)
    notices.waits[0] = left
    return left != 0


@njit(cache=True, nogil=True)
def hasten_at(address: int, agent: int, now_ms: int) -> None:
    """Let an agent that belongs on the wheel wake now."""
    n = sizes_at(address)
    wheel, minds = wheel_at(address, n), minds_at(address, n)
    if wheel.key[agent] >= 0:
        remove(wheel, agent)
    minds.next_ms[agent] = now_ms
    put(wheel, agent, now_ms - n.origin_ms, minds.place[agent])


# --- entries


@njit(cache=True, nogil=True)
def wake_at(address: int, agent: int, now_ms: int) -> int:
    """Wake one agent, or go on with its wake; 0 when it is over and its column tells the next, else what keeps it."""
    if pen_at(address, sizes_at(address)).state[AT_PHASE] == _IDLE:
        reason = _begin(address, agent, now_ms)
        if reason != DONE:
            return reason
    return _go_on(address)


@njit(cache=True, nogil=True)
def run_at(round_at: int, until_ms: int, until_place: int) -> int:
    """Wake agents in the order of (time, place) while they come before (`until_ms`, `until_place`).

    Parameters
    ----------
    round_at : int
        Address of: the number of boards, the one whose wake was the latest, and the boards' addresses, by stall where
        there are several. They have one wheel.

    Returns
    -------
    int
        0 when nobody comes before the limit. Otherwise what keeps the wake that has begun.
    """
    count = line(round_at, FIRST_BOARD)[COUNT]
    table = line(round_at, FIRST_BOARD + count)
    boards = table[FIRST_BOARD:]
    first = boards[0]
    n = sizes_at(first)
    wheel, minds, notices, rules = wheel_at(first, n), minds_at(first, n), notices_at(first, n), rules_at(first, n)
    origin_ms = n.origin_ms
    limit = (until_ms - origin_ms) << PLACE_BITS | until_place
    address = boards[table[LATEST]]
    state = pen_at(address, n).state
    while True:
        if state[AT_PHASE] == _IDLE:
            key = first_key(wheel, n.end_ms - origin_ms)
            if key < 0 or key >= limit:
                return DONE
            agent = minds.agent_at[key & PLACE]
            take(wheel, agent)
            table[LATEST] = board_of(count, rules, agent)
            address = boards[table[LATEST]]
            state = pen_at(address, n).state
            state[AT_AGENT], state[AT_NOW] = agent, origin_ms + (key >> PLACE_BITS)
            if n.agents > MANY:
                look_ahead(boards, n, rules, wheel, minds, -(-(state[AT_NOW] - rules.start_ms) // rules.period_ms))
        agent = state[AT_AGENT]
        reason = wake_at(address, agent, state[AT_NOW])
        if reason != DONE:
            return reason
        now_ms = state[AT_NOW]
        if minds.next_ms[agent] <= n.end_ms:
            put(wheel, agent, minds.next_ms[agent] - origin_ms, minds.place[agent])
        if notices.waits[0] != 0 and _answer_notices(address, now_ms):
            return NOTICE


@njit(cache=True, nogil=True)
def answer_at(address: int, now_ms: int) -> bool:
    """Let those who were filled wake now, as after each wake; say whether some of them are left, whom Python wakes."""
    return _answer_notices(address, now_ms)


@njit(cache=True, nogil=True)
def put_all_at(address: int, members: Ints) -> None:
    """Put those of `members` (any,) who have a compiled policy on an empty wheel."""
    n = sizes_at(address)
    wheel, minds = wheel_at(address, n), minds_at(address, n)
    for agent in members:
        if minds.look[agent] != 0 and minds.next_ms[agent] <= n.end_ms:
            put(wheel, agent, minds.next_ms[agent] - n.origin_ms, minds.place[agent])


@njit(cache=True, nogil=True)
def first_key_at(address: int) -> int:
    """Key of who comes next on the wheel, -1 for nobody."""
    n = sizes_at(address)
    return first_key(wheel_at(address, n), n.end_ms - n.origin_ms)
