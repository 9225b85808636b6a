"""A run in one screen, for somebody who sees one for the first time."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from wattbook.results.money import received
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE, QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH, money_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np

    from wattbook.results.record import Record
    from wattbook.results.run import Run

_WIDTH: Final = 100
_LABEL: Final = 18
_INCIDENTS: Final = 3
_NAME: Final = 60
_LINES: Final = 3
"""No row takes more."""
_MWH: Final = 1_000_000
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


def summary(run: Run) -> str:
    """Write at most 40 lines of at most 100 columns.

    There are 10 more where there is a wholesale market, 6 with a regulator, 3 with green tools, 4 with a language
    model.
    """
    figures = run.metrics
    lines = [
        *_what_ran(run),
        "",
        *_savings(run),
        "",
        *_market(run.record, figures),
        "",
        *_place(figures),
        *_decomposition(figures["baseline"]),
        *_wholesale(figures.get("wholesale"), figures["members"]),
        *_regulator(figures.get("regulator")),
        *_green(figures.get("green")),
        *_language_model(figures.get("language_model")),
        *(_row("", notice) for notice in run.notices),
        "",
        *_checks(run, figures),
    ]
    return "\n".join(_fitted(line) for line in lines)


def _fitted(line: str) -> str:
    """Break a line that is too long between words; what is beyond all measure ends in dots."""
    return textwrap.fill(
        line, _WIDTH, subsequent_indent=" " * _LABEL, max_lines=_LINES, placeholder=" ...", break_on_hyphens=False
    )


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _language_model(figures: Mapping[str, Any] | None) -> Iterator[str]:
    if figures is None:
        return
    yield ""
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in figures["outcomes"].items())
    cost = f"{_many(figures['decisions'], 'decision')} for {figures['cost_usd']:.4f} USD"
    yield _row("language model", f"{cost}: {said}" if said else cost)
    if figures["degraded"]:
        yield _row("", f"DEGRADED: {figures['fallback_share']:.1%} of all decisions fell back on rules")
    if figures["providers"] not in ([], ["anthropic"]):
        yield _row("", f"answers of {', '.join(figures['providers'])}: no model gave them")


def _what_ran(run: Run) -> Iterator[str]:
    place, figures = run.record.place, run.metrics
    hours = place.periods * place.period_ms / MS_PER_HOUR
    lasting = _many(hours / 24, "day") if hours % 24 == 0 else _many(hours, "hour")
    clock = run.record.header["timezone"]
    utilities = place.kinds.count("utility")
    yield _title(run)
    producers = place.kinds.count("producer")
    dealers = f"{_many(utilities, 'utility', 'utilities')}" + (f", {_many(producers, 'producer')}" if producers else "")
    yield _row("what ran", f"{_many(int(place.homes.sum()), 'home')} and {dealers}")
    minutes = place.period_ms // MS_PER_MINUTE
    yield _row("", f"{lasting} from {_local_time(place.start_ms, clock)} {clock}, in periods of {minutes} min")
    effort = f"{figures['orders']:,} orders, {figures['trades']:,} trades, {figures['refusals']:,} refused commands"
    yield _row("", effort + _effort(figures))


def _title(run: Run) -> str:
    name = run.info["scenario"].get("name")
    words = _plain(name).split() if isinstance(name, str) else []
    name = " ".join(words) or "wattbook run"
    if len(name) > _NAME:
        name = name[: _NAME - 3].rstrip() + "..."
    market = "" if run.record.header["local_market"] else " - without a local market"
    return f"{name} - seed {run.seed}{market}" + ("" if run.record.complete else " - STOPPED BEFORE ITS END")


def _local_time(ms: int, clock: str) -> str:
    return f"{(_UNIX + timedelta(milliseconds=ms)).astimezone(ZoneInfo(clock)):%Y-%m-%d %H:%M}"


def _many(count: float, one: str, more: str = "") -> str:
    """Write a number of things."""
    return f"{count:g} {one}" if count == 1 else f"{count:g} {more or one + 's'}"


def _effort(figures: Mapping[str, Any]) -> str:
    parts = []
    if figures["wakes"] is not None:
        parts.append(f"{figures['wakes']:,} wakes")
    if figures["cpu_s"] is not None:
        parts.append(f"{figures['cpu_s']:.1f} s of CPU")
    return "; " + ", ".join(parts) if parts else ""


def _savings(run: Run) -> Iterator[str]:
    figures, members = run.metrics, run.record.place.members
    if run.baseline is None or not members.any():
        yield _row("bills", "no baseline was run, so there is no saving to tell")
        return
    saving = (received(run.record) - received(run.baseline))[members]
    names = [name for name, member in zip(run.record.place.names, members, strict=True) if member]
    best, worst = int(saving.argmax()), int(saving.argmin())
    yield _row("saved per home", f"{_eur(figures['mean_saving'])} on average against the same days without a market")
    yield _row(
        "", f"median {_eur(figures['median_saving'])}, best {_eur(saving[best])} ({_plain(names[best])}),"
        f" worst {_eur(saving[worst])} ({_plain(names[worst])})",
    )  # fmt: skip
    before, here = figures["baseline"]["total"], figures["baseline"]["total_here"]
    less = f"{_eur(abs(before - here))} {'less' if before >= here else 'more'}"
    lost = f"{_percent(figures['share_lost'])} of homes lost"
    yield _row("", f"{lost}; all bills {_eur(before)} -> {_eur(here)}, {less}")
    if before > here:
        yield _row("", _source(before - here, figures["baseline"]["decomposition"]))


def _source(saved: int, parts: Mapping[str, Any]) -> str:
    """Say how much of what the homes saved the place gained, and who else paid for it."""
    payers = [group for group in ("utilities", "network", "state") if parts["groups"][group] < 0]
    gain = parts["real_gain"]
    if gain >= saved or not payers:
        return "all of which is real gain: the grid above gets that much less"
    real = f"{_eur(gain)} is real gain, the rest" if gain > 0 else "nothing is real gain, all"
    return f"of which {real} comes from {_listed(payers)}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _market(record: Record, figures: Mapping[str, Any]) -> Iterator[str]:
    trading = f"{figures['members_trading']} of {figures['members']} homes"
    volume = figures["local_volume_wh"] / 1000
    yield _row(
        "traded locally" if record.place.mechanism in {"continuous", "call", "none"} else "shared locally",
        f"{volume:,.1f} kWh by {trading}; neighbours covered {_percent(figures['local_share_of_withdrawal'])}"
        " of what homes drew",
    )
    low, high = _band(record)
    if figures["local_vwap_eur_per_mwh"] is not None:
        price = figures["local_vwap_eur_per_mwh"]
        band = f", between feed-in {low:.2f} and retail {high:.2f}" if figures["members"] else ""
        yield _row("mean price", f"{price:.2f} EUR/MWh{band} (energy only)")
    if figures["allocative_efficiency"] is not None:
        won, most = _eur(figures["gains_realised"]), _eur(figures["gains_possible"])
        yield _row("efficiency", f"{_percent(figures['allocative_efficiency'])} of possible gains ({won} of {most})")
        yield _row("", f"({figures['efficiency_boundary']})")
    quotes = figures["liquidity"]
    if quotes["mean_spread_eur_per_mwh"] is not None:
        yield _row(
            "liquidity",
            f"both sides quoted {_percent(quotes['two_sided_share'])} of the last two hours, spread"
            f" {quotes['mean_spread_eur_per_mwh']:.2f} EUR/MWh",
        )
    if quotes["trade_to_gate_min"] is not None:
        depth = f"{quotes['mean_depth_wh']:,.0f} Wh on offer in a book"
        yield _row("", f"{depth}; traded {quotes['trade_to_gate_min']:.0f} min before the gate closes, on average")


def _band(record: Record) -> tuple[float, float]:
    place = record.place
    low, high = place.feed_in_tick.min(initial=1 << 40), place.retail_tick.max(initial=0)
    return float(low) / TICKS_PER_EUR_PER_MWH, float(high) / TICKS_PER_EUR_PER_MWH


def _place(figures: Mapping[str, Any]) -> Iterator[str]:
    base = figures["baseline"] or {}
    rows: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
        ("self-sufficiency", "self_sufficiency", _percent),
        ("self-consumption", "self_consumption", _percent),
        ("peak import", "peak_import_w", lambda power_w: f"{power_w / 1000:,.1f} kW"),
    )
    for label, key, text in rows:
        was = f" (without the market {text(base[key])})" if key in base else ""
        yield _row(label, text(figures[key]) + was)


def _decomposition(baseline: Mapping[str, Any] | None) -> Iterator[str]:
    if baseline is None:
        return
    parts = baseline["decomposition"]
    yield ""
    stored = parts["stored_change_wh"]
    store = f"{abs(stored) / 1000:.1f} kWh {'less' if stored < 0 else 'more'} are in store at the end"
    gain = parts["real_gain"]
    yield _row("real gain", f"{_eur(gain)}: {'more' if gain < 0 else 'less'} is paid to the grid above; {store}")
    shares = [f"{group} {_eur(money)}" for group, money in parts["groups"].items()]
    half = (len(shares) + 1) // 2
    yield _row("who won, who paid", ", ".join(shares[:half]))
    yield _row("", ", ".join(shares[half:]) + ", together 0")


def _wholesale(told: Mapping[str, Any] | None, members: int) -> Iterator[str]:
    """Tell of the wholesale market in at most 10 lines."""
    if told is None:
        return
    yield ""
    market = "auction" if told["is_auction"] else "the outside's price"
    spot = [_price(told[f"spot_{which}_eur_per_mwh"]) for which in ("mean", "min", "max")]
    yield _row("wholesale", f"day ahead ({market}) {spot[0]} EUR/MWh on average, {spot[1]} to {spot[2]}")
    imported, exported = (f"{told[f'{way}_wh'] / _MWH:,.1f} MWh" for way in ("imports", "exports"))
    cost = told["dispatch"]
    yield _row("", f"{imported} imported, {exported} exported")
    yield _row("", f"fuel and net imports {_eur(cost['cost'])}, {_eur(cost['extra_cost'])} above the least")
    hedged = _percent(told["hedge_ratio"])
    paid, got = _price(told["utility_cost_eur_per_mwh"]), _eur(told["utility_profit"])
    yield _row("utilities", f"paid {paid} EUR/MWh, {hedged} of their energy by contract; got {got} in all")
    if told["producers"]:
        sold, got = _eur(told["producer_revenue"]), _eur(told["producer_profit"])
        yield _row("producers", f"sold for {sold}; got {got} after fuel and investment")
    if told["open_interest_by_day_wh"] is not None:
        calls = f"{_many(told['margin_calls'], 'margin call')}, {_many(told['defaults'], 'default')}"
        yield _row("contracts", f"{told['signed']:,} signed, {calls}")
    quotas = [each["quota"] for each in told["utilities"].values() if each["quota"] is not None]
    if quotas:
        covered, short = (sum(each[key] for each in quotas) / _MWH for key in ("covered_wh", "bought_out_wh"))
        fee = _eur(sum(each["buy_out_paid"] for each in quotas))
        yield _row("quotas", f"{covered:,.1f} MWh covered by guarantees, {short:,.1f} MWh bought out for {fee}")
    if told["gateway_to_homes_wh"] is not None:
        to_homes, from_homes = (told[f"gateway_{way}_homes_wh"] / 1_000 for way in ("to", "from"))
        mean = _price(told["gateway_vwap_eur_per_mwh"])
        yield _row(
            "gateway", f"{to_homes:,.1f} kWh to homes, {from_homes:,.1f} kWh from homes, {mean} EUR/MWh on average"
        )
    if told["customers_moved"] is not None:
        customers = sum(each["customers"] for each in told["utilities"].values())
        if customers or told["members_moved"] is None:
            yield _row("retail", f"{told['customers_moved']:,} moves to another utility, of {customers:,} customers")
    if told["members_moved"] is not None:
        yield _row("members", f"{told['members_moved']:,} moves to another utility, of {members:,} members")


def _regulator(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Tell of the regulator in at most 5 lines."""
    if told is None:
        return
    yield ""
    others = [_many(count, kind.replace("-", " ")) for kind, count in told["sanctions"].items() if kind != "fine"]
    rules = list(told["rules"])
    several = f" ({', '.join(rules)})" if len(rules) > 1 else ""
    words = [_many(told["findings"], "finding") + several, *others]
    if "fine" in told["sanctions"]:
        whom = _some([*told["agents"]]) + "".join(f", {rule}" for rule in rules[: not several])
        words.insert(1, f"{_many(told['sanctions']['fine'], 'fine')}: {_eur(told['fines'])} ({_plain(whom)})")
    yield _row("regulator", ", ".join(words))
    if told["fines"]:
        yield _row("", f"gain {_eur(told['disgorged'])} taken back, {_eur(told['refunds'])} of it to consumers")
    if told["gouged_price_eur_per_mwh"] is not None:
        prices = (_price(told[f"{which}_price_eur_per_mwh"]) for which in ("gouged", "honest"))
        yield _row("", "mean price where it was abusive {} EUR/MWh, {} with honest asks".format(*prices))


