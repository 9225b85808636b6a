"""The desk's laws, judged from outside: from the rows, the legs and the answers alone."""

from collections import Counter, defaultdict

from wattbook.contracts import NOBODY, Code, Event, LegCause, Verb

MWH = 1_000_000
LAYERS = (
    Event.LOSS_TO_MARGIN, Event.LOSS_TO_OWN_FUND, Event.LOSS_TO_CAPITAL, Event.LOSS_TO_MUTUAL_FUND,
    Event.LOSS_TO_GAINS,
)  # fmt: skip
MARKS = (Event.MARKED_BY_TRADES, Event.MARKED_BY_QUOTES, Event.MARKED_STALE, Event.MARKED_AS_GIVEN)


class Laws:
    """Watches one desk's answers; an assertion that fails begins with the law's name."""

    def __init__(self, terms):
        self.terms = terms
        self.counts = Counter()
        self.energy = Counter()  # (agent, spec): Wh under futures at signing, signed
        self.paid = Counter()  # (agent, spec): what that energy was bought for
        self.varied = Counter()
        self.lots = Counter()  # (agent, spec): what the rows come to
        self.period = 0
        self.marks = {}
        self.silent = set()
        self.until = {}
        self.room = {}
        self.used = set()
        self.owner = {}
        self.complied = set()

    # --- before something happens

    def remember(self, desk):
        """What a default can draw on."""
        self.before = {
            "margin": {agent: desk.margin(agent) for agent in range(self.terms.agents)},
            "fund": dict(desk.house.funds),
            "capital": desk.house.capital,
            "failing": sorted(desk.house.failing),
        }
        self.period = desk.next_period

    # --- afterwards

    def judge(self, answer):
        """Every row and leg of an answer."""
        totals = Counter()
        for leg in answer.legs:
            totals[leg.cause] += leg.amount
        assert not any(totals.values()), "C4: legs of one cause do not sum to zero"
        by_spec = Counter()
        for value in (number for line in (*answer.rows, *answer.legs) for number in line):
            assert -(1 << 63) <= value < 1 << 63, "a row or a leg leaves int64"
        for row in answer.rows:
            self.counts[Event(row.event).name] += 1
            assert row.contract == NOBODY or row.contract not in self.silent or row.event >= 39, "C8: it speaks again"
            if row.event in MARKS:
                self.marks[row.spec] = row.price_tick
            if row.event in (Event.VARIATION, Event.SETTLED):
                by_spec[row.event, row.spec] += row.amount
            name = "on_" + Event(row.event).name.lower()
            getattr(self, name, lambda _: None)(row)
        assert not any(by_spec.values()), "C4: variation margin of a future does not sum to zero"
        self.judge_cascades(answer.rows)
        self.judge_waterfall(answer.rows)

    def judge_cascades(self, rows):
        """What long futures become has their energy, period by period, for each who held one."""
        energy = Counter()
        for row in rows:
            if row.event not in (Event.CASCADED, Event.CASCADED_INTO):
                continue
            spec, (agent, sign) = self.terms.specs[row.spec], self.signed(row)
            lots, rest = divmod(row.quantity_wh, spec.lot_wh)
            assert not rest, "C6: a cascade of broken lots"
            way = -1 if row.event == Event.CASCADED else 1
            for period, wh in enumerate(spec.profile_wh, spec.first_period):
                energy[agent, period] += way * sign * lots * wh
        assert not any(energy.values()), "C6: a cascade lost energy"

    def judge_command(self, command, answer):
        """What a command was answered with."""
        if answer.code != Code.OK:
            assert (answer.rows, answer.legs) == ((), ()), "C10: a refusal moved something"
            return
        if command.action in (Verb.QUOTE, Verb.COUNTER, Verb.POST):
            end = self.terms.trading_ends_ms(answer.rows[-1].spec)
            self.until[answer.reference] = min(command.time_ms + command.flags, end)
            self.room[answer.reference] = command.quantity_wh
        if command.action == Verb.COUNTER:
            self.room.pop(command.order)
        if command.action in (Verb.ACCEPT, Verb.TAKE):
            assert command.time_ms < self.until[command.order], "C10: signed too late"
            left = self.room.get(command.order, 0) - command.quantity_wh
            assert left >= 0, "C10: signed more than was offered"
            self.room[command.order] = 0 if command.action == Verb.ACCEPT else left

    def judge_state(self, desk, clearing):
        """What holds between commands; `clearing` is the balance of the house's account."""
        net = Counter()
        for specs in desk.positions(0).values():
            net.update(specs)
        assert not any(net.values()), "C1: positions do not net to zero"
        held = {(agent, spec): position.lots for (spec, agent), position in desk.house.positions.items()}
        for agent, spec in {*held, *self.lots}:
            if self.left_wh(spec, desk.next_period):
                lots = held.get((agent, spec), 0)
                assert lots == self.lots[agent, spec], "C6: positions are not what the rows say"
        house = desk.house
        kept = sum(desk.margin(agent) for agent in range(self.terms.agents)) + sum(house.funds.values()) + house.capital
        kept += 2 * sum(desk.bilateral.collateral.values())
        owed = sum(debt.owed for debts in (house.calls, house.failing) for debt in debts.values())
        assert clearing == kept - owed, "C2: the house is not flat"
        for number, offer in desk.board.offers.items():
            assert offer.until_ms == self.until[number], "C11: an offer's end moved"

    def judge_end(self, desk):
        """After the last delivery."""
        desk.expire(desk.now_ms, lambda _: 0)
        assert not desk.board.offers, "C11: an offer never ends"
        assert not desk.board.requests, "C11: a request never ends"
        assert not any(desk.positions(0).values()), "C1: a position outlives its delivery"

    def judge_waterfall(self, rows):
        """Each layer only after the one before is empty."""
        borne = defaultdict(Counter)
        drawn = Counter()
        capital = self.before["capital"]
        funds = Counter(self.before["fund"])
        waiting = set(self.before["failing"]) | {row.buyer for row in rows if row.event == Event.DEFAULTED}
        for row in rows:
            if row.event not in LAYERS:
                continue
            agent = row.seller if row.event >= Event.LOSS_TO_MUTUAL_FUND else row.buyer
            borne[agent][row.event] += row.amount
            if row.event == Event.LOSS_TO_OWN_FUND:
                assert borne[agent][Event.LOSS_TO_MARGIN] == self.before["margin"][agent], "C9: fund before margin"
            if row.event == Event.LOSS_TO_CAPITAL:
                assert borne[agent][Event.LOSS_TO_OWN_FUND] == self.before["fund"].get(agent, 0), (
                    "C9: house before fund"
                )
                capital -= row.amount
            if row.event == Event.LOSS_TO_MUTUAL_FUND:
                assert capital == 0, "C9: others before the house"
                drawn[row.buyer] += row.amount
                assert drawn[row.buyer] <= funds[row.buyer], "C9: more than a contribution"
            if row.event == Event.LOSS_TO_GAINS:
                assert capital == 0, "C9: gains before the house"
                rest = [a for a, money in funds.items() if a not in waiting and drawn[a] < money]
                assert not rest, "C9: gains before the mutual fund"

    # --- single events

    def signed(self, row):
        return (row.buyer, 1) if row.buyer != NOBODY else (row.seller, -1)

    def on_novated(self, row):
        agent, sign = self.signed(row)
        self.energy[agent, row.spec] += sign * row.quantity_wh
        self.paid[agent, row.spec] += sign * row.quantity_wh * row.price_tick
        self.lots[agent, row.spec] += sign * row.quantity_wh // self.terms.specs[row.spec].lot_wh

    def on_cascaded_into(self, row):
        assert row.price_tick == self.marks[self.came_from], "C7: cascaded at another price than the mark"
        self.on_novated(row)

    def on_variation(self, row):
        # A position that was closed before the mark stands on neither side for sure: it is the buyer's by custom.
        agent, _ = self.signed(row)
        key = agent, row.spec
        self.varied[key] += row.amount
        worth = self.energy[key] * row.price_tick - self.paid[key]
        assert self.varied[key] == worth, "C5: variation margin depends on its path"

    def on_torn_up(self, row):
        agent, sign = self.signed(row)
        self.energy[agent, row.spec] -= sign * row.quantity_wh
        self.paid[agent, row.spec] -= sign * row.quantity_wh * row.price_tick
        left = self.left_wh(row.spec, self.period)
        # After the last energy was delivered the rows do not tell of how many lots they are.
        self.lots[agent, row.spec] -= sign * row.quantity_wh // left if left else 0

    on_closed_out = on_torn_up

    def on_cascaded(self, row):
        self.came_from = row.spec
        assert row.price_tick == self.marks[row.spec], "C7: cascaded at another price than the mark"
        self.on_torn_up(row)

    def left_wh(self, spec, period):
        """Energy of a lot from a period on."""
        product = self.terms.specs[spec]
        return sum(product.profile_wh[max(0, period - product.first_period) :])

    def on_settled(self, row):
        _, sign = self.signed(row)
        assert row.price_tick == self.spot, "C7: settled against another price than the index"
        gain = sign * row.quantity_wh * (row.price_tick - self.marks[row.spec])
        assert row.amount == gain, "C7: final settlement is not index less mark"

    def on_cancelled(self, row):
        self.silent.add(row.contract)

    def on_fulfilled(self, row):
        if row.contract != NOBODY:
            self.silent.add(row.contract)

    def serials(self, row):
        return range(row.contract, row.contract + row.quantity_wh // MWH)

    def on_certificates_issued(self, row):
        for serial in self.serials(row):
            assert serial not in self.owner, "E6: issued twice"
            self.owner[serial] = row.buyer

    def on_certificates_moved(self, row):
        for serial in self.serials(row):
            assert self.owner[serial] == row.seller, "E6: moved by another"
            assert serial not in self.used, "E6: moved after use"
            self.owner[serial] = row.buyer

    def on_certificates_retired(self, row):
        for serial in self.serials(row):
            assert self.owner[serial] == row.seller, "E6: used by another"
            assert serial not in self.used, "E6: used twice"
            self.used.add(serial)

    on_certificates_expired = on_certificates_retired

    def judge_compliance(self, answer, agent, date, sales_wh, quota_ppm):
        """Covered + bought out = needed, once."""
        if answer.code == Code.ALREADY_COMPLIED:
            assert (agent, date) in self.complied, "C12: refused at first"
            return
        assert (agent, date) not in self.complied, "C12: complied twice"
        self.complied.add((agent, date))
        needed = -(-sales_wh * quota_ppm // MWH)
        parts = [row.quantity_wh for row in answer.rows if row.event in (Event.COMPLIED, Event.BOUGHT_OUT)]
        assert sum(parts) == needed, "C12: neither covered nor bought out"
        paid = [leg.amount for leg in answer.legs if leg.cause == LegCause.BUY_OUT and leg.account == agent]
        assert paid == [-row.amount for row in answer.rows if row.event == Event.BOUGHT_OUT and row.amount], "C12: paid"
