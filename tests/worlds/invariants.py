"""What no write may do, whatever the world: each promise is one small function.

An invariant yields what it found of a write (or of a tick): whether it holds, and how near the
limit it was. It yields nothing of a write that it does not concern. The arithmetic is its own,
from the operator's settings and the shop's past.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from tests.worlds.shop import AD, ADSET, DAY, SYSTEM, Account, Thing, daily_equivalent
from tests.worlds.witness import INTERVAL_SECONDS, SETTLE_SECONDS, Witness, Write

HOUR: Final = 3_600
_AS_MUCH: Final = Fraction(95, 100)


@dataclass(frozen=True, slots=True)
class Found:
    holds: bool
    is_near: bool = False  # within 5 % of the limit
    told: str = ""


WriteInvariant = Callable[[Write, Witness], Iterator[Found]]


def up_to(observed: Fraction | int, limit: Fraction | int, told: str = "") -> Found:
    return Found(
        observed <= limit,
        limit > 0 and observed >= limit * _AS_MUCH,
        told or f"{float(observed):.6f} > {float(limit):.6f}",
    )


def at_least(observed: Fraction | int, limit: Fraction | int, told: str = "") -> Found:
    return Found(
        observed >= limit,
        limit > 0 and observed * _AS_MUCH <= limit,
        told or f"{float(observed):.6f} < {float(limit):.6f}",
    )


# --- how far a budget may move ------------------------------------------------------------------


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


# --- caps ---------------------------------------------------------------------------------------


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


# --- time ---------------------------------------------------------------------------------------


def nothing_young_is_touched(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_undo or (write.is_pause and write.deed.kind != "tick"):
        return
    limits = witness.settings.limits
    hours = limits.min_age_hours
    if write.thing.level == AD and not write.is_pause:
        hours = max(hours, limits.creative_embargo_hours)
    yield at_least(write.at - write.thing.created, Fraction(hours) * HOUR)


def a_change_rests_until_its_cooldown_is_over_whoever_made_it(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.is_pause or write.is_undo:
        return
    cooldown = witness.limit("action_cooldown_hours", write.thing) * HOUR
    turns = witness.could_be_seen(write.thing)
    if turns and cooldown > 0:
        last = turns[-1]
        yield at_least(write.at - last.at, cooldown, f"changed at {last.at} by {last.by}")


def nothing_but_a_pause_happens_in_a_freeze(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_pause:
        return
    for freeze in witness.settings.freezes:
        begins, ends = (witness.begins + hours * HOUR for hours in freeze)
        is_near = abs(write.at - begins) < HOUR or abs(write.at - ends) < HOUR
        yield Found(not begins <= write.at < ends, is_near, f"{write.at} in {begins}..{ends}")


def no_ad_sets_budget_is_sent_more_than_three_times_an_hour(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.field == "budget" and write.thing.level == ADSET:
        earlier = [
            one
            for one in witness.writes
            if one.thing is write.thing and one.field == "budget" and write.at - one.at < HOUR
        ]
        yield Found(len(earlier) < 3, len(earlier) == 2, f"{len(earlier)} were sent before")


def a_cut_leaves_a_tenth_above_what_was_spent(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_cut:
        thing = write.thing
        today = thing.account.day_of(write.at)
        is_daily = thing.kind == "daily"
        spent = thing.total(today, today).spend if is_daily else thing.spent_ever()
        yield at_least(write.new, Fraction(11, 10) * spent)


def what_is_in_doubt_gets_no_other_write(write: Write, witness: Witness) -> Iterator[Found]:
    since = witness.doubts.get(write.thing.id)
    if since is not None:
        elapsed = write.at - since
        yield at_least(elapsed, SETTLE_SECONDS, f"in doubt since {since}")


# --- evidence -----------------------------------------------------------------------------------


def nothing_is_changed_on_too_little_data(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_undo or (write.is_pause and write.deed.kind != "tick"):
        return
    spend, impressions, _, _ = witness.window(write.thing, witness.evidence_at(write))
    limits = witness.settings.limits
    if spend is None:
        yield Found(holds=False, told="the currency has no rate")
        return
    yield at_least(spend, Fraction(limits.min_spend_usd))
    is_hard_stop = write.intent is not None and write.intent.is_hard_stop
    if not is_hard_stop:
        yield at_least(impressions, Fraction(limits.min_impressions))


def the_returns_justify_the_direction(write: Write, witness: Witness) -> Iterator[Found]:
    """The seed's point conditions. Days without a purchase may be an outage, which leaves the
    window: then the program knows better than this."""
    account = write.thing.account
    if write.is_undo or write.is_of_a_move or write.field != "budget" or not account.tracks:
        return
    roas = witness.roas(write.thing)
    if roas is None:
        yield Found(holds=False, told="no spend, no ROAS")
    elif write.is_raise:
        yield at_least(roas, Fraction(witness.settings.limits.scale_up_roas))
    else:
        yield up_to(roas, Fraction(witness.settings.limits.scale_down_roas))


def what_is_surely_in_hard_stop_gets_no_more_money(
    write: Write, witness: Witness
) -> Iterator[Found]:
    """Surely: many orders' worth of spend came back to less than a third of the limit."""
    if not write.gives_more or write.is_undo:
        return
    limits = witness.settings.limits
    for one in write.thing.lineage:
        at = witness.evidence_at(write) if one is write.thing else write.at
        roas = witness.roas(one, at)
        spend, *_ = witness.window(one, at)
        if roas is None or spend is None or spend < max(limits.min_spend_usd, 500):
            continue
        is_sure = roas < Fraction(limits.hard_stop_roas) / 3 and one.account.tracks
        is_near = roas < Fraction(limits.hard_stop_roas)
        yield Found(not is_sure, is_near, f"{one.level} {one.id} has a ROAS of {float(roas):.3f}")


