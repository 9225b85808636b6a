"""A desk with a bank beside it: balances that follow the desk's legs, and short ways to say commands."""

from wattbook.contracts import Code, ContractSpec, Desk, DeskTerms, Kind, LegCause, Verb
from wattbook.messages import BUY, SELL, Command

DAY_MS = 86_400_000
QUARTER_MS = 900_000
NEVER = 1 << 40


def spec(name="base", kind=Kind.FUTURE_CASH, first=96, profile=(10_000,) * 4, **given):
    return ContractSpec(name, "zone", kind, first, tuple(profile), **given)


class Bank:
    """Posts the legs of every answer, and asserts what each answer owes."""

    def __init__(self, *specs, agents=4, money=10**12, **terms):
        self.desk = Desk(DeskTerms(agents=agents, specs=specs or (spec(),), **terms))
        self.agents = agents
        self.balance = [*([money] * agents if isinstance(money, int) else money), *[0] * 6]
        self.rows = []
        self.legs = []
        self.now_ms = 0

    def available(self, agent):
        return self.balance[agent]

    def post(self, answer):
        by_cause = {}
        for leg in answer.legs:
            assert leg.amount != 0
            by_cause[leg.cause] = by_cause.get(leg.cause, 0) + leg.amount
            self.balance[leg.account] += leg.amount
        assert set(by_cause.values()) <= {0}
        assert len({(leg.account, leg.cause) for leg in answer.legs}) == len(answer.legs)
        assert all(-(1 << 63) <= value < 1 << 63 for line in (*answer.rows, *answer.legs) for value in line)
        self.rows += answer.rows
        self.legs += answer.legs
        self.desk.check()
        return answer

    def do(self, agent, verb, order=0, *, spec=-1, side=0, price=0, lots=0, good=DAY_MS, at=None, period=-1):
        """Send one command; a refusal must leave every byte of the desk as it was."""
        self.now_ms = self.now_ms if at is None else at
        before = self.desk.export()
        command = Command(self.now_ms, agent, verb, spec, period, order, side, price, lots, good)
        answer = self.post(self.desk.apply(command, self.available))
        if answer.code != Code.OK:
            assert self.desk.export() == before
            assert answer == (answer.code, 0, (), ())
        return answer

    def trade(self, buyer, seller, price, lots=1, spec=0):
        """Sign through a posted price; the number of the contract."""
        post = self.do(seller, Verb.POST, spec=spec, side=SELL, price=price, lots=lots).reference
        answer = self.do(buyer, Verb.TAKE, post, price=price, lots=lots)
        assert answer.code == Code.OK, answer.code
        return answer.reference

    def mark(self, price=None, at=None, spec=0):
        self.now_ms = self.now_ms if at is None else at
        return self.post(self.desk.mark(self.now_ms, self.available, {} if price is None else {spec: price}))

    def expire(self, at):
        self.now_ms = at
        return self.post(self.desk.expire(at, self.available))

    def deliver(self, period, spot=0, meters=None, premium=None):
        self.now_ms = max(self.now_ms, (period + 1) * QUARTER_MS)
        read = lambda agent: (meters or {}).get(agent, 0)  # noqa: E731
        paid = premium and (lambda agent: premium.get(agent, 0))
        return self.post(self.desk.deliver(self.now_ms, period, spot, read, self.available, paid))

    def deliver_until(self, period):
        for each in range(self.desk.next_period, period):
            self.deliver(each)

    def of(self, event):
        return [row for row in self.rows if row.event == event]

    def got(self, account, *causes):
        """Money that an account got for these causes."""
        wanted = {int(cause) for cause in causes or LegCause}
        return sum(leg.amount for leg in self.legs if leg.account == account and leg.cause in wanted)


__all__ = ["BUY", "DAY_MS", "NEVER", "QUARTER_MS", "SELL", "Bank", "spec"]
