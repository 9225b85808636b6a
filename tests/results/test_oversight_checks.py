"""The laws of the regulator are counted again, from the journal and from the tables; each planted breach is named."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook import Regulator
from wattbook.errors import CorruptError
from wattbook.journal import Journal
from wattbook.messages import Action, Cause, House, streams_of
from wattbook.oversight import Item, Sanction
from wattbook.regulator import RECORD, Known, Rules, inspect, whole
from wattbook.results import Record, Run, recount, verify
from wattbook.results.folder import describe, digest_of, manifest_bytes, paths_of, write_table
from wattbook.results.metrics import metrics
from wattbook.results.oversight_checks import commands_said, decision_faults, sanction_faults
from wattbook.results.record import header_faults, stream_faults
from wattbook.results.regulatory_record import record_columns
from wattbook.units import hours

QUESTIONS = (
    "journal.wbj: the regulator's decisions follow from its record",
    "journal.wbj: fines and refunds are what was decided",
)


def first(rows, column, value):
    return int(np.flatnonzero(rows[column] == value)[0])


def drop(streams, stream, row):
    streams[stream] = {name: np.delete(column, row) for name, column in streams[stream].items()}
    streams[stream]["seq"] = np.arange(len(streams[stream]["seq"]))


# --- sound runs


def test_a_sound_run_keeps_every_law(k1, k1_days):
    for record in (k1.record, k1.baseline, k1_days.record):
        assert commands_said(record)
        assert list(decision_faults(record)) == []
        assert list(sanction_faults(record)) == []


@pytest.mark.parametrize("which", ["k1", "k1_days"])
def test_verify_and_recount_ask_about_the_regulator(which, request, tmp_path):
    run = request.getfixturevalue(which)
    folder = run.save(tmp_path / "run")
    asked = verify(folder)
    assert set(QUESTIONS) <= set(asked)
    assert (run.baseline is not None) == ("baseline.wbj: fines and refunds are what was decided" in asked)
    counted = recount(folder)
    assert [line for line in counted if line.startswith("spot: ")]
    assert "sanctions: fines are paid" in counted


def test_a_run_with_mitigated_asks_is_recounted(k1_days):
    """The second day's asks of M count as 100, so that its prices are the competitive ones."""
    assert k1_days.spot["price_tick"].to_list() == [30_000] * 24 + [11_000] * 24
    assert set(k1_days.sanctions["kind"]) == {"fine", "mitigation"}


@pytest.mark.parametrize("persona", ["observer", "lenient", "strict"])
def test_other_regulators_decide_as_their_record_gives(monopoly, persona):
    regulator = Regulator(persona=persona, rules=["gouging"], latency=hours(1), review=hours(3))
    record = monopoly(regulator, offer=350, days=2).run(3, baseline=False).record
    assert bool(commands_said(record)) == (persona != "observer")
    assert list(decision_faults(record)) == list(sanction_faults(record)) == []


def first_step(case):
    """Choose the mildest sanction, and fail at every second finding."""
    if case.number % 2:
        raise ArithmeticError
    return case.open[:1]


def test_what_a_judge_chose_is_taken_as_told_and_all_else_made_again(monopoly, bent):
    regulator = Regulator(judge=first_step, rules=["gouging"], latency=hours(0), review=hours(3))
    record = monopoly(regulator, days=1).run(3, baseline=False).record
    assert set(record.streams["sanctions"]["kind"].tolist()) > {Sanction.WARNING}
    assert list(decision_faults(record)) == list(sanction_faults(record)) == []
    assert list(decision_faults(bent(record, dearer_spot)))


def test_a_hearing_delays_what_is_said_and_no_law(monopoly):
    regulator = Regulator(rules=["gouging"], latency=hours(0), review=hours(5), hearing=hours(7), money_to="treasury")
    record = monopoly(regulator, days=1).run(3, baseline=False).record
    assert {command.action for command in commands_said(record)} >= {Action.FINE, Action.MITIGATE}
    assert list(decision_faults(record)) == list(sanction_faults(record)) == []


def test_a_run_that_was_stopped_is_held_to_what_it_came_to(k1_days):
    """Cut off anywhere, the journal holds no decision that its record does not give."""
    record = k1_days.record
    count = len(record.streams["commands"]["seq"])
    for end in range(40, count, 61):
        streams = {}
        for name in record.streams:
            rows = record.streams[name]
            kept = rows.get("command", rows["seq"]) < end
            streams[name] = {key: column[kept] for key, column in rows.items()}
        cut = Record(record.header, streams, record.fingerprint, complete=False)
        assert list(decision_faults(cut)) == []


