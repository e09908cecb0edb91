"""Past claims and the hold-out, worked out from records whose later days are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import exp, log
from typing import Any

import numpy as np
import pytest

from meta_autonomous.decision.calibration import Scored
from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations import calibration
from meta_autonomous.operations.calibration import Calibration, calibrate
from meta_autonomous.ports.records import AccountRecord, ActionRecord, EntityState, PastEstimate
from tests.render.records import record

FIRST = date(2026, 1, 1)
DAYS = 80
ADS = 60
CLAIMED_ON = FIRST + timedelta(days=30)
SPREAD = 0.3


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 13, tzinfo=UTC)


@dataclass
class Records:
    """What the store has on record, in lists of our own making."""

    days: dict[str, Days] = field(default_factory=dict)
    states: list[EntityState] = field(default_factory=list)
    estimates: list[PastEstimate] = field(default_factory=list)
    kept: list[ActionRecord] = field(default_factory=list)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    read_on: date = FIRST + timedelta(days=DAYS)

    def accounts(self) -> tuple[AccountRecord, ...]:
        return (AccountRecord(account_id="9001", last_read_on=self.read_on),)

    def past_estimates(self, account_id: str) -> Sequence[PastEstimate]:
        assert account_id == "9001"
        return self.estimates

    def entity_states(self, _: str) -> Sequence[EntityState]:
        return sorted(self.states, key=lambda state: (state.entity_id, state.valid_from))

    def stored_days(self, _: str, **__: Any) -> dict[str, Days]:
        return self.days

    def ad_parents(self, _: str) -> dict[str, tuple[str, str]]:
        return self.parents

    def restatements(self, _: str, **__: Any) -> None:
        return None

    def actions(self) -> tuple[ActionRecord, ...]:
        return tuple(self.kept)


def state(ad: str, *, since: date = FIRST, budget: int = 100_00, status: str = "ACTIVE", **other):
    return EntityState(
        entity_id=ad,
        level=Level.AD,
        campaign_id=f"c{ad}",
        adset_id=f"s{ad}",
        valid_from=moment(since),
        status=status,
        effective_status=status,
        budget_minor=budget,
        **other,
    )


def an_account(*, bias: float = 0.0, ads: int = ADS, weeks: int = 5) -> Records:
    """Ads whose true ROAS lies where their posteriors say, or a bias away from it."""
    rng = np.random.default_rng(2)
    records = Records()
    for place in range(ads):
        ad = f"{place:03d}"
        centre = log(rng.uniform(0.5, 3.0))
        roas = exp(rng.normal(centre, SPREAD))
        records.days[ad] = {
            FIRST + timedelta(days=day): DayFacts(200_000_000, 50_000_000 * orders, orders, 9000)
            for day in range(DAYS)
            for orders in [int(rng.poisson(200 * roas / 50))]
        }
        records.states.append(state(ad))
        posterior = (0.999, centre + bias, SPREAD, centre + bias - 1.0, 0.5)
        for week in range(weeks):
            on = CLAIMED_ON + timedelta(days=7 * week)
            records.estimates.append(
                PastEstimate(
                    entity_id=ad,
                    level=Level.AD,
                    window_until=on - timedelta(days=1),
                    created_at=moment(on),
                    spend=Decimal(1400),
                    impressions=63_000,
                    currency="USD",
                    posterior=posterior,
                )
            )
    records.estimates.sort(key=lambda estimate: estimate.window_until)
    return records


def told(records: Records, **limits: Any) -> Calibration:
    return calibrate(records, limits=Limits(**limits), rates=Rates({}))  # type: ignore[arg-type]


def test_right_posteriors_are_found_to_agree_and_biased_ones_not():
    """A claim each: five of one ad, whose posterior learned nothing, would be as good as one."""
    right, biased = (told(an_account(bias=bias, ads=300, weeks=1)) for bias in (0.0, 0.4))
    assert right.agrees is True
    assert biased.agrees is False
    for about in right.levels:
        assert about.level is Level.AD
        assert about.told.count == 300
    assert right.unanswered == {}


def test_a_perfect_forecaster_is_told_so_19_times_of_20(monkeypatch):
    """Three levels at four thresholds, a claim's predicted probability each its own, and the
    answers drawn with it. With every table's intervals for itself half of them would fail."""
    rng = np.random.default_rng(5)

    def perfect(entity_id: str, on: date, *_: Any) -> Scored:
        said = rng.uniform()
        return Scored(entity_id, on, said, said, bool(rng.uniform() < said))

    monkeypatch.setattr(calibration, "scored", perfect)
    monkeypatch.setattr(calibration._Past, "answer", lambda *_: (None, None))
    records = an_account(ads=400, weeks=1)
    records.estimates = [replace(one, level=lv) for lv in Level for one in records.estimates]
    for place, one in enumerate(records.estimates):
        records.estimates[place] = replace(one, entity_id=str(place))
    said = [told(records) for _ in range(30)]
    assert all(len(one.levels) == 12 for one in said)
    assert sum(one.agrees is True for one in said) >= 27


