"""What has to be known before money moves."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from tests.worlds.invariants.found import Found, at_least, up_to
from tests.worlds.shop import ADSET, Thing
from tests.worlds.witness import Witness, Write

HOUR: Final = 3_600


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
