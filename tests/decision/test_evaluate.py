"""From one read to what is known of each entity: windows, sums, posteriors (step 2 and 3)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision import rules
from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.evaluate import evaluate, evidence, pause_windows
from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.domain.quantities import Currency, Rates
from tests.builders import (
    TODAY,
    a_campaign,
    a_case,
    a_day,
    a_memory,
    a_snapshot,
    an_account,
    an_ad,
    an_adset,
    daily,
    days_like,
    remembering,
)

DOLLARS = Rates({})
WINDOW = tuple(date(2026, 3, day) for day in range(4, 11))


def seen(
    snapshot: AccountSnapshot | None = None, *, rates: Rates = DOLLARS, **memory: object
) -> Situation:
    read = snapshot or a_snapshot()
    return evaluate(
        read,
        a_memory(read, memory),  # type: ignore[arg-type]
        rates=rates,
        limits=Limits(),
        restatements=None,
    )


def days(spend_and_value: dict[date, tuple[int, int]]) -> Days:
    return {
        day: DayFacts(spend * 1_000_000, value * 1_000_000, 1, 1_000)
        for day, (spend, value) in spend_and_value.items()
    }


def test_the_window_is_the_seven_complete_days_before_today():
    assert seen().evaluations["c1"].window == WINDOW


def test_today_is_a_day_of_the_accounts_own_time_zone():
    late = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)  # half past midnight in Madrid
    assert seen(a_snapshot(observed_at=late)).evaluations["c1"].window == WINDOW


def test_only_the_window_counts_and_today_does_not():
    before = dict.fromkeys((TODAY, TODAY - timedelta(days=8)), (1_000, 9_000))
    inside = {WINDOW[0]: (100, 150), WINDOW[-1]: (100, 250)}
    found = seen(a_snapshot(performance={"a1": days(before | inside)})).evaluations["a1"]
    assert found.facts == DayFacts(200_000_000, 400_000_000, 2, 2_000)


def test_roas_is_total_value_over_total_spend_and_no_mean_of_ratios():
    rows = days({WINDOW[0]: (900, 900), WINDOW[1]: (100, 900)})  # 1 and 9: on average 5
    found = seen(a_snapshot(performance={"a1": rows})).evaluations["a1"]
    assert found.roas == Decimal("1.8")


def test_an_entity_without_spend_has_no_roas():
    found = seen(a_snapshot(performance={"a1": days({TODAY: (5, 5)})})).evaluations["a1"]
    assert found.roas is None
    assert found.spend_usd == 0


def test_what_an_average_one_would_have_brought_is_told_of_what_was_estimated():
    situation = seen()
    estimated = situation.evaluations["a1"]
    assert Decimal(30) < estimated.average_orders < Decimal(70)  # as this one, or less
    shown = evidence(situation, situation.snapshot.ads["a1"])
    assert shown["average_purchases"] == str(estimated.average_orders)
    without_rows = replace(situation.snapshot, days={})
    assert seen(without_rows).evaluations["a1"].average_orders is None


def test_every_entity_of_every_level_is_evaluated():
    assert set(seen().evaluations) == {"c1", "s1", "a1"}


def test_spend_is_counted_in_dollars_where_there_is_a_rate():
    account = an_account(currency=Currency("EUR"))
    entities = a_campaign(budget=daily(500, "EUR")), an_adset(), an_ad()
    snapshot = a_snapshot(*entities, account=account)
    in_euros = seen(snapshot, rates=Rates({"EUR": Decimal("1.1")}))
    assert in_euros.evaluations["c1"].spend_usd == 770
    assert seen(snapshot).evaluations["c1"].spend_usd is None


def test_the_confidence_is_the_posteriors():
    found = seen().evaluations["c1"]
    assert found.prob_at_least(Decimal(2)) + found.prob_below(Decimal(2)) == pytest.approx(
        Decimal(1), abs=Decimal("0.000002")
    )
    assert found.prob_at_least(Decimal(2)) > Decimal("0.9")
    assert Decimal(2) < found.expected_roas < Decimal(4)


def test_without_a_posterior_nothing_is_probable():
    unknown = replace(seen().evaluations["c1"], estimate=None)
    assert unknown.prob_below(Decimal(1)) is None
    assert unknown.prob_at_least(Decimal(1)) is None
    assert unknown.expected_roas is None


def test_purchases_of_all_ads_count_archived_ones_too():
    snapshot = a_snapshot(
        performance={"a1": days_like(a_day(purchases=0), today=a_day(purchases=0))}
    )
    assert seen(snapshot).purchases_28d == 0
    gone = {"archived": {TODAY - timedelta(days=20): a_day(purchases=3)}}
    with_gone = {**snapshot.days, Level.AD: {**snapshot.days[Level.AD], **gone}}
    assert seen(replace(snapshot, days=with_gone)).purchases_28d == 3


def broken(*lost: date) -> AccountSnapshot:
    """Fifty purchases a day, but on these none at all."""
    whole = days_like(a_day(100, 3, purchases=50))
    return a_snapshot(
        performance={
            "a1": {d: a_day(100, 0, purchases=0) if d in lost else f for d, f in whole.items()}
        }
    )


def test_days_without_tracking_leave_the_window():
    lost = WINDOW[-2:]
    situation = seen(broken(*lost))
    assert situation.outage is not None
    assert situation.outage.days == lost
    found = situation.evaluations["a1"]
    assert found.window == WINDOW[:-2]
    assert found.roas == 3


# --- the window of a pause ----------------------------------------------------------------------


def test_a_paused_entity_is_seen_in_the_window_of_its_pause():
    paused_on = TODAY - timedelta(days=10)
    situation = seen(a1=remembering(paused_on=paused_on))
    look = pause_windows(situation, Limits(), None)
    found = look(situation.snapshot.ads["a1"])
    assert found.window[-1] == paused_on - timedelta(days=1)
    assert found.roas == 3
    assert look(situation.snapshot.ads["a1"]) == found  # computed once


def test_days_without_tracking_leave_the_window_of_a_pause_too():
    lost = WINDOW[-2:]
    snapshot = broken(*lost)
    memory = a_memory(snapshot, {"a1": remembering(paused_on=TODAY)})
    situation = evaluate(snapshot, memory, rates=DOLLARS, limits=Limits(), restatements=None)
    found = pause_windows(situation, Limits(), None)(snapshot.ads["a1"])
    assert found.window == WINDOW[:-2]
    assert found.roas == 3
    paused = replace(snapshot.ads["a1"], status="PAUSED")
    case = a_case(situation=situation)
    assert rules.seen(paused, case).window == WINDOW[:-2]


def test_what_was_never_paused_by_us_has_no_such_window():
    situation = seen()
    assert pause_windows(situation, Limits(), None)(situation.snapshot.ads["a1"]) is None


# --- what a person is shown ---------------------------------------------------------------------


def test_the_evidence_has_the_days_and_what_is_believed():
    situation = seen()
    shown = evidence(situation, situation.snapshot.campaigns["c1"])
    assert shown["spend_usd"] == "700.00"
    assert shown["purchases"] == 70
    assert len(shown["days"]) == 7
    assert shown["days"][0] == {
        "date": "2026-03-04",
        "spend": "100.00",
        "purchase_value": "300.00",
        "purchases": 10,
        "impressions": 5000,
    }
    low, high = map(Decimal, shown["interval"])
    assert low < Decimal(shown["expected_roas"]) < high


def test_days_without_a_row_are_not_shown():
    situation = seen(a_snapshot(performance={"a1": days({WINDOW[2]: (1, 1)})}))
    assert len(evidence(situation, situation.snapshot.ads["a1"])["days"]) == 1


def test_evidence_tells_only_what_is_known():
    situation = seen()
    campaign = situation.snapshot.campaigns["c1"]
    assert evidence(replace(situation, evaluations={}), campaign) == {}
    bare = replace(situation.evaluations["c1"], estimate=None, spend_usd=None)
    shown = evidence(replace(situation, evaluations={"c1": bare}), campaign)
    assert shown["spend_usd"] is None
    assert "interval" not in shown