def test_claims_of_the_last_days_wait():
    records = an_account()
    records.read_on = CLAIMED_ON + timedelta(days=7 + 6 + 8 - 1)
    assert told(records).unanswered == {"not_final": ADS * 4}
    records.read_on += timedelta(days=1)
    assert told(records).unanswered == {"not_final": ADS * 3}


def test_claims_within_a_week_of_an_answered_one_are_not_counted_again():
    records = an_account()
    again = [
        replace(one, window_until=one.window_until + timedelta(days=3))
        for one in records.estimates
    ]
    records.estimates = sorted(
        [*records.estimates, *again], key=lambda estimate: estimate.window_until
    )
    assert told(records).levels[0].told.count == ADS * 5


def test_without_minimum_data_nothing_is_claimed():
    assert told(an_account(), min_spend_usd=Decimal(1500)).levels == ()
    assert told(an_account(), min_impressions=Decimal(70_000)).levels == ()


@pytest.mark.parametrize(
    ("after", "change", "is_set_aside"),
    [
        (1, {"status": "PAUSED"}, True),
        (2, {"budget": 200_00}, True),
        (2, {"budget": 110_00}, False),
        (5, {"status": "PAUSED"}, False),
    ],
)
def test_what_was_soon_another_entity_is_set_aside(after, change, is_set_aside):
    records = an_account()
    for ad in list(records.days):
        records.states.append(state(ad, since=CLAIMED_ON + timedelta(days=after), **change))
    found = told(records)
    answered = found.levels[0].told.count
    assert found.unanswered.get("changed", 0) == (ADS if is_set_aside else 0)
    assert answered == ADS * (4 if is_set_aside else 5)


def test_too_little_later_spend_is_no_answer():
    records = an_account()
    for ad, days in records.days.items():
        records.days[ad] = {
            day: facts if day < CLAIMED_ON else DayFacts(1_000_000, 0, 0, 10)
            for day, facts in days.items()
        }
    found = told(records)
    assert found.unanswered["too_little"] == ADS * 5 - sum(
        about.told.count for about in found.levels[:1]
    )
    assert found.unanswered["too_little"] > ADS * 3


def an_action(number: int, on: date = CLAIMED_ON, **other: Any) -> ActionRecord:
    ad = f"{number % ADS:03d}"
    window = [(on - timedelta(days=age)).isoformat() for age in range(7, 0, -1)]
    fields: dict[str, Any] = {
        "id": number + 1,
        "level": Level.AD,
        "entity_id": ad,
        "campaign_id": f"c{ad}",
        "created_at": moment(on),
        "verdicts": (),
        "evidence": {"window": window, "claim": {"side": "at_least", "threshold": "2.0"}},
    }
    return record(**(fields | other))


