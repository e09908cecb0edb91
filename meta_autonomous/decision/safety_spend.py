"""Today's money over all accounts: what is spent, what may still be, and the cap on both.

Two sums are kept under the cap. The *seed's sum*: what everything else has spent today, plus the
new budget. The *projected day*: for whatever can still deliver today the larger of its budget and
its spend, for the rest its spend. What was granted before counts in both. "Today" is each
account's own day. Amounts are USD.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from meta_autonomous.decision.budgets import SMALLEST_CHANGE
from meta_autonomous.decision.context import Case, HolderSpend, Situation, Totals
from meta_autonomous.decision.geo import has_ended
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.rules import (
    NoRate,
    blocks,
    both,
    ceiling,
    dollars,
    largest_within,
    listed,
    net_increase,
    no_rate,
    passes,
    priced,
    tidy,
    usd_of,
)
from meta_autonomous.domain.action import Action, ActionType
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Budget,
    Campaign,
    Entity,
    Level,
    Status,
)
from meta_autonomous.domain.performance import NOTHING
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Flip, Verdict

#: Meta may spend this much of a daily budget on one day; an unread account is taken at its worst.
WORST_OVERSPEND: Final = Decimal("1.75")
_NOTHING: Final = Decimal(0)


# --- totals -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadAccount:
    """What is on record of an account that this tick could not read. None: not known."""

    account_id: str
    projected_usd: Decimal | None = None
    budgets_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpend:
    """One account's day: its part of `Totals`, and its budgets for a day on which it is unread."""

    spent_usd: Decimal
    projected_usd: Decimal
    budgets_usd: Decimal
    holders: Mapping[str, HolderSpend]


def daily_spend_totals(
    situations: Iterable[Situation],
    *,
    book: PolicyBook,
    now: datetime,
    unread: Iterable[UnreadAccount] = (),
    granted_usd: Mapping[str, Decimal] | None = None,
) -> Totals:
    """The money of all accounts together; in scope or not, each entity counts."""
    spent = projected = stand_ins = _NOTHING
    holders: dict[str, HolderSpend] = {}
    unpriced: list[str] = []
    for situation in situations:
        account = situation.snapshot.account
        spend = account_spend(situation, book, now)
        if spend is None:
            unpriced.append(f"account {account.id}: {no_rate(account.currency)}")
            continue
        if situation.snapshot.unlisted:
            missing = ", ".join(sorted(situation.snapshot.unlisted)[:3])
            unpriced.append(
                f"account {account.id}: Meta's lists leave out {missing}, below which something "
                "delivers, so not all budgets are known"
            )
        spent += spend.spent_usd
        projected += spend.projected_usd
        holders |= spend.holders
    for record in unread:
        worst = _stand_in(record)
        if worst is None:
            unpriced.append(f"account {record.account_id} was never read")
            continue
        spent += worst
        projected += worst
        stand_ins += worst
    return Totals(
        spent_usd=spent,
        stand_in_usd=stand_ins,
        projected_usd=projected,
        holders=holders,
        unpriced=tuple(unpriced),
        granted_usd=dict(granted_usd or {}),
    )


def account_spend(situation: Situation, book: PolicyBook, now: datetime) -> AccountSpend | None:
    """One account's day; None when its currency has no rate."""
    snapshot, rates = situation.snapshot, situation.rates
    account = snapshot.account
    if rates.rate(account.currency) is None:
        return None

    def usd_of_micros(spend_micros: int) -> Decimal:
        return rates.usd_of_micros(spend_micros, account.currency) or _NOTHING

    spent_micros = sum(
        days.get(snapshot.today, NOTHING).spend_micros
        for days in snapshot.days.get(Level.CAMPAIGN, {}).values()
    )
    projected_more = budgets = _NOTHING
    holders: dict[str, HolderSpend] = {}
    for holder, budget in _holders(snapshot):
        spent = usd_of_micros(snapshot.spent_today(holder).spend_micros)
        daily = rates.usd(_most_today(budget, now)) or _NOTHING
        counts = _can_deliver(holder, snapshot, now)
        holders[holder.id] = HolderSpend(budget_usd=daily, spent_usd=spent, counts=counts)
        if counts:
            factor = _factor(holder, snapshot, book)
            projected_more += max(daily * factor - spent, _NOTHING)
            budgets += daily
    everywhere = book.limits_for(account.id, "").daily_overspend_factor
    for holder_id in snapshot.unread:
        spent = usd_of_micros(snapshot.spent_today_unread(holder_id).spend_micros)
        daily = _unread_usd(holder_id, situation, book, now)
        holders[holder_id] = HolderSpend(budget_usd=daily, spent_usd=spent, counts=True)
        projected_more += max(daily * everywhere - spent, _NOTHING)
        budgets += daily
    spent_usd = usd_of_micros(spent_micros)
    return AccountSpend(
        spent_usd=spent_usd,
        projected_usd=spent_usd + projected_more,
        budgets_usd=budgets,
        holders=holders,
    )


