"""A sanction taken apart: every number that the known answer has stands in it, and the sum is made before the eyes."""

import json

import pytest

from wattbook import Regulator
from wattbook.errors import ConfigError
from wattbook.oversight import Item, Rule, Sanction
from wattbook.results import Run
from wattbook.units import eur, hours, percent

K1 = """\
sanction 0: fine, 13.95 EUR
who               M (producer)
rule              gouging
found             2016-06-06 01:00, finding 0
hearing           none by these rules: imposed at once"""
K1_OFFENCE = """\
offence           0, period from 2016-06-06 00:00
  seen            spot 0, 2016-06-06 00:00: price 300.00 EUR/MWh, offered 130 kWh, wanted 100 kWh,
                  sold 100 kWh, bought 100 kWh, imported 0 kWh
                  commands 1, 2016-06-06 00:00: agent M, action offer, side sell, price 300.00
                  EUR/MWh, quantity 80 kWh
  structure       the others could give 50 kWh of 100 kWh in demand, it 80 kWh: RSI 0.50, the limit
                  is 1.10
  conduct         it asked up to 300.00 EUR/MWh; its reference is 100.00 EUR/MWh, the limit 200.00
                  EUR/MWh
  impact          the price was 300.00 EUR/MWh, with its asks at reference 110.00 EUR/MWh: 190.00
                  EUR/MWh more, the limit is 100.00 EUR/MWh more
                  it sold 50 kWh, and would have sold 80 kWh
  comes to        gain 9.20 EUR, overcharge 9.50 EUR, harm 19.00 EUR

amount            9.20 EUR gain, taken back whatever the caps
                  + 50 % of the overcharge of 9.50 EUR: 4.75 EUR (50 %)
                    at most 1,000.00 EUR an offence, 1 of them: 4.75 EUR
                    at most 15 % of a turnover of 60.00 EUR, less 0.00 EUR fined before: 9.00 EUR
                    neither binds: 4.75 EUR
                  = 13.95 EUR

money             M -13.95 EUR (fine)
                  TREASURY +13.95 EUR (fine)
                  town +9.20 EUR (refund)
                  TREASURY -9.20 EUR (refund)
                  the treasury keeps 4.75 EUR"""


def test_the_known_answer_is_explained_line_by_line(k1):
    text = str(k1.explain(0))
    assert text.startswith(K1)
    assert text.endswith(K1_OFFENCE)
    assert "rsi 1.10" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_thresholds_that_are_shares_are_told_in_per_cent_and_an_index_as_a_plain_number(k1):
    text = " ".join(str(k1.explain(0)).split())
    assert "conduct_share 300 %, conduct 25.00 EUR/MWh," in text
    assert "impact_share 200 %," in text
    assert "rsi 1.10 offence" in text


@pytest.mark.parametrize(
    ("rule", "item", "value", "told"),
    [
        (Rule.WITHHOLDING, Item.RSI_PPM, 1_100_000, "rsi 1.10"),
        (Rule.WITHHOLDING, Item.RSI_PPM, 999_999, "rsi 0.999999"),
        (Rule.WITHHOLDING, Item.OUTPUT_GAP_PPM, 1_000_000, "output gap 100 %"),
        (Rule.MARKING_THE_CLOSE, Item.SHARE_PPM, 523_810, "share 52.381 %"),
        (Rule.LAYERING, Item.SCORE, 12_500_000, "score 1,250 %"),
        (Rule.SYSTEMATIC_IMBALANCE, Item.SCORE, 12_500_000, "score 12.50"),
        (Rule.CONCENTRATION, Item.HHI, 4_556, "hhi 4556"),
        (Rule.CONCENTRATION, Item.HHI_CAPACITY_LIMIT, 2_000, "hhi capacity limit 2000"),
        (Rule.CONCENTRATION, Item.JOINTLY_PIVOTAL_PPM, 250_000, "jointly pivotal 25 %"),
    ],
)
def test_a_measure_is_told_as_people_in_the_field_write_it(k1, bent, rule, item, value, told):
    def change(_, streams):
        streams["sanctions"]["rule"][:] = streams["findings"]["rule"][0] = rule
        streams["evidence"]["item"][7], streams["evidence"]["value"][7] = item, value

    text = " ".join(str(Run(bent(k1.record, change), None, k1.info).explain(0)).split())
    assert f" {told}," in text


def test_the_explanation_is_plain_json_too(k1):
    told = json.loads(json.dumps(k1.explain(0).to_dict()))
    assert (told["agent"], told["rule"], told["kind"], told["amount"]) == ("M", "gouging", "fine", 1_395_000_000)
    assert told["fine"]["bound"] == "nothing"
    assert (told["fine"]["disgorged"], told["fine"]["punitive"]) == (920_000_000, 475_000_000)
    assert [(row["stream"], row["seq"]) for row in told["seen"]] == [("spot", 0), ("commands", 1)]
    assert told["terms"]["rsi_ppm"] == 1_100_000
    assert sum(leg["amount"] for leg in told["postings"]) == 0