def test_each_type_is_answered_in_the_words_of_its_own_claim():
    records = an_account()
    records.kept = [an_action(number) for number in range(ADS)]
    records.kept += [
        an_action(100 + number, type=ActionType.REALLOCATE, evidence={}) for number in range(3)
    ]
    up, move = told(records).types
    assert (up.type, up.decided) == (ActionType.SCALE_UP, ADS)
    assert up.share is not None
    assert up.share.agrees is True
    assert up.share.claimed == pytest.approx(0.85)
    above = np.mean(
        [
            sum(f.value_micros for f in d.values()) / 200e6 / DAYS >= 2.0
            for d in records.days.values()
        ]
    )
    assert up.share.observed == pytest.approx(above, abs=0.15)
    assert move.share is None
    assert move.unanswered == {"no_record": 3}


def held(number: int) -> dict[str, Any]:
    return {
        "id": 500 + number,
        "status": ActionStatus.DEFERRED,
        "verdicts": ({"rule": "limits.holdout", "outcome": "block"},),
    }


def test_the_hold_out_compares_the_treated_with_the_withheld():
    records = an_account()
    for number in range(ADS):
        is_held = number < 20
        records.kept.append(an_action(number, **(held(number) if is_held else {})))
        if not is_held:  # acting pays: half as much again for the same spend
            ad = f"{number:03d}"
            records.days[ad] = {
                day: facts
                if day < CLAIMED_ON
                else facts._replace(value_micros=facts.value_micros * 3 // 2)
                for day, facts in records.days[ad].items()
            }
    found = told(records, holdout_pct=Decimal("0.3")).holdout
    assert (found.treated, found.withheld) == (40, 20)
    assert found.interval is not None
    assert found.interval[0] > 0.3
    assert found.is_telling
    assert found.withheld_mean == pytest.approx(0.0, abs=0.2)


def test_hard_stops_and_what_rules_blocked_are_not_treated():
    records = an_account()
    records.kept = [an_action(number, **held(number)) for number in range(12)]
    records.kept += [an_action(20 + n, is_hard_stop=True) for n in range(5)]
    records.kept += [an_action(30 + n, status=ActionStatus.BLOCKED) for n in range(5)]
    found = told(records).holdout
    assert (found.treated, found.withheld) == (0, 12)
    assert found.interval is None


def test_a_campaigns_result_counts_its_deleted_ads_too():
    """The ad that remained did nothing; one that no read found any more tripled its revenue."""
    records = an_account()
    records.kept = [an_action(number, **held(number)) for number in range(12)]
    before = told(records).holdout.withheld_mean
    for number in range(12):
        records.days[f"gone {number}"] = {
            FIRST + timedelta(days=day): DayFacts(
                0, 400_000_000 if FIRST + timedelta(days=day) >= CLAIMED_ON else 0, 1, 1
            )
            for day in range(DAYS)
        }
        records.parents[f"gone {number}"] = (f"s{number:03d}", f"c{number:03d}")
    after = told(records).holdout.withheld_mean
    assert after - before == pytest.approx(2.0)  # 400 a day for the 200 that were spent


def test_a_hold_out_begins_on_the_accounts_own_day():
    """By UTC it is still the day before at midnight in Madrid, and the next in Los Angeles."""
    for hours, own in ((-14, CLAIMED_ON), (12, CLAIMED_ON)):
        records = an_account()
        at = moment(own) + timedelta(hours=hours)
        assert at.date() != own
        records.kept = [an_action(n, own, **held(n), created_at=at) for n in range(12)]
        for number in range(12):  # only what was withheld from that day on counts as after
            days = records.days[f"{number:03d}"]
            for day in days:
                before = day < own
                days[day] = days[day]._replace(value_micros=0 if before else 400_000_000)
        assert told(records).holdout.withheld_mean == pytest.approx(2.0)


def test_without_a_hold_out_nobody_is_treated():
    records = an_account()
    records.kept = [an_action(number) for number in range(30)]
    assert told(records).holdout.treated == 0


def test_an_account_that_was_never_estimated_says_nothing():
    records = an_account()
    records.estimates = []
    found = told(records)
    assert found.levels == ()
    assert found.agrees is None
    assert found.to_json()["brier"] is None