def _unread_usd(holder_id: str, situation: Situation, book: PolicyBook, now: datetime) -> Decimal:
    """What counts as the budget of a campaign or ad set that could not be understood: what its
    row says; else, as for an unread account, the last known one at its worst; else the most that
    a campaign may have, or that it was seen to spend in a day."""
    budget = situation.snapshot.unread[holder_id].budget
    last = situation.memory.last_budgets.get(holder_id)
    if budget is not None:
        return situation.usd(_most_today(budget, now)) or _NOTHING
    if last is not None:
        return (situation.usd(last) or _NOTHING) * WORST_OVERSPEND
    seen = situation.usd_of_micros(situation.snapshot.most_spent_unread(holder_id))
    return max(book.limits.max_campaign_budget_usd, seen or _NOTHING)


def _stand_in(record: UnreadAccount) -> Decimal | None:
    known = [record.projected_usd] if record.projected_usd is not None else []
    if record.budgets_usd is not None:
        known.append(record.budgets_usd * WORST_OVERSPEND)
    return max(known, default=None)


def _holders(snapshot: AccountSnapshot) -> Iterable[tuple[Entity, Budget]]:
    for holder in (*snapshot.campaigns.values(), *snapshot.adsets.values()):
        if holder.budget is not None:
            yield holder, holder.budget


def _most_today(budget: Budget, now: datetime) -> Money:
    """The budget per day; of a lifetime budget without a known end, all that is left of it."""
    return budget.daily(now) or budget.remaining or budget.amount


def _can_deliver(holder: Entity, snapshot: AccountSnapshot, now: datetime) -> bool:
    """By what someone set, not by the effective status: that one lags behind a write."""
    chain = (holder, *snapshot.parents_of(holder))
    return snapshot.account.can_deliver and all(
        entity.status == Status.ACTIVE and not has_ended(entity, now) for entity in chain
    )


def _factor(holder: Entity, snapshot: AccountSnapshot, book: PolicyBook) -> Decimal:
    if not book.overrides:
        return book.limits.daily_overspend_factor
    return book.limits_of(holder, snapshot).daily_overspend_factor


# --- what an action adds ------------------------------------------------------------------------


def extra_usd(action: Action, situation: Situation, now: datetime) -> dict[str, Decimal]:
    """USD per day that each budget holder may spend beyond its present budget, once granted.

    An increase adds its difference, a resume the whole of the budgets that begin to count, a
    reallocation what it adds net (its increase is sent only after the decrease is confirmed).
    Cuts and pauses add nothing, and take nothing away before they are confirmed. Raises
    ValueError when the currency has no rate.
    """
    amounts: dict[str, Money] = {}
    if action.type is ActionType.RESUME:
        begins = _begins(action.entity, situation.snapshot, now)
        amounts = {holder.id: _most_today(budget, now) for holder, budget in begins}
    elif action.raises_spend and net_increase(action).minor > 0:
        amounts = {action.increases[0].entity.id: net_increase(action)}
    extra: dict[str, Decimal] = {}
    for holder_id, amount in amounts.items():
        usd = situation.usd(amount)
        if usd is None:
            raise NoRate(amount.currency)
        extra[holder_id] = usd
    return extra


def _begins(
    resumed: Entity, snapshot: AccountSnapshot, now: datetime
) -> Iterable[tuple[Entity, Budget]]:
    """The budgets that can be spent once `resumed` is active, and can't be now.

    Under a paused parent nothing would begin to deliver; it counts all the same, so that resuming
    the parent later finds the money set aside.
    """
    if isinstance(resumed, Campaign) and resumed.budget is None:
        for adset in snapshot.adsets_of(resumed.id):
            if adset.status == Status.ACTIVE and not has_ended(adset, now):
                if adset.budget is None:
                    raise ValueError(f"the budget of ad set {adset.id} is unknown")
                yield adset, adset.budget
        return
    holder = snapshot.budget_holder(resumed)
    if holder is None or holder.budget is None:
        raise ValueError(f"nobody knows whose budget {resumed.id} spends")
    if holder.id == resumed.id or not _can_deliver(holder, snapshot, now):
        yield holder, holder.budget


# --- safety.daily_spend -------------------------------------------------------------------------


class _Sums(NamedTuple):
    others: Decimal  # the seed's sum without the new budget
    new: Decimal  # the new budget, or all that begin to count
    projected: Decimal  # the projected day with the action


def within_daily_cap(
    spend_today: Decimal, new: Decimal, limits: Limits, *, projected: Decimal | None = None
) -> Verdict:
    """The seed's sum, and the projected day where it is known."""
    total, cap = spend_today + new, limits.max_daily_spend_usd
    told = f"Other spend today {dollars(spend_today)} + {dollars(new)} = {dollars(total)}"
    if projected is not None:
        told += f", projected day {dollars(projected)}"
    worse = total if projected is None else max(total, projected)
    if worse > cap:
        told += f": over the daily cap of {dollars(cap)}. Free some, or raise MAX_DAILY_SPEND_USD."
        return blocks(tidy(worse), cap, told, flip=_higher_cap(worse, cap))
    return passes(tidy(worse), cap, f"{told}: within the daily cap of {dollars(cap)}.")


