"""Who decides, and where."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from tests.worlds.invariants.found import Found, at_least
from tests.worlds.shop import DAY, SYSTEM
from tests.worlds.witness import Witness, Write

HOUR: Final = 3_600


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