def test_every_fine_is_worked_out_to_what_was_taken(k1_days):
    rows = list(k1_days.sanctions.iter_rows(named=True))
    fines = [number for number, row in enumerate(rows) if row["kind"] == "fine"]
    assert len(fines) == 4
    for number in fines:
        told = k1_days.explain(number).to_dict()
        assert (told["fine"]["amount"], told["fine"]["disgorged"]) == (
            rows[number]["amount"],
            rows[number]["disgorged"],
        )
        begin = 6 * told["finding"]["finding"]
        assert [each["key"] for each in told["offences"]] == list(range(begin, begin + 6))


def test_a_later_fine_tells_of_the_findings_before_and_shows_three_offences(k1_days):
    text = str(k1_days.explain(2))
    assert "(50 % + 25 % for each of 1 before)" in " ".join(text.split())
    assert "and 3 more offences (--json)" in text
    assert "period from 2016-06-06 06:00" in text


@pytest.mark.parametrize(
    ("settings", "bound", "punitive"),
    [
        ({"cap_per_offence": eur(2)}, "cap per offence", 200_000_000),
        ({"turnover_cap": percent(5)}, "turnover cap", 300_000_000),
        ({"cap_per_offence": eur(2), "turnover_cap": percent(1)}, "turnover cap", 60_000_000),
    ],
)
def test_it_says_which_cap_binds(monopoly, settings, bound, punitive):
    run = monopoly(Regulator(rules=["gouging"], latency=hours(0)), hours=1).with_values(
        {f"regulator.{key}": value for key, value in settings.items()}
    ).run(seed=7, baseline=False)  # fmt: skip
    told = run.explain(0)
    assert told.to_dict()["fine"]["bound"] == bound
    assert told.to_dict()["fine"]["punitive"] == punitive == int(run.sanctions["amount"][0]) - 920_000_000
    assert f"the {bound} binds" in str(told)


def test_a_mitigation_is_explained_without_money(k1):
    text = str(k1.explain(1))
    assert text.startswith(
        "sanction 1: mitigation, day-ahead asks count as at most 100.00 EUR/MWh until 2016-06-13 01:00"
    )
    assert "structure" in text
    assert "money" not in text
    assert k1.explain(1).to_dict()["fine"] is None


def test_a_hearing_is_told_for_what_waits_and_for_what_does_not(monopoly):
    run = monopoly(Regulator(rules=["gouging"], latency=hours(0), review=hours(2), hearing=hours(1)), hours=4).run(
        7, baseline=False
    )
    texts = {row["kind"]: str(run.explain(number)) for number, row in enumerate(run.sanctions.iter_rows(named=True))}
    assert "hearing           until 2016-06-06 03:00, when the sanction was imposed" in texts["fine"]
    assert "hearing           none for this kind" in texts["mitigation"]


@pytest.mark.parametrize("kind", list(Sanction))
@pytest.mark.parametrize("rule", [Rule.LAYERING, Rule.CIRCUIT_BREAKER])
def test_any_sanction_under_any_rule_is_explained(k1, bent, kind, rule):
    def change(_, streams):
        streams["sanctions"]["kind"][1], streams["sanctions"]["rule"][:] = kind, rule
        streams["findings"]["rule"][0] = rule
        streams["evidence"]["item"][7:9] = (Item.PARTNER, Item.SINCE_MS)
        streams["evidence"]["place"][7] = -1
        streams["evidence"]["value"][7:9] = (0, 1_465_164_000_000)

    text = str(Run(bent(k1.record, change), None, k1.info).explain(1))
    assert f"rule              {rule.name.lower().replace('_', '-')}" in text
    assert "partner F1" in text
    assert "since 2016-06-06 00:00" in text
    assert "price 300.00 EUR/MWh" in text


def test_what_was_taken_otherwise_is_said_aloud(k1, bent):
    def change(_, streams):
        streams["sanctions"]["amount"][0] += 100

    assert "BUT 13.95 EUR WERE TAKEN" in str(Run(bent(k1.record, change), None, k1.info).explain(0))


def test_there_must_be_such_a_sanction(k1, golden, monopoly):
    with pytest.raises(ConfigError, match="no sanction 2 in this run: choose one from 0 to 1"):
        k1.explain(2)
    with pytest.raises(ConfigError, match=r"no regulator.*Regulator\(\)"):
        golden.explain(0)
    calm = monopoly(Regulator(), offer=100, hours=1).run(7, baseline=False)
    with pytest.raises(ConfigError, match="its regulator sanctioned nothing"):
        calm.explain(0)


def test_the_offence_whose_measures_are_told_is_shown_wherever_it_stands(k1):
    """Of some rules only the worst offence's measures are evidence."""
    from wattbook.results.explanation_text import explanation_text

    told = dict(k1.explain(0).told)
    (offence,) = told["offences"]
    bare = {**offence, "lines": []}
    told["offences"] = [{**bare, "key": key} for key in range(20, 26)] + [offence]
    told["rule"] = "retail-mark-up"
    text = explanation_text(k1.record, told)
    assert [line.split()[1].rstrip(",") for line in text.splitlines() if line.startswith("offence")] == [
        "20",
        "21",
        "0",
    ]
    assert "and 4 more offences" in text
    assert "measured" in text
