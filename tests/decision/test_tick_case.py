"""A tick's case is complete: nothing else decides."""

from dataclasses import replace
from decimal import Decimal

from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.safety_spend import UnreadAccount
from meta_autonomous.decision.tick_case import (
    AccountCase,
    Circumstances,
    TickCase,
    deliberate,
)
from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.quantities import Rates
from tests.builders import NOW, a_day, a_memory, a_snapshot, an_ad
from tests.decision.shop import a_campaign, an_adset

#: A campaign with ROAS 5 for four weeks: a larger budget is wanted.
READ = a_snapshot(
    a_campaign(),
    an_adset(),
    an_ad(),
    performance={"a1": a_day(100, 5, purchases=20)},
)
ACCOUNT = AccountCase(snapshot=READ, memory=a_memory(READ), restatements=None)
AROUND = Circumstances(now=NOW, is_auto=False, book=PolicyBook(), rates=Rates({}))


def test_the_same_case_gives_the_same_plan_every_time():
    case = TickCase(circumstances=AROUND, accounts=(ACCOUNT,))
    one, situations = deliberate(case)
    two, _ = deliberate(case)
    assert one == two
    assert [decision.outcome for decision in one.decisions] == [Outcome.QUEUED]
    assert [situation.snapshot for situation in situations] == [READ]


def test_mode_limits_and_other_hands_money_are_part_of_it():
    def outcome(around: Circumstances) -> tuple[Outcome, Decimal | None]:
        plan, _ = deliberate(TickCase(circumstances=around, accounts=(ACCOUNT,)))
        (decision,) = plan.decisions
        return decision.outcome, decision.action.change_pct

    assert outcome(AROUND) == (Outcome.QUEUED, Decimal("0.2"))
    assert outcome(replace(AROUND, is_auto=True)) == (Outcome.EXECUTED, Decimal("0.1"))
    smaller = PolicyBook(limits=Limits(max_daily_change_pct=Decimal("0.12")))
    assert outcome(replace(AROUND, book=smaller)) == (Outcome.QUEUED, Decimal("0.12"))
    unread = replace(AROUND, unread=(UnreadAccount(account_id="2"),))
    assert outcome(unread)[0] is Outcome.SAFETY_BLOCKED
    reserved = replace(AROUND, reserved_usd={"elsewhere": Decimal(9_480)})
    assert outcome(reserved) == (Outcome.QUEUED, Decimal("0.04"))
