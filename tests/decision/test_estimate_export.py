"""The ROAS engine on a person's own export."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.export import ExportEstimate, ExportRow, estimate_export

LAST = date(2026, 2, 28)
TODAY = date(2026, 3, 1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def row(
    entity_id: str,
    age: int,
    spend: str,
    purchases: int,
    value: str,
    *,
    impressions: int | None = None,
    seen: int | None = None,
) -> ExportRow:
    return ExportRow(
        entity_id,
        ago(age),
        Decimal(spend),
        purchases,
        Decimal(value),
        impressions,
        None if seen is None else ago(seen),
    )


def export(entity_id: str, *, days: int = 14, spend: str = "100", purchases: int = 3):
    return [
        row(entity_id, age, spend, purchases, str(40 * purchases)) for age in range(1, days + 1)
    ]


def by_id(estimates: list[ExportEstimate]) -> dict[str, ExportEstimate]:
    return {estimate.entity_id: estimate for estimate in estimates}


def test_each_entity_is_told_with_its_sums_and_what_they_say():
    found = estimate_export(export("b", spend="100.25") + export("a", purchases=1))
    assert [estimate.entity_id for estimate in found] == ["a", "b"]
    b = found[1]
    assert (b.spend, b.purchases, b.purchase_value) == (Decimal("701.75"), 21, Decimal(840))
    assert b.actual_roas == Decimal(840) / Decimal("701.75")
    assert b.interval[0] < b.expected_roas < b.interval[1]
    assert list(b.prob_below) == ["0.8", "0.9", "1.5", "2.0"]
    assert list(b.prob_below.values()) == sorted(b.prob_below.values())
    assert found[0].prob_below["0.9"] > b.prob_below["0.9"]


def test_the_thresholds_are_the_askers():
    found = estimate_export(export("a"), thresholds=[1.25, 3])
    assert list(found[0].prob_below) == ["1.25", "3"]


def test_an_empty_export_has_no_estimates():
    assert estimate_export([]) == []


def test_today_is_the_day_after_the_last_date_unless_said():
    rows = [row("a", age, "100", age, "50") for age in range(1, 15)]
    assert estimate_export(rows)[0].purchases == sum(range(1, 8))
    assert estimate_export(rows, at=ago(7))[0].purchases == sum(range(8, 15))
    assert estimate_export(rows, at=TODAY) == estimate_export(rows)


def test_what_was_not_known_at_that_date_is_not_used():
    rows = export("a") + export("b")
    later = [row("a", age, "9999", 999, "1") for age in range(-5, 1)]
    assert estimate_export(rows + later, at=TODAY) == estimate_export(rows)
    assert estimate_export(rows, at=ago(30)) == []


def test_an_entity_that_only_starts_today_is_told_with_the_prior():
    found = by_id(estimate_export([*export("a"), row("new", 0, "50", 9, "900")], at=TODAY))
    assert (found["new"].spend, found["new"].actual_roas) == (0, None)
    low, high = found["new"].interval
    assert low < 0.7
    assert high > 2.0


def test_entities_that_start_on_a_short_files_first_date_had_level_spend_before_it():
    old, young = export("old", days=7), export("young", days=6)
    account = [line for i in range(20) for line in export(f"other{i}", days=7)]
    found = by_id(estimate_export(account + old + young))
    # The young one's three orders a day came from fewer days of spend.
    assert found["young"].expected_roas > found["old"].expected_roas


def test_days_after_the_end_of_the_file_are_unknown_not_without_orders():
    rows = [line for i in range(20) for line in export(f"ad{i}")]
    now, later = estimate_export(rows)[0], estimate_export(rows, at=ago(-3))[0]
    assert later.spend == Decimal(400)
    assert later.expected_roas == pytest.approx(now.expected_roas, rel=0.02)


def test_the_latest_reading_up_to_today_counts():
    rows = [
        row("a", 3, "100", 1, "40"),
        row("a", 3, "100", 2, "80", seen=2),
        row("a", 3, "100", 5, "200", seen=1),
        row("a", 3, "100", 9, "360", seen=-2),
        row("a", 1, "100", 0, "0", seen=0),
    ]
    for given in (rows, rows[::-1]):
        assert estimate_export(given)[0].purchases == 5
        assert estimate_export(given, at=ago(-2))[0].purchases == 9


def test_a_reading_shows_that_later_days_had_no_delivery():
    """Read today, with nothing after the 14th: the days since then are zeros, not unknown."""
    rows = [row("a", age, "100", 3, "120", seen=0) for age in range(4, 20)]
    rows += [row("b", age, "100", 3, "120", seen=0) for age in range(4, 20)]
    unread = [
        ExportRow(line.entity_id, line.on, line.spend, line.purchases, line.purchase_value)
        for line in rows
    ]
    stopped, unknown = (by_id(estimate_export(given, at=TODAY))["a"] for given in (rows, unread))
    assert stopped.spend == unknown.spend
    assert stopped.expected_roas < unknown.expected_roas  # its exposure has a tail without orders


def restated(*, fills_up: bool) -> list[ExportRow]:
    """Every day's row of 20 entities as each of the next days' reads had it."""
    rows = []
    for i in range(20):
        for age in range(1, 29):
            for seen in range(age - 1, -1, -1):
                share = min(1.0, 0.4 + 0.1 * (age - seen)) if fills_up else 1.0
                orders = int(10 * share)
                rows.append(row(f"ad{i}", age, "200", orders, str(30 * orders), seen=seen))
    return rows


def test_earlier_readings_show_that_young_days_fill_up():
    filling = estimate_export(restated(fills_up=True))[0]
    settled = estimate_export(restated(fills_up=False))[0]
    assert filling.actual_roas < Decimal("1.3") < settled.actual_roas == Decimal("1.5")
    assert filling.expected_roas == pytest.approx(settled.expected_roas, rel=0.05)


def test_the_order_of_the_rows_changes_no_bit():
    rows = restated(fills_up=True)
    shuffled = random.Random(2).sample(rows, len(rows))
    assert estimate_export(shuffled) == estimate_export(rows)


def test_the_same_row_twice_is_one_row():
    assert estimate_export(export("a") * 2) == estimate_export(export("a"))


def test_two_different_rows_of_one_day_are_refused():
    rows = [*export("a"), row("a", 3, "100", 4, "160")]
    with pytest.raises(ValueError, match=r"'a' has two different rows for 2026-02-26.*seen_on"):
        estimate_export(rows)


@pytest.mark.parametrize(
    ("spend", "purchases", "value", "impressions"),
    [
        ("NaN", 1, "10", None),
        ("10", 1, "Infinity", None),
        ("-1", 1, "10", None),
        ("10", -1, "10", None),
        ("10", 1, "10", -5),
    ],
)
def test_a_row_with_an_impossible_number_is_refused(spend, purchases, value, impressions):
    with pytest.raises(ValueError, match=r"entity 'a' on 2026-02-26: .* must"):
        row("a", 3, spend, purchases, value, impressions=impressions)


def test_a_row_cannot_be_seen_before_its_day():
    with pytest.raises(ValueError, match="lies before the day"):
        row("a", 3, "10", 1, "10", seen=4)


def test_a_refund_may_make_a_days_value_negative():
    found = estimate_export([*export("a"), row("b", 1, "10", 1, "-40.5", impressions=900)])
    assert found[1].purchase_value == Decimal("-40.5")
    assert found[1].actual_roas == Decimal("-4.05")
