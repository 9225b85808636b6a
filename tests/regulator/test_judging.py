"""A judge chooses among sanctions; what it may not choose, or fails to, the ladder decides."""

import json

import pytest

from wattbook import Auction, Regulator, Scenario, producer, utility
from wattbook.errors import ConfigError, PolicyError
from wattbook.messages import Action
from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator import RECORD, Known, Rules, inspect, recorded, whole
from wattbook.regulator.judging import Verdict
from wattbook.results.oversight_checks import decision_faults, sanction_faults
from wattbook.units import eur, eur_per_mwh, hours, kw, mw


def monopoly(judge, **values):
    def plant(name, capacity, cost, **more):
        own = {"cost": eur_per_mwh(cost), "reference": eur_per_mwh(cost), "outages": False}
        return producer(name, "gas", kw(capacity), **own, **more)

    agents = [
        utility("town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100)),
        plant("M", 80, 100, offer=eur_per_mwh(300), turnover=eur(45)),
        plant("F1", 30, 110),
        plant("F2", 20, 120),
    ]
    given = {"start": "2016-06-06", "days": 2, "period": hours(1), "local": None, "baseline": False} | values
    return Scenario(
        **given,
        agents=agents,
        wholesale=Auction(link=mw(0)),
        regulator=Regulator(latency=hours(0), judge=judge, rules=["gouging"]),
    )


def kinds_of(run):
    return [Sanction(kind).name for kind in run.record.streams["sanctions"]["kind"].tolist()]


def judged(run):
    evidence = run.record.streams["evidence"]
    return evidence["value"][evidence["item"] == Item.JUDGED].tolist()


def test_a_judge_may_be_milder_than_the_ladder():
    run = monopoly(lambda case: [Sanction.WARNING]).run(seed=1)
    assert kinds_of(run) == ["WARNING", "WARNING"]
    assert judged(run) == [1, 1]
    assert set(run.record.streams["spot"]["price_tick"].tolist()) == {30_000}


def test_a_judge_sees_the_case_and_what_a_fine_would_come_to():
    seen = []

    def judge(case):
        seen.append(case)
        return case.by_ladder

    assert monopoly(judge, hours=1).run(seed=1).record.fingerprint
    (case,) = seen
    assert (case.fine.disgorged, case.fine.punitive) == (920_000_000, 475_000_000)
    assert case.open == (Sanction.WARNING, Sanction.MITIGATION, Sanction.FINE)
    assert case.known.names[case.finding.agent] == "M"


@pytest.mark.parametrize(
    "answer", [[Sanction.SUSPENSION], [99], [3], "fine", bytes([3]), None, 5, [Sanction.FINE, "x"]], ids=repr
)
def test_what_is_not_open_is_not_taken_and_the_ladder_holds(answer):
    run = monopoly(lambda case: answer, hours=1).run(seed=1)
    assert kinds_of(run) == ["FINE", "MITIGATION"]
    assert judged(run) == [0]


def test_a_judge_that_raises_leaves_it_to_the_ladder_or_ends_the_run():
    def judge(case):
        raise ValueError("no")

    assert kinds_of(monopoly(judge, hours=1).run(seed=1)) == ["FINE", "MITIGATION"]
    with pytest.raises((PolicyError, ValueError)):
        monopoly(judge, hours=1, on_policy_error="fail").run(seed=1)


def test_a_judge_that_meddles_with_what_it_is_shown_changes_no_fine():
    def meddles(case):
        for array in (case.known.turnover, case.known.reference_tick, case.known.capacity_w):
            array[:] = 10**15
        case.known.quota_ppm.clear()
        return [Sanction.FINE]

    run = monopoly(meddles).run(seed=1)
    honest = monopoly(lambda case: [Sanction.FINE]).run(seed=1)
    for name in ("sanctions", "findings", "evidence"):
        for key, column in honest.record.streams[name].items():
            assert run.record.streams[name][key].tolist() == column.tolist(), f"{name}.{key}"


def test_of_an_endless_answer_no_more_is_read_than_there_are_steps():
    run = monopoly(lambda case: iter(lambda: Sanction.WARNING, None), hours=1).run(seed=1)
    assert (kinds_of(run), judged(run)) == (["WARNING"], [1])


def test_a_judge_that_ends_a_generator_ends_no_run():
    def judge(case):
        raise GeneratorExit

    assert kinds_of(monopoly(judge, hours=1).run(seed=1)) == ["FINE", "MITIGATION"]


def test_a_judge_is_not_asked_where_nothing_is_open():
    asked = []

    def judge(case):
        asked.append(case.finding.rule)
        return case.by_ladder

    scenario = monopoly(judge, hours=1, on_policy_error="fail").with_values(
        {"regulator.rules": "gouging,concentration"}
    )
    run = scenario.run(seed=1)
    assert Rule.CONCENTRATION in run.record.streams["findings"]["rule"].tolist()
    assert asked == [Rule.GOUGING]


def test_decisions_of_a_judge_are_recomputed_from_what_it_chose():
    days = iter([[], [Sanction.FINE]])
    run = monopoly(lambda case: next(days)).run(seed=1)
    header, streams = run.record.header, run.record.streams
    journal = run.record.streams._journal
    known, rules = Known.of(header), Rules.of(header["regulator"]["rules"])
    again = inspect(known, rules, whole(RECORD, journal, list(streams)), judge=recorded(streams["sanctions"]))
    commands = streams["commands"]
    told = [
        row
        for row in zip(*(commands[name].tolist() for name in again[0]._fields), strict=True)
        if row[2] >= Action.FIND and row[1] < 0
    ]
    assert [tuple(each) for each in again] == told
    assert header["regulator"]["judge"] == "<lambda>"


def test_a_judge_is_a_function():
    with pytest.raises(ConfigError, match="is no function"):
        Regulator(judge="severe")


class Slow:
    """Begins to think at a finding, and answers later."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.said = []

    def begin(self, case):
        self.said.append(("begin", case.number, case.now_ms))

    def __call__(self, case):
        self.said.append(("answer", case.number, case.now_ms))
        return self.verdict


def test_a_judge_that_thinks_is_told_of_a_finding_when_its_time_begins_and_answers_when_it_is_over():
    judge = Slow([Sanction.FINE])
    run = monopoly(judge).with_values({"regulator.thinking": "90 min"}).run(seed=1)
    # The second finding comes at the run's end: nobody hears what is thought of it.
    (begun, answered, late) = judge.said
    assert (begun[0], answered[0], late[0]) == ("begin", "answer", "begin")
    assert (begun[1], answered[1]) == (-1, 0)
    assert answered[2] - begun[2] == 90 * 60_000
    assert kinds_of(run) == ["FINE"]
    assert run.record.streams["findings"]["time_ms"].tolist() == [answered[2]]
    assert list(decision_faults(run.record)) == []
    assert list(sanction_faults(run.record)) == []


def test_what_concerns_the_whole_market_is_not_thought_about():
    judge = Slow(())
    scenario = monopoly(judge, hours=1).with_values({"regulator.rules": "concentration", "regulator.thinking": "1 h"})
    assert scenario.run(seed=1).record.streams["findings"]["rule"].tolist() == [Rule.CONCENTRATION]
    assert judge.said == []


def test_a_judge_says_how_strict_it_is_and_for_how_long():
    verdict = Verdict((Sanction.FINE, Sanction.MITIGATION), strength_ppm=250_000, duration_ms=3 * 3_600_000)
    run = monopoly(lambda case: verdict, hours=1).run(seed=1)
    rows = run.record.streams["sanctions"]
    fine, mitigation = rows["kind"].tolist().index(Sanction.FINE), rows["kind"].tolist().index(Sanction.MITIGATION)
    assert rows["disgorged"][fine] == 920_000_000, "the gain is always taken"
    assert rows["amount"][fine] - rows["disgorged"][fine] == 475_000_000 // 4
    assert rows["until_ms"][mitigation] - rows["time_ms"][mitigation] == 3 * 3_600_000
    assert list(decision_faults(run.record)) == []
    assert list(sanction_faults(run.record)) == []


@pytest.mark.parametrize("more", [{"strength_ppm": -1}, {"strength_ppm": 0.5}, {"duration_ms": 1 << 60}], ids=repr)
def test_a_strictness_that_is_none_is_not_taken(more):
    run = monopoly(lambda case: Verdict((Sanction.FINE,), **more), hours=1).run(seed=1)
    assert (kinds_of(run), judged(run)) == (["FINE", "MITIGATION"], [0])


def test_a_finding_that_is_thought_about_is_saved_and_taken_up():
    from wattbook.regulator import Office
    from wattbook.regulator.findings import Finding, Line, Offence

    run = monopoly(None, hours=1).run(seed=1)
    header = run.record.header
    office = Office(Known.of(header), Rules.of(header["regulator"]["rules"]))
    offences, evidence = (Offence(7, 3, gain=5, overcharge=6), Offence(8)), (Line(Item.MONEY, 4, 2),)
    office.pending.append((99, Finding(Rule.GOUGING, 1, offences, evidence, 5_000, victims=((0, 6),)), 2))
    again = Office(Known.of(header), Rules.of(header["regulator"]["rules"]))
    again.restore(json.loads(json.dumps(office.export())))
    assert again.pending == office.pending
    assert again.next_due_ms == 99
