"""The docs are true today: scripts and summaries as printed, links that resolve, every code and column named."""

import ast
import dataclasses
import inspect
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from wattbook import (
    Auction,
    Battery,
    ContractDesk,
    Forecast,
    Gateway,
    Imbalance,
    LanguageModel,
    LocalMarket,
    Network,
    Pv,
    RetailMarket,
    Scenario,
    Upgrade,
    consumer,
    neighbourhood,
    prosumer,
    units,
    utility,
)
from wattbook.book import Code, Event, Flag
from wattbook.cli.app import app
from wattbook.messages import Action, Cause, House, Refusal, See
from wattbook.policies import PERSONAS
from wattbook.results.tables import TABLES, word
from wattbook.scenario import City, Producer
from wattbook.scenario.model import SPOT_SHAPE
from wattbook.scenario.parts import (
    MEMBER_POLICIES,
    TRADER_POLICIES,
    UTILITY_POLICIES,
    Consumer,
    Prosumer,
    Trader,
    Utility,
)
from wattbook.units import eur_per_mwh, kw, minutes
from wattbook.world import Rank

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUMMARY = re.compile(r"<!-- summary of: (.+?) -->\n```text\n(.*?)\n```", re.DOTALL)
CPU = re.compile(r"\d+\.\d s of CPU")
OUTSIDE = re.compile(r"p[y]pi|p[y]thonh[o]sted|art[i]factory|dev[p]i|j[f]rog|reg[i]stry\.|index-url", re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|work|tmp|var|opt|mnt|usr|etc)/|[A-Z]:\\\\|\bfile://")


def page(path):
    return path.read_text(encoding="utf-8")


