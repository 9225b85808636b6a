"""Recorded spend never passes a limit, whatever replies cost and however they end; the run goes on with its rules."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standins import FAILED, Model, answer_to, live_in, make_asked, open_broker, record, replay, reply

from wattbook.broker.budget import Budget, Purse, Spent, most_input_tokens
from wattbook.broker.keys import most_tokens_of
from wattbook.broker.prices import Price, load_prices
from wattbook.broker.settings import Settings
from wattbook.broker.words import Mode
from wattbook.decisions import Outcome
from wattbook.errors import ConfigError, ResourceError

PRICE = Price(1_000, 5_000)
PRICES = load_prices({"claude-haiku-5-5": {"input": 1, "output": 5}})
WORST_TOKENS = most_tokens_of(make_asked(), Settings())
_USAGE = st.tuples(st.integers(0, WORST_TOKENS - 20), st.integers(0, 256))
_REPLIES = st.one_of(
    st.builds(lambda tokens: ("ok", tokens), _USAGE),
    st.builds(lambda tokens: ("refusal", tokens), _USAGE),
    st.just(("timeout", None)),
    st.just(("rate_limited", None)),
)
_BUDGETS = st.builds(
    Budget,
    max_usd=st.none() | st.floats(0, 0.05),
    max_requests=st.none() | st.integers(0, 20),
    max_tokens=st.none() | st.integers(0, 40_000),
)


def _reply(kind, tokens, payload):
    if tokens is None:
        return FAILED if kind == "timeout" else reply(outcome=Outcome(kind), is_billed=False)
    return reply(answer_to(payload) if kind == "ok" else "", Outcome(kind), tokens=tokens)


@settings(max_examples=60)
@given(budget=_BUDGETS, replies=st.lists(_REPLIES, min_size=1, max_size=12), decisions=st.integers(1, 50))
@example(budget=Budget(max_usd=0), replies=[("ok", (1, 1))], decisions=5)
@example(budget=Budget(max_usd=0.02), replies=[("timeout", None)], decisions=50)
def test_spend_never_passes_a_limit_and_the_run_goes_on(budget, replies, decisions):
    def say(n, payload):
        return _reply(*replies[n % len(replies)], payload)

    with tempfile.TemporaryDirectory() as folder:
        path, given_settings = Path(folder) / "s", Settings(prices=PRICES, budget=budget)
        broker = open_broker(path, model=Model(say), settings=given_settings)
        trace = live_in(broker, decisions)
        broker.finish(complete=True)
        broker.close()
        assert len(trace) == decisions
        spent, cost = broker.spent, sum(decision.cost_nusd for decision in broker.decisions)
        assert spent.nusd == cost
        for value, limit in zip(spent, (budget.max_nusd, budget.max_tokens, budget.max_requests), strict=True):
            assert limit is None or value <= limit
        assert replay(path, decisions)[0] == trace


@given(
    limit=st.integers(0, 10**7),
    acts=st.lists(st.tuples(st.integers(0, 5_000), st.booleans(), st.floats(0, 1)), max_size=60),
)
def test_a_purse_holds_back_enough_for_all_that_is_under_way(limit, acts):
    purse = Purse(Budget(max_usd=limit / 10**9), PRICE, 256)
    most, held = purse._budget.max_nusd, []
    for tokens, looks, share in acts:
        reserve = purse.reserve(tokens)
        held += [] if reserve is None else [reserve]
        if looks and held:
            first = held.pop(0)
            purse.settle(first, Spent(int(first.nusd * share), int(first.tokens * share), 1))
        assert purse.spent.nusd + purse.held.nusd <= most
        purse.check()
    for reserve in held:
        purse.settle(reserve, reserve)
    assert purse.spent.nusd <= most
    assert purse.held == Spent()


def test_what_is_refused_does_not_depend_on_when_replies_arrive(tmp_path):
    limited, runs = Settings(prices=PRICES, budget=Budget(max_usd=0.02)), []
    for n, model in enumerate((Model(), Model(waits=True), Model(delays=lambda n: (n * 3 % 5) / 500))):
        deliver = model.deliver if model.waits else None
        runs.append(record(tmp_path / str(n), 60, model, settings=limited, before_settle=deliver))
    assert runs[0] == runs[1] == runs[2]
    assert "budget" in {decision.outcome for decision in runs[0][1]}


def test_what_comes_back_from_one_request_lets_another_through(tmp_path):
    worst = Purse(Budget(), PRICE, 256).worst(WORST_TOKENS).nusd
    broker = open_broker(
        tmp_path / "s", settings=Settings(prices=PRICES, budget=Budget(max_usd=(worst + 1_500_000) / 10**9))
    )
    tickets = [broker.ask(make_asked(need=need)) for need in (100, 101)]
    assert [broker.answer(ticket).outcome for ticket in tickets] == [Outcome.OK, Outcome.BUDGET]
    assert broker.answer(broker.ask(make_asked(need=102))).outcome is Outcome.OK
    broker.close()


def test_a_request_that_may_have_been_carried_out_costs_the_worst_case_one_never_sent_nothing(tmp_path):
    worst = Purse(Budget(), PRICE, 256).worst(WORST_TOKENS)
    for name, said, cost in (("sent", FAILED, worst.nusd), ("not", FAILED._replace(sent=False, attempts=0), 0)):
        model = Model(lambda n, p, said=said: said)
        broker = open_broker(tmp_path / name, model=model, settings=Settings(prices=PRICES))
        broker.settle(broker.ask(make_asked()), outcome=Outcome.TIMEOUT, action="rule")
        broker.close()
        assert [decision.cost_nusd for decision in broker.decisions] == [cost]
        assert broker.spent.nusd == cost


def test_a_server_that_bills_more_than_the_worst_case_is_asked_no_more(tmp_path):
    model = Model(lambda n, p: reply(answer_to(p), tokens=(10 * WORST_TOKENS, 40)))
    broker = open_broker(tmp_path / "s", model=model, settings=Settings(prices=PRICES, budget=Budget(max_usd=1)))
    live_in(broker, 30)
    broker.finish(complete=True)
    broker.close()
    assert "nothing more is sent" in broker.notices[0]
    assert broker.counts[Outcome.BUDGET] > 20
    assert broker.spent.nusd == sum(decision.cost_nusd for decision in broker.decisions) > 0


def test_what_is_sent_again_counts_as_a_request():
    purse = Purse(Budget(max_requests=5), PRICE, 256)
    first, second = purse.reserve(10), purse.reserve(10)
    assert [purse.may_send_again() for _ in range(4)] == [True, True, True, False]
    assert purse.reserve(10) is None
    purse.settle(first, Spent(0, 0, 3))
    purse.settle(second, Spent(0, 0, 1))
    assert purse.spent.requests == 4
    assert purse.reserve(10) is None, "one more was granted and may still come"


def test_a_caller_that_asks_before_it_sends_again_keeps_to_the_limit(tmp_path):
    def insist(n, payload):
        attempts = 1
        while attempts < 4 and broker.may_send_again():
            attempts += 1
        return reply(outcome=Outcome.OVERLOADED, is_billed=False, attempts=attempts)

    broker = open_broker(
        tmp_path / "s", model=Model(insist), settings=Settings(prices=PRICES, budget=Budget(max_requests=10))
    )
    live_in(broker, 20)
    broker.finish(complete=True)
    broker.close()
    assert broker.spent.requests == 10
    assert broker.counts[Outcome.BUDGET] > 10


def test_after_the_time_is_over_nothing_is_sent():
    now = [100.0]
    purse = Purse(Budget(max_wall_s=5), PRICE, 256, clock=lambda: now[0])
    assert purse.reserve(10) is not None
    now[0] = 105.0
    assert purse.reserve(10) is None


def test_a_run_that_goes_on_has_spent_what_it_had_spent(tmp_path):
    limited = Settings(prices=PRICES, budget=Budget(max_requests=12))
    broker = open_broker(tmp_path / "s", settings=limited)
    live_in(broker, 9)
    broker.close()
    before, rest = broker.spent.requests, Model()
    replay(tmp_path / "s", 60, mode=Mode.REPLAY_OR_LIVE, model=rest, settings=limited)
    assert 0 < before < 12
    assert len(rest.payloads) <= 12 - before


def test_no_tokenizer_of_bytes_reads_more_of_an_observation_than_is_counted():
    assert most_input_tokens("", "", "[1,2]") == 405
    assert most_input_tokens("four", "four", "") == 404
    assert most_input_tokens("ü", "", "€") == 404
    asked = make_asked()
    assert most_tokens_of(asked, Settings()) == most_input_tokens(asked.system, asked.schema, asked.observation)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_usd": -1}, "max_usd=-1"),
        ({"max_usd": float("nan")}, "max_usd=nan"),
        ({"max_usd": "1"}, "max_usd='1'"),
        ({"max_requests": 1.5}, "max_requests=1.5"),
        ({"max_tokens": True}, "max_tokens=True"),
        ({"max_wall_s": float("inf")}, "max_wall_s=inf"),
    ],
)
def test_a_limit_that_is_none_is_refused_with_what_to_write(limits, said):
    with pytest.raises(ConfigError, match=f"{said}.*or None for no limit"):
        Budget(**limits)


def test_all_mistakes_of_a_budget_and_of_settings_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Budget(max_usd=-1, max_tokens=-1)
    assert len(caught.value.problems) == 2
    with pytest.raises(ConfigError) as caught:
        Settings(model=" ", max_tokens=0, deadline_s=0, budget=1, prices={})
    assert len(caught.value.problems) == 5


def test_money_is_whole_nano_dollars():
    assert Budget(max_usd=0.1).max_nusd == 100_000_000
    assert Budget(max_usd=1e-9).max_nusd == 1
    assert PRICE.cost_nusd(1_000_000, 0) == 10**9


def test_prices_are_shipped_with_their_month_and_can_be_overridden(tmp_path):
    shipped = load_prices()
    assert shipped.as_of == "2026-10"
    assert shipped.of("claude-haiku-5-5") == Price(100, 500)
    path = tmp_path / "prices.toml"
    path.write_text("[usd_per_million_tokens]\nclaude-haiku-5-5 = { input = 0.1, output = 0.5 }\n")
    assert load_prices(path).of("claude-haiku-5-5") == Price(100, 500)
    assert load_prices(path).of("claude-opus-5-5") == shipped.of("claude-opus-5-5")


def test_a_model_without_a_price_is_refused_before_anything_is_sent_but_can_be_replayed(tmp_path):
    priced = Settings(model="my-model", prices=load_prices({"my-model": {"input": 1, "output": 2}}))
    recorded = record(tmp_path / "s", 5, settings=priced)
    with pytest.raises(ConfigError, match=r"no price for model 'my-model'.*\"input\": 1.00"):
        open_broker(tmp_path / "t", settings=Settings(model="my-model"))
    assert replay(tmp_path / "s", 5, settings=Settings(model="my-model")) == recorded
    with pytest.raises(ConfigError, match="did you mean 'claude-haiku-5-5'"):
        load_prices().of("claude-haiku-55")


@pytest.mark.parametrize(
    "table",
    [{"m": 1}, {"m": {"input": 1}}, {"m": {"input": -1, "output": 1}}, {"m": {"input": "1", "output": 0.0001}}],
)
def test_a_price_that_cannot_be_used_is_refused(table):
    with pytest.raises(ConfigError, match="'m' is"):
        load_prices(table)


def test_a_file_that_holds_no_prices_is_refused(tmp_path):
    path = tmp_path / "prices.toml"
    with pytest.raises(ResourceError, match="cannot be read"):
        load_prices(path)
    for text in ("input = 1", "usd_per_million_tokens = 1", "=", "\xff"):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(ConfigError, match=r"prices\.toml"):
            load_prices(path)
