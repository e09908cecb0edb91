"""How far a budget may move, and the caps on all of them."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from tests.worlds.invariants.found import Found, at_least, up_to
from tests.worlds.shop import DAY, Account, Thing, daily_equivalent
from tests.worlds.witness import INTERVAL_SECONDS, Witness, Write

HOUR: Final = 3_600


def _bases(write: Write, witness: Witness) -> list[Fraction]:
    """Every budget per day that was in force within the last 24 hours."""
    thing, since = write.thing, write.at - DAY
    amounts = [write.old]
    for turn in witness.could_be_seen(thing):
        if turn.field == "budget" and turn.at > since:
            amounts += [turn.old, turn.new]
    per_day = [daily_equivalent(thing, write.at, int(one)) for one in amounts]
    return [one for one in per_day if one > 0]


def a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.is_raise and not write.is_undo:
        lowest = min(_bases(write, witness))
        limit = lowest * (1 + witness.change_limit(write))
        if write.thing.kind == "lifetime":
            limit += 1
        yield up_to(daily_equivalent(write.thing, write.at, write.new), limit)


def a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.is_cut and not write.is_undo:
        highest = max(_bases(write, witness))
        limit = highest * (1 - witness.change_limit(write))
        if write.thing.kind == "lifetime":
            limit -= 1
        yield at_least(daily_equivalent(write.thing, write.at, write.new), limit)


def a_lifetime_budget_is_not_raised_in_its_last_24_hours(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.is_raise and not write.is_undo and write.thing.kind == "lifetime":
        assert write.thing.ends is not None
        yield at_least(write.thing.ends - write.at, DAY)


def _adds(write: Write, witness: Witness) -> bool:
    """A reallocation moves money and adds none: its raise is sent after its cut."""
    return write.gives_more and not (write.is_of_a_move and not write.is_undo)


def a_campaign_stays_under_its_cap(write: Write, witness: Witness) -> Iterator[Found]:
    if not _adds(write, witness) or write.is_of_a_move:
        return
    campaign, account = write.thing.campaign, write.thing.account
    holders = [campaign] if campaign.budget is not None else campaign.children
    total = Fraction(0)
    for one in holders:
        is_counted = one is campaign or (
            witness.known(one, "status") == "ACTIVE" and not one.has_ended(write.at)
        )
        if one is write.thing and write.field == "budget":
            total += daily_equivalent(one, write.at, write.new)
        elif is_counted or one is write.thing:
            total += witness.per_day(one)
    usd = witness.usd(total, account)
    if usd is not None:
        cap = Fraction(witness.settings.limits.max_campaign_budget_usd)
        yield up_to(usd, cap + witness.slack(account))


def _elsewhere(
    account: Account, write: Write, witness: Witness
) -> tuple[Fraction, Fraction] | None:
    """(spent today, projected day) of another account, in USD, as the contract lets it count: as
    read in this deed; for a person as last read, if younger than two intervals; for a tick that
    could not read it as the higher of its last projected day and 1.75 times its budgets. None:
    nothing is known of it."""
    read = witness.reads.get(account.id)
    spent = witness.usd(witness.spent_today(account), account)
    projected = witness.projected(account)
    is_fresh = read is not None and read.deed == write.deed.number
    if spent is None or projected is None or (read is None and account.unreadable):
        return None
    if is_fresh or (read is None and write.deed.kind != "tick"):
        return spent, projected
    if read is None:
        return None
    if write.deed.kind == "tick":
        worst = max(read.projected, read.budgets * Fraction(175, 100))
        return worst, worst
    if write.at - read.at < 2 * INTERVAL_SECONDS or account.unreadable:
        return min(spent, read.projected), min(projected, read.projected)
    return spent, projected


def the_days_spend_stays_under_its_cap(write: Write, witness: Witness) -> Iterator[Found]:
    if not _adds(write, witness) or write.is_of_a_move:
        return
    thing, account = write.thing, write.thing.account
    after: dict[Thing, Any] = {thing: write.new}
    before_run = {one for one in account.holders() if witness.runs(one, write.at)}
    woken = [
        one
        for one in account.holders()
        if one not in before_run and witness._runs_after(one, after)
    ]
    changed = [thing] if write.field == "budget" else woken
    today = account.day_of(write.at)
    spent = witness.spent_today(account) - sum(one.total(today, today).spend for one in changed)
    new = sum((witness.per_day(one, after) for one in changed), Fraction(0))
    seeds, projected = witness.usd(spent + new, account), witness.projected(account, after)
    slack = witness.slack(account)
    others = [
        _elsewhere(other, write, witness)
        for other in witness.shop.accounts
        if other is not account
    ]
    if seeds is None or projected is None or None in others:
        yield Found(holds=False, told="the day's spend is not known in whole")
        return
    cap = Fraction(witness.settings.limits.max_daily_spend_usd) + slack
    for other in witness.shop.accounts:
        cap += witness.slack(other)
    yield up_to(
        seeds + sum(one[0] for one in others if one), cap, "the seed's sum is over the cap"
    )
    yield up_to(
        projected + sum(one[1] for one in others if one),
        cap,
        f"the projected day is over the cap of {float(cap):.2f}: {float(projected):.2f} here",
    )