def named(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """Anchors of a page's headings, as people's viewers make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(text, title):
    """Part of a page below the heading `title`."""
    found = re.search(rf"^#+ {re.escape(title)}$\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text):
    """Rows of all tables in a text: tuples of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def ticked(text):
    return set(re.findall(r"`([^`]+)`", text))


# --- the README


def test_the_readme_shows_the_shipped_script_as_it_is():
    scripts = [body for language, body in FENCE.findall(page(ROOT / "README.md")) if language == "python"]
    assert scripts == [page(ROOT / "scenarios" / "neighbourhood.py")]


def test_the_readme_is_short():
    assert len(page(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.slow
def test_the_readme_shows_the_summary_that_is_printed_today(tmp_path):
    ((command, shown),) = SUMMARY.findall(page(ROOT / "README.md"))
    arguments = [*shlex.split(command)[1:], "--quiet", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "wattbook", *arguments], capture_output=True, text=True, check=True
    )  # fmt: skip
    printed = done.stdout.split("\n\nsaved in ")[0]
    assert CPU.sub("? s of CPU", shown) == CPU.sub("? s of CPU", printed)


# --- all pages


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_within_the_repository_resolve(path):
    for target in LINK.findall(FENCE.sub("", page(path))):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(there), target


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_no_page_names_a_package_registry_or_a_machines_folder(path):
    assert not OUTSIDE.findall(page(path))
    assert not MACHINE.findall(page(path))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_file_that_a_page_names_exists(path):
    for name in re.findall(r"`((?:tests|benchmarks|scenarios|src|docs)/[\w./-]+\.\w+)`", page(path)):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_that_a_page_shows_exists(path):
    known = typer.main.get_command(app).commands
    shown = re.findall(r"(?:^    (?:\$ )?|`)wattbook ([a-z][\w-]*)(?: ([a-z]+))?", page(path), re.MULTILINE)
    for command, inner in shown:
        assert command in known, command
        if command == "data":
            assert inner in known["data"].commands, inner


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_rule_that_a_page_cites_exists(path):
    law = page(DOCS / "market-rules.md")
    known = set(re.findall(r"^(?:### )?(\d+\.\d+) ", law, re.MULTILINE))
    for group in re.findall(r"\brules? (\d+\.\d+(?:(?:,| and) \d+\.\d+)*)", page(path)):
        for number in re.findall(r"\d+\.\d+", group):
            assert number in known, number


def test_every_page_is_reached_from_the_readme():
    reached, fresh = set(), {ROOT / "README.md"}
    while fresh:
        path = fresh.pop()
        reached.add(path)
        targets = {(path.parent / target.partition("#")[0]).resolve() for target in LINK.findall(page(path))}
        fresh |= {each for each in targets if each.suffix == ".md" and each in PAGES} - reached
    assert reached == set(PAGES)


# --- market rules


@pytest.mark.parametrize("words", [Refusal, Code], ids=lambda kind: kind.__name__)
def test_the_market_rules_name_every_code_with_its_number(words):
    listed = rows(page(DOCS / "market-rules.md"))
    pairs = {(name, row[1]) for row in listed for name in ticked(row[0])}
    assert {(code.name, str(int(code))) for code in words} <= pairs


def test_the_market_rules_number_every_flag_and_rank():
    text = page(DOCS / "market-rules.md")
    assert {f"`{flag.name or 'GTC'}` {int(flag)}" for flag in Flag} | {"`GTC` 0"} <= {row[0] for row in rows(text)}
    ranks = {row[0] for row in rows(section(text, "1. Time"))}
    assert {str(int(rank)) for rank in Rank} <= ranks


def test_the_paragraphs_of_the_market_rules_are_numbered_in_order():
    numbers = re.findall(r"^(?:### )?(\d+)\.(\d+) ", page(DOCS / "market-rules.md"), re.MULTILINE)
    pairs = [(int(major), int(minor)) for major, minor in numbers]
    for (major, minor), (next_major, next_minor) in itertools.pairwise(pairs):
        assert (next_major, next_minor) in {(major, minor + 1), (major + 1, 1)}, (major, minor)


# --- scenario scripts

PARTS = {
    part.__name__: part
    for part in (
        Scenario, LocalMarket, Network, Imbalance, Upgrade, ContractDesk, Auction, RetailMarket, Gateway, LanguageModel
    )
}  # fmt: skip
AGENTS = {
    "city": City, "consumer": Consumer, "producer": Producer, "prosumer": Prosumer, "trader": Trader,
    "utility": Utility,
}  # fmt: skip
ASSETS = {asset.__name__: asset for asset in (Forecast, Pv, Battery)}
CALL = re.compile(r"(\w+)\((.*)\)")


def fields_of(heading):
    """Names and defaults of what a section of the reference tells of; `...` is required."""
    if heading == "neighbourhood":
        given = inspect.signature(neighbourhood).parameters.values()
        named = [each for each in given if each.kind is not each.VAR_KEYWORD]
        return {each.name: ... if each.default is each.empty else each.default for each in named}
    if heading in ASSETS:
        named = dataclasses.fields(ASSETS[heading])
        return {each.name: ... if each.default is dataclasses.MISSING else each.default for each in named}
    found = (PARTS | AGENTS)[heading].model_fields
    if heading == "prosumer":
        found = {name: field for name, field in found.items() if name not in Consumer.model_fields}
    return {name: ... if field.is_required() else field.default for name, field in found.items()}


def told_default(cell):
    """What the reference gives as a default: a plain value, one with its unit, or a part without arguments."""
    if cell == "required":
        return ...
    call = CALL.fullmatch(cell.strip("`"))
    if call is None:
        return ast.literal_eval(cell.strip("`"))
    if call[2]:
        return getattr(units, call[1])(ast.literal_eval(call[2]))
    return (PARTS | ASSETS)[call[1]]()


@pytest.mark.parametrize("heading", [*PARTS, *AGENTS, *ASSETS, "neighbourhood"])
def test_the_reference_of_scripts_names_every_field_with_its_default(heading):
    listed = rows(section(page(DOCS / "scenario.md"), heading))[2:]
    told, known = {row[0].strip("`"): row[2] for row in listed}, fields_of(heading)
    assert set(told) == set(known)
    assert len(told) == len(listed)
    for name, default in known.items():
        if name == "persona" and heading in ("utility", "producer"):
            assert told_default(told[name]) == default.persona
        elif (heading, name) != ("Scenario", "spot"):
            assert told_default(told[name]) == default, name


def test_the_reference_of_scripts_shows_the_default_spot_price():
    assert " ".join(map(str, SPOT_SHAPE)) in page(DOCS / "scenario.md")


def test_the_reference_of_scripts_names_every_policy_that_a_text_can_mean():
    told = ticked(section(page(DOCS / "scenario.md"), "Policies"))
    assert {*MEMBER_POLICIES, *TRADER_POLICIES, *UTILITY_POLICIES} <= told


@pytest.mark.parametrize("name", House.__members__)
def test_the_reference_of_scripts_names_every_reserved_account(name):
    assert name.lower() in ticked(section(page(DOCS / "scenario.md"), "Names"))


# --- results


@pytest.fixture(scope="module")
def small_run():
    return Scenario(
        start="2016-06-07",
        days=1,
        agents=[
            prosumer("ada", rated=kw(3), pv=Pv(kw(8))),
            consumer("bo", profile="H0-B", rated=kw(4)),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        ],
        local=LocalMarket(period=minutes(60)),
    ).run(seed=1)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_results_name_every_column_of_every_table(small_run, table):
    part = section(page(DOCS / "results.md"), table)
    assert ticked("".join(row[0] for row in rows(part))) == set(small_run.table(table).columns)


def test_the_results_name_every_figure(small_run):
    part = section(page(DOCS / "results.md"), "Figures")
    assert ticked("".join(row[0] for row in rows(part))) == set(small_run.metrics)
    for key in ("liquidity", "baseline", "money_errors", "energy_errors_wh"):
        assert set(small_run.metrics[key]) <= ticked(part), key
    assert set(small_run.metrics["baseline"]["decomposition"]) <= ticked(part)


def test_the_results_name_every_part_of_a_comparison(small_run):
    part = section(page(DOCS / "results.md"), "Comparing two runs")
    told = small_run.compare(small_run.baseline_run).to_dict()
    assert ticked("".join(row[0] for row in rows(part))) == set(told)
    for key in ("a", "same", "decomposition", "bills", "winners", "first_difference"):
        assert set(told[key]) <= ticked(part), key
    figures = {name for name in told["figures"] if not name.startswith("liquidity.")}
    assert figures <= ticked(part) | ticked(section(page(DOCS / "results.md"), "Figures"))


def test_the_results_name_every_file_of_a_saved_run(small_run, tmp_path):
    folder = small_run.save(tmp_path / "run")
    text = section(page(DOCS / "results.md"), "The run directory")
    assert {path.name for path in folder.iterdir() if path.is_file()} <= ticked(text)
    assert "tables/*.parquet" in ticked(text)


@pytest.mark.parametrize(("table", "words"), [("orders", Event), ("postings", Cause)])
def test_the_results_name_every_event_and_cause(table, words):
    assert {word(each) for each in words} <= ticked(section(page(DOCS / "results.md"), table))


def test_the_results_name_every_account_of_a_house():
    assert {house.name for house in House} <= ticked(section(page(DOCS / "results.md"), "postings"))


# --- policies


def test_the_policies_name_every_field_that_they_see():
    part = section(page(DOCS / "policies.md"), "What it sees")
    assert [name for row in rows(part)[2:] for name in re.findall(r"`(\w+)`", row[0])] == list(See._fields)


def test_the_policies_number_every_action_of_agents():
    part = section(page(DOCS / "policies.md"), "What it may ask for")
    own = {(f"`{action.name}`", str(int(action))) for action in Action if 0 < action < Action.OFFER}
    assert own == {row[:2] for row in rows(part)[2:]}


def test_the_policies_tell_every_persona_as_it_is():
    shown = {row[0].strip("`"): row[1:] for row in rows(page(DOCS / "policies.md")) if row[0].strip("`") in PERSONAS}
    assert set(shown) == set(PERSONAS)
    for name, persona in PERSONAS.items():
        window, margin, greed, green, look, leaves = shown[name]
        assert (window, greed) == (str(persona.window_min), str(persona.greed_percent))
        assert look.partition(":")[0] == str(persona.look_min)
        assert margin == f"{persona.margin_ct_per_mwh / 100:.2f}"
        assert float(green.partition(",")[0]) * 100 == persona.green_ct_per_mwh
        if persona.patience_periods:
            assert f"{persona.patience_periods} products" in leaves
            assert f"{persona.away_hours} hours" in leaves
        else:
            assert leaves == "never"