# --- planted breaches


def less_fined(_, streams):
    streams["sanctions"]["amount"][0] -= 100


def more_taken_back(_, streams):
    streams["sanctions"]["disgorged"][0] += 100


def fine_beyond_turnover(_, streams):
    streams["sanctions"]["amount"][0] += 10**9


def fine_beyond_the_cap(header, _):
    header["regulator"]["rules"]["cap_per_offence"] = 1_000


def evidence_dropped(_, streams):
    drop(streams, "evidence", first(streams["evidence"], "item", Item.GAIN))


def measure_dropped(_, streams):
    drop(streams, "evidence", first(streams["evidence"], "item", Item.RSI_PPM))


def measure_changed(_, streams):
    streams["evidence"]["value"][first(streams["evidence"], "item", Item.COUNTERFACTUAL_TICK)] += 1


def longer_mitigation(_, streams):
    streams["sanctions"]["until_ms"][1] += 1


def no_offence(_, streams):
    streams["evidence"]["item"][streams["evidence"]["item"] == Item.OFFENCE] = Item.COUNT


def offence_found_twice(_, streams):
    rows = streams["evidence"]
    rows["value"][(rows["item"] == Item.OFFENCE) & (rows["finding"] == 1)] = 0


def second_fine(_, streams):
    streams["sanctions"]["kind"][1] = Sanction.FINE


def of_somebody_else(_, streams):
    streams["sanctions"]["agent"][1] = 0


def paid_warning(_, streams):
    streams["sanctions"]["kind"][0] = Sanction.WARNING


def fine_posted_on_another(_, streams):
    row = first(streams["postings"], "cause", Cause.FINE)
    streams["postings"]["account"][row] = 0


def refund_kept_back(_, streams):
    rows = np.flatnonzero(streams["postings"]["cause"] == Cause.REFUND)
    streams["postings"]["amount"][rows] //= 2


def refund_not_posted(_, streams):
    drop(streams, "postings", streams["postings"]["cause"] == Cause.REFUND)


def treasury_sells(header, streams):
    treasury = header["accounts"].index(House.TREASURY.name)
    row = first(streams["postings"], "cause", Cause.SPOT)
    streams["postings"]["account"][row] = treasury


BREACHES = {
    less_fined: "R6: a fine of -1395000000 on M",
    more_taken_back: "R1: the fine of finding 0 takes back",
    fine_beyond_turnover: "R1: the fine of finding 0 is beyond the share of turnover",
    fine_beyond_the_cap: "R1: the fine of finding 0 is beyond the cap per offence",
    evidence_dropped: "R5: finding 0: gain is",
    measure_dropped: "R5: row 7 of evidence is not what the regulator said",
    measure_changed: "R5: row 15 of evidence is not what the regulator said",
    longer_mitigation: "R5: row 1 of sanctions is not what the regulator said",
    no_offence: "R5: finding 0 names no offence",
    offence_found_twice: "R2: offence 0 of agent 2 under gouging is found 7 times",
    second_fine: "R2: finding 0 is followed by a second fine",
    of_somebody_else: "R2: the mitigation of finding 0 is about another agent",
    paid_warning: "R1: the warning of finding 0 takes money",
    fine_posted_on_another: "was not decided",
    refund_kept_back: "R6: a refund of",
    refund_not_posted: "is not posted",
    treasury_sells: "R6: the treasury has",
}


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_a_breach_is_named(k1, k1_days, bent, breach):
    run = k1_days if breach is offence_found_twice else k1
    faults = list(sanction_faults(bent(run.record, breach)))
    assert any(BREACHES[breach] in fault for fault in faults), faults


def fine_command(_, streams):
    row = first(streams["commands"], "action", Action.FINE)
    streams["commands"]["quantity_wh"][row] += 1


def finding_left_out(_, streams):
    row = first(streams["commands"], "action", Action.REFUND)
    streams["commands"]["agent"][row] = 0


def dearer_spot(_, streams):
    streams["spot"]["price_tick"][0] += 500


def other_offer(_, streams):
    rows = streams["commands"]
    mine = np.flatnonzero((rows["action"] == Action.OFFER) & (rows["price_tick"] == 30_000))
    rows["price_tick"][mine[0]] = 9_000


def softer_rules(header, _):
    header["regulator"]["rules"]["punitive_ppm"] //= 2


def other_reference(header, _):
    header["regulator"]["reference_tick"]["M"] = [10_100]