def what_is_learning_is_not_raised(write: Write, witness: Witness) -> Iterator[Found]:
    if (
        write.is_raise
        and not write.is_undo
        and write.thing.level == ADSET
        and witness.settings.limits.block_increase_while_learning
    ):
        yield Found(not write.thing.learning, told=f"{write.thing.id} is learning")


def money_goes_only_to_approved_creatives(write: Write, witness: Witness) -> Iterator[Found]:
    if not write.gives_more:
        return
    needs_people = witness.settings.limits.require_human_approval_creatives
    for ad in witness.ads_that_would_run(write.thing):
        told = f"ad {ad.id}, creative {ad.creative}"
        if needs_people:
            yield Found(ad.creative in witness.approved, told=f"{told} has no approval")
        # Under a pause Meta says of an ad that it is paused, and not that its review is pending.
        is_hidden = write.is_resume and ad.review == "PENDING_REVIEW"
        if not is_hidden:
            yield Found(ad.review in (None, "WITH_ISSUES"), told=f"{told} is {ad.review}")


def the_countries_are_not_pushed_further_out(write: Write, witness: Witness) -> Iterator[Found]:
    """The sum of what the shares of countries exceed their limits by does not grow."""
    if not write.is_raise or write.is_undo or write.is_of_a_move:
        return
    before = _excess(write, witness, {})
    after = _excess(write, witness, {write.thing: write.new})
    if before is not None and after is not None:
        tolerance = Fraction(1, 1_000)
        yield Found(after - before <= tolerance, after > 0, f"{float(before)} -> {float(after)}")


def _excess(write: Write, witness: Witness, changed: Mapping[Thing, Any]) -> Fraction | None:
    shares: dict[str, Fraction] = {}
    first, last = write.thing.account.window(write.at, witness.settings.limits.lookback_days)
    for holder in write.thing.account.holders():
        adsets = [holder] if holder.level == ADSET else holder.children
        live = [
            one
            for one in adsets
            if witness.known(one, "status") == "ACTIVE" and not one.has_ended(write.at)
        ]
        if not live or not witness.runs(holder, write.at):
            continue
        weights = {one: one.total(first, last).spend for one in live}
        if not sum(weights.values()):
            weights = dict.fromkeys(live, 1)
        daily = witness.per_day(holder, dict(changed))
        whole = sum(weights.values())
        for one, weight in weights.items():
            for country in one.countries:
                part = daily * weight / whole / len(one.countries)
                shares[country] = shares.get(country, Fraction(0)) + part
    total = sum(shares.values())
    if not total:
        return None
    limits = witness.settings.limits
    excess = Fraction(0)
    for country, amount in shares.items():
        share = amount / total
        if country == "ES":
            excess += max(Fraction(limits.min_spain_percentage) - share, Fraction(0))
        if not (country == "ES" and len(shares) == 1):
            excess += max(share - Fraction(limits.max_single_country_pct), Fraction(0))
    return excess