def daily_spend(action: Action, case: Case) -> Verdict:
    """All accounts together stay under the day's cap, by what is spent and by what may be."""
    cap = case.limits.max_daily_spend_usd
    if action.legs and net_increase(action).minor <= 0:
        return passes(tidy(case.totals.projected_usd), cap, "It adds nothing to the day's spend.")
    if case.totals.unpriced:
        told = f"The day's spend is not known in whole: {listed(case.totals.unpriced)}."
        told += " No budget is raised until it is."
        return blocks(None, cap, told, flip=both([_known(one) for one in case.totals.unpriced]))
    sums = _sums(action, case)
    verdict = within_daily_cap(sums.others, sums.new, case.limits, projected=sums.projected)
    if verdict:
        return verdict
    return replace(
        verdict,
        allowed=_room(action, sums, case),
        flip=_higher_cap(_least(action, case), case.limits.max_daily_spend_usd),
    )


def _known(unpriced: str) -> Flip:
    """What is missing is a rate, whose variable the sentence names, or a read."""
    variable = re.search(r"META_AUTO_FX_\w+", unpriced)
    if variable is not None:
        return priced(variable[0])
    return Flip(fact="unpriced", needed=0, words=f"once all accounts are read ({unpriced})")


def _higher_cap(needed_usd: Decimal, cap: Decimal) -> Flip:
    needed = ceiling(needed_usd)
    return Flip(
        fact="MAX_DAILY_SPEND_USD",
        needed=needed,
        words=f"with MAX_DAILY_SPEND_USD of at least {needed:,} (it is {cap:,f})",
    )


def _least(action: Action, case: Case) -> Decimal:
    """The lowest cap under which the action fits: a scale-up at its smallest size."""
    if action.type is ActionType.SCALE_UP:
        action = action.with_budget(action.legs[0].current.times_up(1 + SMALLEST_CHANGE))
    sums = _sums(action, case)
    return max(sums.others + sums.new, sums.projected)


def _sums(action: Action, case: Case) -> _Sums:
    """With everything granted elsewhere; this action's own entities stand at what they become."""
    totals, factor = case.totals, case.limits.daily_overspend_factor
    now_usd, after_usd = _now_and_after(action, case)
    granted = totals.granted_elsewhere(*now_usd)
    spent = sum((_holder(key, case).spent_usd for key in now_usd), _NOTHING)
    rise = rise_usd(action, case)
    return _Sums(
        others=totals.spent_usd - spent + granted,
        new=sum(after_usd.values(), _NOTHING),
        projected=totals.projected_usd + granted * max(factor, Decimal(1)) + rise,
    )


def rise_usd(action: Action, case: Case) -> Decimal:
    """By how much the action raises the projected day; negative where it lowers it. Raises
    ValueError for a budget that the totals do not know."""
    factor = case.limits.daily_overspend_factor
    now_usd, after_usd = _now_and_after(action, case)
    rise = _NOTHING
    for key, after in after_usd.items():
        holder = _holder(key, case)
        counted = now_usd[key] * factor if holder.counts else _NOTHING
        rise += max(after * factor, holder.spent_usd) - max(counted, holder.spent_usd)
    return rise


def _now_and_after(action: Action, case: Case) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """USD per day of each budget that the action changes or wakes, before and after."""
    if action.type is ActionType.RESUME:
        wakes = extra_usd(action, case.situation, case.now)
        return dict.fromkeys(wakes, _NOTHING), wakes
    now = {leg.entity.id: usd_of(case, leg.current) for leg in action.legs}
    return now, {leg.entity.id: usd_of(case, leg.proposed) for leg in action.legs}


def _holder(holder_id: str, case: Case) -> HolderSpend:
    known = case.totals.holders.get(holder_id)
    if known is None:
        raise ValueError(f"the totals of the day do not know the budget of {holder_id}")
    return known


def _room(action: Action, sums: _Sums, case: Case) -> Money | None:
    """The largest daily budget under both sums; not below the present one. Of a scale-up only."""
    if action.type is not ActionType.SCALE_UP:
        return None
    leg = action.legs[0]
    cap, factor = case.limits.max_daily_spend_usd, case.limits.daily_overspend_factor
    spent = _holder(leg.entity.id, case).spent_usd
    left_today = cap - (sums.projected - max(sums.new * factor, spent))
    if left_today < spent:
        return leg.current
    room = min(cap - sums.others, left_today / max(factor, Decimal(1)))
    allowed = largest_within(room, leg.current.currency, case.situation.rates)
    return max(leg.current, allowed, key=lambda money: money.minor)