@pytest.mark.parametrize(
    "change",
    [fine_command, finding_left_out, dearer_spot, other_offer, softer_rules, other_reference],
    ids=lambda change: change.__name__,
)
def test_a_decision_that_the_record_does_not_give_is_named(k1, bent, change):
    (fault,) = decision_faults(bent(k1.record, change))
    assert fault.startswith("R5: the regulator's command ")


def test_the_first_decision_that_differs_is_told_in_words(k1, bent):
    (fault,) = decision_faults(bent(k1.record, fine_command))
    assert "finding 0: fine of 13.95 EUR, of which 9.20 EUR gain; given: finding 0: fine of 13.95 EUR" in fault
    (fault,) = decision_faults(bent(k1.record, dearer_spot))
    assert "found gouging by M: gain 9.20," in fault


# --- whole folders, mended


def forge(folder, record):
    """Write a sound journal of another record's rows, and everything else to match."""
    (folder / "journal.wbj").unlink()
    with Journal(streams_of(record.header), record.header, sink=folder / "journal.wbj") as journal:
        for stream, columns in record.streams.items():
            journal.extend(stream, {name: column for name, column in columns.items() if name != "seq"})
    forged = Record(record.header, record.streams, journal.fingerprint())
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for table, path in paths_of(forged).items():
        with (folder / path).open("wb") as sink:
            write_table(table, forged, None, sink)
    manifest["files"] = {name: describe((folder / name).read_bytes()) for name in manifest["files"]}
    manifest |= {"fingerprint": forged.fingerprint, "metrics": metrics(forged, None, manifest["metrics"])}
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))


@pytest.fixture
def saved(k1, tmp_path):
    return Run(k1.record, None, {**k1.info, "complete": True}).save(tmp_path / "run")


def lenient(_, streams):
    """Fine M a EUR less in every row that tells of it, so that all of it balances."""
    less = 10**8
    row = first(streams["commands"], "action", Action.FINE)
    streams["commands"]["quantity_wh"][row] -= less
    streams["sanctions"]["amount"][0] -= less
    rows = streams["postings"]
    for place in np.flatnonzero(rows["cause"] == Cause.FINE):
        rows["amount"][place] -= less * int(np.sign(rows["amount"][place]))


def test_a_smaller_fine_that_balances_in_itself_is_still_found(k1, saved, bent):
    forge(saved, bent(k1.record, lenient))
    recount(saved)
    with pytest.raises(CorruptError) as caught:
        verify(saved)
    (fault,) = caught.value.problems
    assert fault.startswith("journal.wbj: R5: the regulator's command ")


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_no_breach_passes_verify(k1, k1_days, bent, breach, tmp_path):
    run = k1_days if breach is offence_found_twice else k1
    folder = Run(run.record, None, {**run.info, "complete": True}).save(tmp_path / "run")
    forge(folder, bent(run.record, breach))
    with pytest.raises(CorruptError) as caught:
        verify(folder)
    assert any(BREACHES[breach] in fault for fault in caught.value.problems), caught.value.problems