def _some(names: list[str]) -> str:
    """Name at most three."""
    more = len(names) - _LINES
    return ", ".join(names[:_LINES]) + (f" and {more} more" if more > 0 else "")


def _green(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Tell of green tools."""
    if told is None:
        return
    yield ""
    yield _row("incentives", f"{_eur(told['spent'])} of {_eur(told['budget'])} budget")
    back = told["paid_back"] + told["clawed_back"]
    yield _row("", f"{_eur(back)} came back by differences and of grants; {_eur(told['carbon'])} paid for carbon")


def _price(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:,.2f}"


def _checks(run: Run, figures: Mapping[str, Any]) -> Iterator[str]:
    money = "0" if not figures["money_sum"] and not any(figures["money_errors"].values()) else "DOES NOT BALANCE"
    yield _row("checks", f"money {money}, energy {figures['energy_residual_wh']} Wh off")
    yield _row("fingerprint", run.fingerprint[:16])
    incidents = run.info.get("incidents") or []
    for incident in incidents[:_INCIDENTS]:
        when = _local_time(incident["time_ms"], run.record.header["timezone"])
        yield _row("incident", _plain(f"{incident['agent']} was quarantined on {when}: {incident['error']}"))
    if len(incidents) > _INCIDENTS:
        yield _row("", f"and {len(incidents) - _INCIDENTS} more incidents")


def _eur(quanta: int | np.int64) -> str:
    small = 0 < abs(int(quanta)) < QUANTA_PER_EUR // 100
    if small:
        return f"{int(quanta) / QUANTA_PER_EUR:.4f} EUR"
    whole, cents = money_text(int(quanta)).removeprefix("-").split(".")
    return f"{'-' if quanta < 0 else ''}{int(whole):,}.{cents}"


def _percent(part: float | None) -> str:
    return "none" if part is None else f"{100 * part:.1f} %"


def _plain(text: str) -> str:
    """Take out what could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