# --- who decides, and where ---------------------------------------------------------------------


def a_tick_never_reallocates_or_resumes_by_itself(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.deed.kind == "tick":
        kind = write.intent.type if write.intent is not None else "unknown"
        is_either = write.is_resume or kind in ("reallocate", "resume")
        yield Found(not is_either, told=f"a tick sent a {kind}")


def a_tick_does_only_the_types_that_are_automatic(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.deed.kind == "tick":
        kind = "pause" if write.is_pause else "scale_up" if write.gives_more else "scale_down"
        allowed = {str(one) for one in witness.settings.limits.auto_action_types}
        yield Found(kind in allowed, len(allowed) < 3, f"{kind} is not automatic")


def a_tick_scales_only_when_it_is_sure_enough(write: Write, witness: Witness) -> Iterator[Found]:
    if write.deed.kind == "tick" and write.field == "budget":
        sure = write.intent.confidence if write.intent is not None else None
        yield at_least(sure or Fraction(0), Fraction(witness.settings.limits.min_auto_confidence))


def in_suggest_mode_a_tick_writes_nothing_by_itself(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.deed.kind == "tick":
        is_meant = (
            witness.settings.limits.hard_stop_executes_in_suggest
            and write.is_pause
            and write.intent is not None
            and write.intent.is_hard_stop
        )
        yield Found(write.deed.mode == "auto" or is_meant, write.deed.mode == "suggest")


def a_tick_that_is_stopped_or_dry_writes_nothing(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.deed.kind == "tick":
        yield Found(write.deed.is_on and not write.deed.is_dry)


def nothing_outside_the_scope_is_touched(write: Write, witness: Witness) -> Iterator[Found]:
    scope, campaign = witness.settings.scope, write.thing.campaign
    if scope.include or scope.exclude:
        ids = (campaign.id, write.thing.id)
        is_in = not scope.include or any(
            one in ids or _fits(one, campaign.name) for one in scope.include
        )
        is_out = any(one in ids or _fits(one, campaign.name) for one in scope.exclude)
        yield Found(is_in and not is_out, told=f"{campaign.name} is outside {scope}")


def _fits(pattern: str, name: str) -> bool:
    head, star, tail = pattern.partition("*")
    return name.startswith(head) and name.endswith(tail) if star else name == pattern


def automatic_pauses_do_not_take_most_of_an_account_in_a_day(
    write: Write, witness: Witness
) -> Iterator[Found]:
    if write.deed.kind != "tick" or not write.is_pause:
        return
    account = write.thing.account
    paused = {
        one.thing
        for one in (*witness.writes, write)
        if one.thing.account is account
        and one.deed.kind == "tick"
        and one.is_pause
        and write.at - one.at < DAY
        and (one is write or any(t.at == one.at and t.by == SYSTEM for t in one.thing.past))
    }
    first, last = account.window(write.at, witness.settings.limits.lookback_days)
    covered = sum(
        one.total(first, last).spend
        for one in paused
        if not any(parent in paused for parent in one.lineage[1:])
    )
    whole = sum(one.total(first, last).spend for one in account.campaigns)
    share = Fraction(covered, whole) if whole else Fraction(0)
    is_near = len(paused) >= 2 and share > Fraction(2, 5)
    is_too_much = len(paused) >= 3 and share > Fraction(1, 2)
    yield Found(not is_too_much, is_near, f"{len(paused)} pauses cover {float(share):.3f}")


# --- how it is sent -----------------------------------------------------------------------------


def every_write_has_its_own_committed_intent(write: Write, witness: Witness) -> Iterator[Found]:
    intent = write.intent
    if intent is None:
        yield Found(holds=False, told="no committed record says that this was meant")
        return
    yield Found(
        intent.attempt_id not in witness.used_intents, told=f"{intent.attempt_id} was sent before"
    )
    is_it = intent.field == write.name and intent.new == str(write.new)
    yield Found(is_it, told=f"meant {intent.field} = {intent.new}")


def an_undo_puts_back_exactly_what_was_replaced(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_undo:
        ours = [
            turn
            for turn in write.thing.past
            if turn.field == write.field and turn.by == SYSTEM and turn.new == write.old
        ]
        yield Found(any(turn.old == write.new for turn in ours), told="nobody replaced that value")


WRITE_INVARIANTS: Final[tuple[WriteInvariant, ...]] = (
    a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
    a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
    a_lifetime_budget_is_not_raised_in_its_last_24_hours,
    a_campaign_stays_under_its_cap,
    the_days_spend_stays_under_its_cap,
    nothing_young_is_touched,
    a_change_rests_until_its_cooldown_is_over_whoever_made_it,
    nothing_but_a_pause_happens_in_a_freeze,
    no_ad_sets_budget_is_sent_more_than_three_times_an_hour,
    a_cut_leaves_a_tenth_above_what_was_spent,
    what_is_in_doubt_gets_no_other_write,
    nothing_is_changed_on_too_little_data,
    the_returns_justify_the_direction,
    what_is_surely_in_hard_stop_gets_no_more_money,
    what_is_learning_is_not_raised,
    money_goes_only_to_approved_creatives,
    the_countries_are_not_pushed_further_out,
    a_tick_never_reallocates_or_resumes_by_itself,
    a_tick_does_only_the_types_that_are_automatic,
    a_tick_scales_only_when_it_is_sure_enough,
    in_suggest_mode_a_tick_writes_nothing_by_itself,
    a_tick_that_is_stopped_or_dry_writes_nothing,
    nothing_outside_the_scope_is_touched,
    automatic_pauses_do_not_take_most_of_an_account_in_a_day,
    every_write_has_its_own_committed_intent,
    an_undo_puts_back_exactly_what_was_replaced,
)


# --- of a whole tick ----------------------------------------------------------------------------

Report = Mapping[str, Any]
TickInvariant = Callable[[Report, Witness], Iterator[Found]]
_SENT: Final = ("executed", "failed", "in_doubt")
_OUTCOMES: Final = (
    *("policy_blocked", "safety_blocked", "queued", "executed"),
    *("failed", "in_doubt", "deferred", "unchanged"),
)


def a_ticks_counts_add_up(report: Report, witness: Witness) -> Iterator[Found]:
    counts = {word: report[f"actions_{word}"] for word in _OUTCOMES}
    generated = report["actions_generated"]
    listed = [one["outcome"] for one in report["actions"]]
    are_same = all(counts[word] == listed.count(word) for word in _OUTCOMES)
    yield Found(generated == sum(counts.values()), generated > 0, f"{generated}: {counts}")
    yield Found(are_same and generated == len(listed), generated > 0, f"{listed}: {counts}")


def a_tick_does_no_more_than_its_most(report: Report, witness: Witness) -> Iterator[Found]:
    most = witness.settings.limits.max_actions_per_tick
    granted = report["actions_queued"] + sum(report[f"actions_{word}"] for word in _SENT)
    sent = {
        one.intent.action_id
        for one in witness.writes
        if one.deed.number == witness.deed.number and one.intent is not None
    }
    yield up_to(granted, most)
    yield up_to(len(sent), most)


def what_a_tick_calls_executed_stands_at_the_server(
    report: Report, witness: Witness
) -> Iterator[Found]:
    for action in report["actions"]:
        if action["outcome"] != "executed" or report["dry_run"]:
            continue
        thing = witness.shop.find(action["entity_id"])
        wrote = [
            one
            for one in witness.writes
            if one.deed.number == witness.deed.number and one.thing is thing
        ]
        is_done = len(wrote) == 1 and getattr(thing, wrote[0].field) == wrote[0].new
        yield Found(is_done, told=f"action {action['id']} on {action['entity_id']}")


TICK_INVARIANTS: Final[tuple[TickInvariant, ...]] = (
    a_ticks_counts_add_up,
    a_tick_does_no_more_than_its_most,
    what_a_tick_calls_executed_stands_at_the_server,
)
EVERY_INVARIANT: Final = tuple(one.__name__ for one in (*WRITE_INVARIANTS, *TICK_INVARIANTS))