def bend_table(folder, table, change):
    """Change a table and mend its hash, so that only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path)
    bent = change(frame)
    assert not bent.equals(frame)
    bent.write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][f"tables/{table}.parquet"] = describe(path.read_bytes())
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))


def where(column, value, target, change):
    return pl.when(pl.col(column) == value).then(change).otherwise(pl.col(target)).alias(target)


BENT = [
    ("findings", pl.col("gain") + 1, "findings: gain, overcharge and harm"),
    ("evidence", where("item", "harm", "value", pl.col("value") + 1), "findings: gain, overcharge and harm"),
    ("evidence", where("item", "offence", "value", pl.lit(0)), "evidence: an offence stands in one finding"),
    ("sanctions", pl.col("finding") + 1, "sanctions: each follows from a finding, once"),
    ("sanctions", pl.lit("fine").alias("kind"), "sanctions: each follows from a finding, once"),
    ("sanctions", where("kind", "fine", "amount", pl.col("amount") + 10**10), "fines are the gain and no more"),
    ("sanctions", where("kind", "fine", "disgorged", pl.col("disgorged") + 1), "fines are the gain and no more"),
    ("sanctions", where("kind", "mitigation", "amount", pl.lit(5)), "sanctions: only fines take money"),
    ("sanctions", where("kind", "fine", "amount", pl.col("amount") - 1), "sanctions: fines are paid"),
    ("postings", where("cause", "refund", "amount", pl.col("amount").abs()), "pass through the treasury"),
    ("postings", where("cause", "refund", "amount", pl.col("amount") * 3), "no more is refunded than gain was taken"),
    ("postings", where("cause", "fine", "cause", pl.lit("refund")), "refunds are gains that were taken back"),
]


@pytest.mark.parametrize(("table", "change", "question"), BENT)
def test_no_bent_table_passes_the_recount(k1_days, tmp_path, table, change, question):
    folder = k1_days.save(tmp_path / "run")
    bend_table(folder, table, lambda frame: frame.with_columns(change))
    with pytest.raises(CorruptError) as caught:
        recount(folder)
    assert any(question in fault for fault in caught.value.problems), caught.value.problems


# --- journals of anybody's


@pytest.mark.parametrize(
    ("stream", "column", "value"),
    [
        ("findings", "agent", 9), ("findings", "agent", -2), ("findings", "rule", 99), ("sanctions", "kind", 0),
        ("sanctions", "finding", 7), ("evidence", "item", 1_000), ("evidence", "finding", -1),
    ],
)  # fmt: skip
def test_numbers_that_stand_for_nothing_are_refused(k1, bent, stream, column, value):
    def change(_, streams):
        streams[stream][column][0] = value

    record = bent(k1.record, change)
    assert [fault for fault in stream_faults(record.header, record.streams) if fault.startswith(f"{stream}.{column}")]
    assert stream_faults(k1.record.header, k1.record.streams) == []


@pytest.mark.parametrize("value", [None, 3, [], {}, {"cap_per_offence": 1}, {"cap_per_offence": 1, "rules": {}}])
def test_a_senseless_regulator_in_a_header_is_refused(k1, value):
    (fault,) = header_faults({**k1.record.header, "regulator": value})
    assert fault.startswith("its header has no sound 'regulator'")


# --- what the regulator may not know (R4)


def view_bytes(record):
    columns = record_columns(record)
    return [(stream, name, column.tobytes()) for stream, rows in columns.items() for name, column in rows.items()]


@given(words=st.lists(st.text(max_size=9), min_size=3, max_size=3), ticks=st.lists(st.integers(0, 90_000), min_size=3))
@settings(max_examples=25)
def test_what_is_private_changes_neither_the_record_nor_what_is_known(k1, bent, words, ticks):
    def change(header, streams):
        for agent in header["agents"]:
            agent |= dict(zip(("persona", "policy", "label"), words, strict=True))
        for plant, tick in zip(header["wholesale"]["producers"], ticks, strict=False):
            plant["marginal_tick"] = tick
        header["run"] = {"seed": ticks[0]}
        streams["supply"]["fuel"] += ticks[0] + 1
        streams["postings"]["amount"] *= 2
        streams["commands"]["flags"][streams["commands"]["agent"] >= 0] += ticks[1]

    record = bent(k1.record, change)
    assert (record.streams["supply"]["fuel"] != k1.record.streams["supply"]["fuel"]).all()
    assert view_bytes(record) == view_bytes(k1.record)
    assert Known.of(record.header).to_json() == Known.of(k1.record.header).to_json()
    assert list(decision_faults(record)) == []


def test_the_record_and_what_is_known_do_change_with_what_may_be_known(k1, bent):
    for change in (dearer_spot, other_offer):
        assert view_bytes(bent(k1.record, change)) != view_bytes(k1.record)
    changed = bent(k1.record, other_reference).header
    assert Known.of(changed).to_json() != Known.of(k1.record.header).to_json()


def test_what_is_known_comes_back_from_json(k1_days):
    known = Known.of(k1_days.record.header)
    again = Known.from_json(json.loads(json.dumps(known.to_json())))
    assert again.to_json() == known.to_json()
    rules = Rules.of(k1_days.record.header["regulator"]["rules"])
    assert inspect(again, rules, record_columns(k1_days.record)) == commands_said(k1_days.record)


def test_a_view_is_the_same_live_and_from_the_finished_journal(k1):
    class Whole:
        def count(self, stream):
            return len(k1.record.streams[stream]["seq"])

        def since(self, stream, seq, only):
            return {name: k1.record.streams[stream][name][seq:] for name in only}

    told = whole(RECORD, Whole(), set(k1.record.streams))
    mine = record_columns(k1.record)
    assert told.keys() == mine.keys()
    for stream, rows in told.items():
        assert {name: column.tolist() for name, column in rows.items()} == {
            name: column.tolist() for name, column in mine[stream].items()
        }
