"""When something may be changed at all, and how often."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from tests.worlds.invariants.found import Found, at_least
from tests.worlds.shop import AD, ADSET
from tests.worlds.witness import SETTLE_SECONDS, Witness, Write

HOUR: Final = 3_600


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
