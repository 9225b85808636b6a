"""Figures are computed a few periods or events at a time; here they are computed again row by row, in plain Python."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import numpy as np
import pytest

from wattbook import Scenario, city, utility
from wattbook.book.words import Event
from wattbook.journal import Journal
from wattbook.messages import BUY, SELL, Action, Cause, House, Venue, streams_of
from wattbook.results import energy, folder, liquidity, record
from wattbook.results.answers import answers, outcomes
from wattbook.results.energy import attendance, energy_errors, meter_sums, readings
from wattbook.results.metrics import metrics
from wattbook.results.money import money_errors, money_of
from wattbook.results.record import Record
from wattbook.results.tables import TABLES
from wattbook.units import QUANTA_PER_CENT, eur_per_mwh

LOOK_MS, LOOKS = 300_000, 24


@pytest.fixture(scope="module")
def run():
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    town = city("town", homes=24, homes_per_feeder=8)
    return Scenario(start="2016-06-06", days=1, hours=15, agents=[town, supplier]).run(seed=5, baseline=False)


def held(run):
    streams = {name: dict(run.record.streams[name]) for name in run.record.streams}
    return Record(run.record.header, streams, run.record.fingerprint)


def rows_of(columns):
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]


def cut_anew(run, rows):
    """The same run over a journal whose frames have `rows` rows."""
    journal = Journal(streams_of(run.record.header), run.record.header, chunk_rows=rows)
    for name in run.record.streams:
        columns = dict(run.record.streams[name])
        del columns["seq"]
        journal.extend(name, columns)
    return Record.over(journal)


@pytest.mark.parametrize("rows", [61, 1_000])
def test_figures_and_tables_are_the_same_however_frames_and_pieces_are_cut(run, rows, monkeypatch):
    expected = metrics(held(run), None, {})
    tables = {name: TABLES[name](held(run), None) for name in TABLES}
    again = cut_anew(run, rows)
    assert metrics(again, None, {}) == expected
    monkeypatch.setattr(record, "BLOCK_ROWS", 37)
    again = cut_anew(run, rows)
    assert metrics(again, None, {}) == expected
    assert all(TABLES[name](again, None).equals(tables[name]) for name in TABLES)


def test_saving_writes_the_tables_that_are_written_one_by_one(run, tmp_path):
    saved = run.save(tmp_path / "run")
    for name, path in folder.TABLE_NAMES.items():
        with (tmp_path / "again").open("wb") as file:
            folder.write_table(name, held(run), None, file)
        assert (saved / path).read_bytes() == (tmp_path / "again").read_bytes()


# --- the meters


def simple_energy_errors(record):
    """What `energy_errors` says of a run, row by row."""
    place, shared = record.place, rows_of(record.shares)
    meters = sorted(rows_of(record.streams["meters"]), key=lambda row: (row["period"], row["seq"]))
    read = {(row["agent"], row["period"]) for row in meters}
    settled = set(range(place.periods)) if record.complete else {period for _, period in read}
    net, stray = defaultdict(int), 0
    for deal in rows_of(record.streams["trades"]):
        for side, sign in (("buyer", 1), ("seller", -1)):
            key = deal[side], deal["period"]
            if place.venues[deal["book"]] != Venue.WHOLESALE:
                net[key] += sign * deal["quantity_wh"]
                if key not in read and deal["period"] in settled and place.kinds[deal[side]] != "trader":
                    stray += deal["quantity_wh"]
    assert not shared
    errors = dict.fromkeys(("node", "trades", "battery", "groups", "flows"), 0)
    errors["trades"] = stray + len(meters) - len(read)
    charge = {agent: int(soc) * 1_000_000 for agent, soc in enumerate(place.soc_start_wh)}
    residual, flow = defaultdict(int), defaultdict(int)
    for row in meters:
        agent, period, billed = row["agent"], row["period"], row["traded_wh"] + row["residual_wh"]
        needed = row["load_wh"] + row["charge_wh"] - row["generation_wh"] - row["discharge_wh"]
        errors["node"] += abs(needed - billed)
        errors["trades"] += abs(row["traded_wh"] - net.pop((agent, period), 0))
        added = row["charge_wh"] * place.charge_ppm[agent] - row["discharge_wh"] * place.removal[agent]
        charge[agent] += int(added)
        errors["battery"] += abs(row["soc_wh"] * 1_000_000 - charge[agent]) // 1_000_000
        errors["battery"] += max(-row["soc_wh"], 0) + max(row["soc_wh"] - int(place.capacity_wh[agent]), 0)
        if place.utility[agent] >= 0:
            residual[int(place.supplier[place.utility[agent]]), period] += row["residual_wh"]
        flow[period] += max(billed, 0)
    for row in rows_of(record.streams["groups"]):
        errors["groups"] += abs(row["nominated_wh"] + row["deviation_wh"] - row["metered_wh"])
        residual[row["utility"], row["period"]] -= row["metered_wh"]
    for row in rows_of(record.streams["flows"]):
        flow[row["period"]] -= row["flow_wh"]
    errors["groups"] += sum(map(abs, residual.values()))
    errors["flows"] = sum(map(abs, flow.values()))
    return errors


def bent(record, rng, lost=0, twice=0, changed=0, shuffled=False):
    """The same run with some rows of the meters and the trades lost, told twice, changed, or in another order."""
    streams = {name: dict(columns) for name, columns in record.streams.items()}
    for stream, numbers in (
        ("meters", [name for name in streams["meters"] if name.endswith("_wh")]),
        ("trades", ["quantity_wh", "buyer", "period"]),
        ("groups", ["metered_wh", "nominated_wh", "utility"]),
        ("flows", ["flow_wh"]),
    ):
        count = len(streams[stream]["seq"])
        rows = np.sort(np.concatenate([np.arange(count), rng.integers(0, count, twice)]))
        rows = np.delete(rows, rng.integers(0, len(rows), lost))
        rows = rng.permutation(rows) if shuffled else rows
        streams[stream] = {name: column[rows] for name, column in streams[stream].items()}
        streams[stream]["seq"] = np.arange(len(rows))
        for _ in range(changed):
            column = streams[stream][str(rng.choice(numbers))]
            low, high = (0, 2) if column.dtype == np.int32 else (-3_000, 3_000)
            column[rng.integers(0, len(rows))] = rng.integers(low, high)
    return Record(record.header, streams, record.fingerprint, complete=bool(rng.integers(2)))


@pytest.mark.parametrize("seed", range(12))
def test_energy_errors_are_those_that_are_counted_row_by_row(run, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    lost, twice, changed = (int(number) for number in rng.integers(0, 4, 3))
    record = bent(held(run), rng, lost, twice, changed, shuffled=seed % 3 == 2)
    again = Record(record.header, record.streams, record.fingerprint, record.complete)
    if seed % 4 == 3:  # traders of a laboratory trade unmetered
        kinds = ("trader", "trader", *record.place.kinds[2:])
        record.__dict__["place"] = again.__dict__["place"] = dataclasses.replace(record.place, kinds=kinds)
    expected = simple_energy_errors(record)
    assert energy_errors(record) == expected
    monkeypatch.setattr(Record.blocks, "__defaults__", (83,))
    assert energy_errors(again) == expected


def test_errors_are_found_at_all(run):
    found = energy_errors(bent(held(run), np.random.default_rng(1), lost=2, twice=2, changed=5))
    assert all(found.values())
    assert not any(energy_errors(held(run)).values())


@pytest.mark.parametrize("rows", [7, 25, 83, 1 << 16])
def test_readings_come_in_whole_periods_and_none_is_lost(run, rows, monkeypatch):
    monkeypatch.setattr(Record.blocks, "__defaults__", (rows,))
    parts = list(readings(held(run), "load_wh"))
    periods = [set(part.rows["period"].tolist()) for part in parts]
    assert all(periods)
    assert sum(map(len, periods)) == len(set.union(*periods)) == 60
    for name in ("period", "agent", "load_wh"):
        together = np.concatenate([part.rows[name] for part in parts])
        assert np.array_equal(together, run.record.streams["meters"][name])


def in_another_order(run):
    return bent(held(run), np.random.default_rng(3), lost=5, shuffled=True)


def of_somebody_else(run):
    """As many readings in each period, in one of them an agent that no other has."""
    record = held(run)
    meters = record.streams["meters"]
    meters["agent"] = meters["agent"].copy()
    meters["agent"][meters["agent"] == meters["agent"][30]] = np.where(np.arange(60) == 7, 0, meters["agent"][30])
    return record


def one_more_and_one_less(run):
    record = held(run)
    meters = record.streams["meters"]
    meters["period"] = meters["period"].copy()
    meters["period"][24 * 3] = 2
    return record


@pytest.mark.parametrize("bend", [held, in_another_order, of_somebody_else, one_more_and_one_less])
def test_sums_by_agent_and_by_period_are_those_of_the_rows(run, bend):
    record = bend(run)
    sums, rows = meter_sums(record), rows_of(record.streams["meters"])
    assert attendance(record).by_period is (bend is not in_another_order)
    for agent in range(record.place.agents):
        mine = [row for row in rows if row["agent"] == agent]
        assert sums.by_agent["load_wh"][agent] == sum(row["load_wh"] for row in mine)
        assert sums.by_agent["residual_in_wh"][agent] == sum(max(row["residual_wh"], 0) for row in mine)
        billed = [row["traded_wh"] + row["residual_wh"] for row in mine]
        assert sums.by_agent["injection_wh"][agent] == sum(max(-wh, 0) for wh in billed)
    for period in range(record.place.periods):
        mine = [row for row in rows if row["period"] == period]
        assert sums.load_wh[period] == sum(row["load_wh"] for row in mine)
        assert sums.generation_wh[period] == sum(row["generation_wh"] for row in mine)
        assert sums.stored_wh[period] == sum(row["charge_wh"] - row["discharge_wh"] for row in mine)


def test_the_order_of_rows_is_looked_at_across_blocks_as_well(run, monkeypatch):
    meters = held(run).streams["meters"]
    half = len(meters["seq"]) // 2
    monkeypatch.setattr(Record.blocks, "__defaults__", (half,))
    for rows, by_period, by_agent in (
        (np.arange(2 * half), True, True),
        (np.roll(np.arange(2 * half), half), False, False),
        (np.sort(np.arange(2 * half).reshape(-1, 24), axis=1)[:, ::-1].reshape(-1), True, False),
    ):
        streams = {"meters": {name: column[rows] for name, column in meters.items()}}
        seen = attendance(Record(run.record.header, streams, ""))
        assert (seen.by_period, seen.by_agent) == (by_period, by_agent)


def test_a_run_that_read_no_meter_has_readings_of_no_rows(run):
    record = held(run)
    record.streams["meters"] = {name: column[:0] for name, column in record.streams["meters"].items()}
    assert [len(part.metered_wh) for part in readings(record, "traded_wh", "residual_wh")] == [0]
    assert energy.soc_end(record).tolist() == record.place.soc_start_wh.tolist()


# --- the orders


def random_orders(story, rng, count):
    """Orders of two books and three periods that come, change, trade and go, at random."""
    about = {"feeder": "north", "utility": "U", "vat": 0}
    town = story.Town({"A": about, "B": about}, {"U": (15_000, 8_000)}, periods=3)
    alive, born = {}, 0
    for now in np.sort(rng.integers(town.gate(0) - 26 * LOOK_MS, town.gate(2) + LOOK_MS, count)).tolist():
        if alive and rng.integers(3):
            number = int(rng.choice(sorted(alive)))
            book, period, side, price, left = alive.pop(number)
            event, limit = Event.CANCELLED, price
            match int(rng.integers(3)):
                case 0 if left > 1:
                    event, left, limit = Event.FILLED, int(rng.integers(1, left)), price + 7
                case 1:
                    price = limit = int(rng.integers(100, 120))
                    event, left = Event.REPLACED, int(rng.integers(1, 50))
                case _:
                    left = 0
            town.event(0, now, "A", number, event, limit, 1, left, side, book, period)
            if left:
                alive[number] = book, period, side, price, left
        else:
            born += 1
            book, period = ("north", "district")[rng.integers(2)], int(rng.integers(3))
            side, price, left = (BUY, SELL)[rng.integers(2)], int(rng.integers(100, 120)), int(rng.integers(1, 50))
            # An order of a number that another book has as well.
            number = born // 2 * 2 if book == "north" else born
            if number in alive:
                number = 1_000_000 + born
            town.event(0, now, "A", number, Event.ACCEPTED, price, left, left, side, book, period)
            alive[number] = book, period, side, price, left
        if not rng.integers(9):
            town.refuse(now, "B", 110)
    return town.record()


def simple_looks(record):
    """What `look` sees, by keeping every order in a dictionary."""
    place, orders = record.place, {}
    shape = len(place.books) * place.periods, LOOKS
    bid, ask, depth = np.full(shape, -(1 << 62)), np.full(shape, 1 << 62), np.zeros(shape, np.int64)
    events = [row for row in rows_of(record.streams["orders"]) if row["code"] == 0]
    gates = place.gate_ms(np.arange(place.periods)).tolist()
    looks = sorted(
        (gate - LOOKS * LOOK_MS + n * LOOK_MS, period, n) for period, gate in enumerate(gates) for n in range(LOOKS)
    )
    for at_ms, period, number in looks:
        while events and events[0]["time_ms"] <= at_ms:
            row = events.pop(0)
            key = row["book"], row["order"]
            price = orders[key][2] if key in orders else None
            if row["event"] in (Event.ACCEPTED, Event.REPLACED):
                price = row["price_tick"]
            orders[key] = row["period"], row["side"], price, row["remaining_wh"]
        for (book, _), (of, side, price, left) in orders.items():
            if of == period and left > 0:
                place_of = book * place.periods + period, number
                depth[place_of] += left
                if side == BUY:
                    bid[place_of] = max(bid[place_of], price)
                else:
                    ask[place_of] = min(ask[place_of], price)
    return bid, ask, depth


@pytest.mark.parametrize("seed", range(8))
def test_books_are_seen_as_somebody_sees_them_who_keeps_every_order(story, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    record = random_orders(story, rng, 400)
    expected = simple_looks(record)
    assert (expected[2] > 0).any()
    for rows in (1, 13, 1 << 17):
        monkeypatch.setattr(liquidity, "_EVENTS_ROWS", rows)
        assert all(np.array_equal(a, b) for a, b in zip(liquidity.look(record), expected, strict=True))


def test_numbers_of_orders_may_lie_as_far_apart_as_they_like(story):
    record = random_orders(story, np.random.default_rng(2), 300)
    orders = record.streams["orders"]
    near = liquidity.look(record)
    streams = {**record.streams, "orders": {**orders, "order": orders["order"] * ((1 << 61) // orders["order"].max())}}
    far = liquidity.look(Record(record.header, streams, record.fingerprint))
    assert all(np.array_equal(a, b) for a, b in zip(near, far, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_answers_are_the_first_refusals_of_each_command(story, seed):
    rng = np.random.default_rng(seed)
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)})
    commands = [town.command(0, "A", Action.SUBMIT) for _ in range(40)]
    told, accepted, refused = {}, 0, 0
    for seq in np.sort(rng.choice(commands, 60)).tolist():
        code = int(rng.choice([0, 0, 110, 111, 112]))
        town.event(seq, 0, "A", 1, Event.ACCEPTED, 1, 1, 1, code=code)
        accepted, refused = accepted + (code == 0), refused + (code != 0)
        if code:
            told.setdefault(seq, code)
    record = town.record()
    assert answers(record)[:2] == (accepted, refused)
    for part in (commands, commands[7:19], commands[3::5], []):
        assert outcomes(record, np.array(part, np.int64)).tolist() == [told.get(seq, 0) for seq in part]


# --- the postings


def random_postings(story, rng, bills):
    """Transfers between accounts and bills that leave cents, or nearly so."""
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)}, periods=4)
    accounts = [*town.names, *(house.name for house in House)]
    for _ in range(bills):
        for _ in range(int(rng.integers(1, 20))):
            seq = town.command(0, -1, Action.SETTLE)
            who = {str(name): int(rng.integers(-(10**9), 10**9)) for name in rng.choice(accounts, 2)}
            cause = [Cause.RETAIL, Cause.TRADE, Cause.ENDOWMENT][rng.integers(3)]
            town.post(
                seq, int(rng.integers(-1, 4)), cause, who, town.house(House.UPSTREAM) if rng.integers(4) else None
            )
        if rng.integers(4):
            town.bill()
        else:
            town.command(0, -1, Action.BILL)
    town.post(town.command(0, -1, Action.SETTLE), 0, Cause.VAT, {"A": 12_345}, town.house(House.STATE))
    return town.record()


def simple_money_errors(record):
    """What `money_errors` says of a run without trades, row by row; and all postings by account and cause."""
    total = np.zeros((len(record.place.accounts), len(Cause)), np.int64)
    rounding = record.place.house(House.ROUNDING)
    transfers, owed, error = defaultdict(int), defaultdict(int), 0
    postings = rows_of(record.streams["postings"])
    bills = [row["seq"] for row in rows_of(record.streams["commands"]) if row["action"] == Action.BILL]
    for bill in [*bills, 1 << 60]:
        kept = 0
        while postings and postings[0]["command"] <= bill:
            row = postings.pop(0)
            total[row["account"], row["cause"]] += row["amount"]
            transfers[row["transfer"]] += row["amount"]
            if row["cause"] in (Cause.TRADE, Cause.SHARE):
                owed[row["account"], row["period"]] += row["amount"]
            if row["command"] == bill and row["account"] == rounding:
                kept += row["amount"]
        if bill < 1 << 60:
            cents = [int(money) % QUANTA_PER_CENT for money in total.sum(axis=1)]
            error += sum(cents) - cents[rounding] + max(0, abs(kept) - len(cents) * QUANTA_PER_CENT // 2)
    sums = {"transfers": transfers, "trades": owed}
    return {**{name: sum(map(abs, each.values())) for name, each in sums.items()}, "rounding": error}, total


@pytest.mark.parametrize("seed", range(8))
def test_money_errors_are_those_that_are_counted_row_by_row(story, seed, monkeypatch):
    record = random_postings(story, np.random.default_rng(seed), bills=seed)
    expected, total = simple_money_errors(record)
    assert money_errors(record) == expected
    assert np.array_equal(money_of(record), total)
    monkeypatch.setattr(Record.blocks, "__defaults__", (5,))
    again = Record(record.header, record.streams, record.fingerprint)
    assert np.array_equal(money_of(again), total)
    assert money_errors(Record(record.header, record.streams, record.fingerprint)) == expected
