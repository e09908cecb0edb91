"""What was read is kept as it changed: entities, insights as seen, creatives, traces, metrics."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.ports.records import AccountRecord
from tests.adapters.database_scene import (
    ACCOUNT,
    NOON,
    TODAY,
    a_campaign,
    a_database,
    a_snapshot,
    a_trace,
    a_verdict,
    an_ad,
    an_adset,
    closed_at_the_end,  # noqa: F401
    daily,
    facts,
    hours,
    opened,
    rows,
)

YESTERDAY = TODAY - timedelta(days=1)


def count(database: Database, table: str) -> int:
    return int(rows(database, f"SELECT COUNT(*) FROM {table}")[0][0])


def read(database: Database, snapshot: AccountSnapshot, *, tick_id: str = "t1") -> None:
    database.record_snapshot(snapshot, tick_id=tick_id)


def stored(database: Database, since: date = TODAY - timedelta(days=20)) -> dict[str, Days]:
    return dict(database.stored_days(ACCOUNT.id, since=since, until=TODAY))


def test_an_accounts_days_are_added_up_by_the_latest_readings(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    first = {"111": {YESTERDAY: facts(10, 1), TODAY: facts(5)}, "112": {YESTERDAY: facts(7)}}
    read(database, a_snapshot(days=first))
    corrected = first | {"112": {YESTERDAY: facts(8, 2)}}
    read(database, a_snapshot(days=corrected, at=NOON + hours(1)))
    of_both = (18_000_000, 3 * 30_000_000)
    assert database.day_totals(ACCOUNT.id, since=YESTERDAY) == {
        YESTERDAY: of_both,
        TODAY: (5_000_000, 0),
    }
    assert list(database.day_totals(ACCOUNT.id, since=TODAY)) == [TODAY]
    assert database.day_totals("other", since=YESTERDAY) == {}


# --- entities -----------------------------------------------------------------------------------


def test_an_entity_gets_a_row_when_it_changes_and_only_then(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot())
    assert count(database, "entity_snapshots") == 3
    read(database, a_snapshot(at=NOON + hours(1)))
    assert count(database, "entity_snapshots") == 3
    raised = an_adset(budget=daily(70))
    read(database, a_snapshot(a_campaign(), raised, an_ad(), at=NOON + hours(2)))
    found = rows(
        database,
        "SELECT budget_minor, replaced_at IS NULL FROM entity_snapshots "
        "WHERE entity_id = '11' ORDER BY valid_from",
    )
    assert [(minor, bool(latest)) for minor, latest in found] == [(5000, False), (7000, True)]


def test_changes_on_a_clock_that_stands_still_follow_one_another(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for dollars in (50, 60, 70, 60):
        read(
            database,
            a_snapshot(an_adset(budget=daily(dollars)), days={"111": {YESTERDAY: facts(dollars)}}),
        )
    found = rows(
        database, "SELECT budget_minor FROM entity_snapshots ORDER BY valid_from, replaced_at"
    )
    assert [row[0] for row in found] == [5000, 6000, 7000, 6000]
    assert stored(database)["111"][YESTERDAY] == facts(60)


# --- insights -----------------------------------------------------------------------------------


def test_insights_come_back_as_read(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    days = {"111": {YESTERDAY: facts(40, 2), TODAY: facts(10)}, "gone": {YESTERDAY: facts(5)}}
    read(database, a_snapshot(days=days))
    assert stored(database) == days
    assert stored(database, since=TODAY) == {"111": {TODAY: facts(10)}}
    assert database.stored_days("other", since=YESTERDAY, until=TODAY) == {}


def test_only_readings_that_differ_from_the_latest_are_written(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot(days={"111": {YESTERDAY: facts(40, 2)}}))
    read(database, a_snapshot(days={"111": {YESTERDAY: facts(40, 2)}}, at=NOON + hours(1)))
    assert count(database, "insights_seen") == 1
    read(database, a_snapshot(days={"111": {YESTERDAY: facts(40, 3)}}, at=NOON + hours(2)))
    assert count(database, "insights_seen") == 2
    assert stored(database)["111"] == {YESTERDAY: facts(40, 3)}


def test_days_can_be_asked_for_as_they_were_seen_then(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n, purchases in enumerate((1, 2, 4)):
        days = {"111": {YESTERDAY: facts(40, purchases)}}
        read(database, a_snapshot(days=days, at=NOON + hours(n)))
    as_of = {
        n: database.stored_days(ACCOUNT.id, since=YESTERDAY, until=TODAY, as_of=NOON + hours(n))[
            "111"
        ][YESTERDAY].purchases
        for n in (0, 0.5, 1, 2, 9)
    }
    assert as_of == {0: 1, 0.5: 1, 1: 2, 2: 4, 9: 4}
    assert not database.stored_days(
        ACCOUNT.id, since=YESTERDAY, until=TODAY, as_of=NOON - hours(1)
    )


def test_todays_numbers_grow_in_place_until_the_day_is_over(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n in range(5):
        read(database, a_snapshot(days={"111": {TODAY: facts(10 + n)}}, at=NOON + hours(n)))
    assert count(database, "insights_seen") == 1
    later = a_snapshot(days={"111": {TODAY: facts(30)}}, at=NOON + hours(24))
    read(database, later)
    found = rows(database, "SELECT spend_micros FROM insights_seen ORDER BY seen_at")
    assert [row[0] for row in found] == [14_000_000, 30_000_000]


def test_a_row_that_is_gone_is_a_reading_of_nothing_where_the_read_covered_it(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    early, missing = TODAY - timedelta(days=9), TODAY - timedelta(days=4)
    days = {"111": {YESTERDAY: facts(40, 2), early: facts(1), missing: facts(2)}}
    read(database, a_snapshot(days=days))
    short = a_snapshot(
        at=NOON + hours(1),
        first_day=TODAY - timedelta(days=7),
        missing_days=frozenset({missing}),
    )
    read(database, short)
    assert stored(database) == {"111": {early: facts(1), missing: facts(2)}}
    read(database, a_snapshot(days=days, at=NOON + hours(2)))
    assert stored(database) == days


def test_a_read_without_ads_says_nothing_of_days(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot(days={"111": {YESTERDAY: facts(40)}}))
    read(database, replace(a_snapshot(at=NOON + hours(1)), days={}))
    assert stored(database) == {"111": {YESTERDAY: facts(40)}}


def test_refunds_and_very_large_sums_are_kept(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    odd = DayFacts(9_007_199_254_740_993, -5, 0, 2**40)
    read(database, a_snapshot(days={"111": {YESTERDAY: odd}}))
    assert stored(database)["111"][YESTERDAY] == odd


# --- restatements -------------------------------------------------------------------------------


def test_an_account_that_was_never_read_has_no_restatements(tmp_path: Path) -> None:
    assert a_database(tmp_path).restatements(ACCOUNT.id, today=TODAY) is None


def test_restatements_tell_how_many_orders_each_age_had_and_in_the_end(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    first = TODAY - timedelta(days=12)
    for age in range(1, 13):
        purchases = min(age, 4)  # one more a day, four in the end
        at = NOON - timedelta(days=12 - age)
        days = {"111": {first: facts(40, purchases)}}
        read(database, a_snapshot(at=at, days=days, first_day=first))
    found = database.restatements(ACCOUNT.id, today=TODAY)
    assert found is not None
    assert found.seen[:6] == (1, 2, 3, 4, 4, 4)
    assert found.final[:6] == (4, 4, 4, 4, 4, 4)


def test_restatements_are_worked_out_once_a_day(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot())
    with database._writing() as unit:
        kept = '{"seen":[3],"final":[4]}'
        unit.connection.exec_driver_sql(f"UPDATE accounts SET restatements = '{kept}'")
    read(database, a_snapshot(at=NOON + hours(1)))
    found = database.restatements(ACCOUNT.id, today=TODAY)
    assert found is not None
    assert (found.seen, found.final) == ((3,), (4,))
    read(database, a_snapshot(at=NOON + hours(24)))
    again = database.restatements(ACCOUNT.id, today=TODAY + timedelta(days=1))
    assert again is not None
    assert sum(again.final) == 0


# --- creatives ----------------------------------------------------------------------------------


def test_creatives_of_the_first_read_are_approved_later_ones_are_pending(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot())
    read(database, a_snapshot(an_ad(), an_ad("112"), at=NOON + hours(1)))
    found = {one.creative_id: (one.status, one.source) for one in database.creatives()}
    assert found == {"c111": ("approved", "baseline"), "c112": ("pending", "seen")}
    assert [one.creative_id for one in database.creatives()] == ["c112", "c111"]
    assert database.creatives("other") == ()
    assert [[ad.ad_id for ad in one.ads] for one in database.creatives()] == [["112"], ["111"]]
    assert database.creatives(ACCOUNT.id) == database.creatives()
    events = [entry.event for entry in database.ledger()]
    assert [event.event for event in events] == ["creative_approved"]
    assert events[0].after == {"account_id": ACCOUNT.id, "creatives": 1}


def test_a_creative_is_approved_or_rejected_by_a_person_seen_or_not(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, a_snapshot())

    def decide(creative_id: str, *, is_approved: bool) -> str | None:
        return database.decide_creative(
            creative_id,
            account_id=ACCOUNT.id,
            is_approved=is_approved,
            at=NOON,
            who="ana",
            why="looked at it",
        )

    assert decide("c111", is_approved=False) == "approved"
    assert decide("c900", is_approved=True) is None
    found = {one.creative_id: (one.status, one.decided_by) for one in database.creatives()}
    assert found == {"c111": ("rejected", "ana"), "c900": ("approved", "ana")}
    events = [entry.event for entry in database.ledger()]
    assert [event.event for event in events[1:]] == ["creative_rejected", "creative_approved"]
    assert decide("c900", is_approved=True) == "approved"
    assert len(database.ledger()) == len(events), "the same word again is not written"
    memory = database.memory(a_snapshot(), now=NOON, our_application_id=None)
    assert memory.approved_creatives == {"c900"}
    assert memory.rejected_creatives == {"c111"}


# --- accounts -----------------------------------------------------------------------------------


def test_what_a_tick_leaves_of_an_account_comes_back(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert database.account("1001") == AccountRecord(account_id="1001")
    record = AccountRecord(
        account_id="1001",
        first_read_at=NOON - hours(30),
        last_read_at=NOON,
        last_read_on=TODAY,
        last_full_read_on=YESTERDAY,
        projected_usd=Decimal("123.45"),
        budgets_usd=Decimal(200),
        currency="EUR",
        blocked_until=NOON + hours(1),
        last_error="throttled",
    )
    database.save_account(record)
    read(database, a_snapshot())
    assert database.account("1001") == replace(record, currency="USD")
    database.save_account(record)
    assert database.accounts() == (record,)


# --- traces -------------------------------------------------------------------------------------


def decide(database: Database, *traces: object, tick_id: str, at: object = NOON) -> None:
    database.record_decisions(ACCOUNT.id, (), traces, (), tick_id=tick_id, at=at)  # type: ignore[arg-type]


def test_a_trace_comes_back_with_every_number_and_the_tick_that_it_is_from(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    gates = (
        a_verdict(observed=Decimal("0.25"), limit="ES", allowed=None),
        a_verdict("x.y", observed=None, limit=True, eligible_at=NOON),
        a_verdict("z", observed=7, limit=Decimal("NaN"), sentence="fixed"),
    )
    trace = a_trace(an_adset(), gates=(*a_trace(an_adset()).gates, *gates[:2]))
    database.begin_tick("t1", at=NOON, mode="suggest")
    decide(database, trace, tick_id="t1")
    found = database.trace("11")
    assert found is not None
    assert found[0] == trace
    assert found[1]["tick_id"] == "t1"
    assert found[1]["mode"] == "suggest"
    assert database.trace("12") is None
    odd = a_trace(an_ad(), gates=(gates[2],), name="half \ud83d")
    decide(database, trace, odd, tick_id="t1")
    again = database.trace("111")
    assert again is not None
    assert again[0].gates[0].limit == "NaN"
    assert again[0].name == "half ?"


def test_a_trace_that_says_the_same_is_not_written_again_but_holds_to_the_last_tick(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    decide(database, a_trace(an_adset()), a_trace(an_ad()), tick_id="t1")
    decide(database, a_trace(an_adset()), tick_id="t2", at=NOON + hours(1))
    found = rows(database, "SELECT entity_id, tick_id FROM entity_traces ORDER BY entity_id")
    assert [tuple(row) for row in found] == [("11", "t1"), ("111", "t1")]
    same, left_out = database.trace("11"), database.trace("111")
    assert same is not None
    assert left_out is not None
    assert (same[1]["tick_id"], left_out[1]["tick_id"]) == ("t2", "t1")
    assert [trace.entity_id for trace in database.traces()] == ["11"]
    decide(database, a_trace(an_adset()), a_trace(an_ad()), tick_id="t3", at=NOON + hours(2))
    back = database.trace("111")
    assert back is not None
    assert back[1]["tick_id"] == "t3"
    decide(database, tick_id="t4")
    assert len(database.traces()) == 2


def test_traces_are_listed_campaigns_first_each_level_by_name(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    found = [an_ad(name="a"), an_adset(name="b"), a_campaign("2", name="d"), a_campaign(name="c")]
    decide(database, *(a_trace(one) for one in found), tick_id="t1")
    assert [trace.name for trace in database.traces()] == ["c", "d", "b", "a"]
    assert [trace.name for trace in database.traces(level=Level.CAMPAIGN)] == ["c", "d"]
    assert opened(tmp_path, platform="sandbox").traces() == ()


def test_a_campaigns_turn_is_remembered(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n, was_evaluated in enumerate((True, False, False)):
        trace = a_trace(a_campaign(), was_evaluated=was_evaluated)
        decide(database, trace, tick_id=f"t{n}", at=NOON + hours(n))
    memory = database.memory(a_snapshot(), now=NOON + hours(9), our_application_id=None)
    assert memory.of("1").last_evaluated_at == NOON
    decide(database, a_trace(a_campaign(), was_evaluated=True), tick_id="t9", at=NOON + hours(8))
    memory = database.memory(a_snapshot(), now=NOON + hours(9), our_application_id=None)
    assert memory.of("1").last_evaluated_at == NOON + hours(8)


# --- metrics ------------------------------------------------------------------------------------


def test_metrics_are_written_when_they_change(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    metric = {
        "account_id": ACCOUNT.id,
        "entity_id": "11",
        "level": "adset",
        "campaign_id": "1",
        "window_since": "2026-03-03",
        "window_until": "2026-03-09",
        "currency": "USD",
        "spend_micros": 450_000_000,
        "revenue_micros": 1_440_500_000,
        "conversions": 12,
        "impressions": 15000,
        "actual_roas": "3.201111",
        "expected_roas": "2.9",
        "roas_low": 2.1,
        "roas_high": 3.9,
        "confidence_score": "0.85",
        "orders_at_one": "4.2",
    }

    def measure(at: float, **changes: object) -> None:
        database.record_decisions(
            ACCOUNT.id, (), (), [metric | changes], tick_id=f"t{at}", at=NOON + hours(at)
        )

    measure(0)
    measure(1)
    measure(2, expected_roas="3")
    found = rows(
        database,
        "SELECT spend, revenue, actual_roas, expected_roas, roas_high, conversions, details, "
        "replaced_at IS NULL FROM meta_roas_metrics ORDER BY created_at",
    )
    shown = [[float(one) for one in row[:5]] + list(row[5:7]) + [bool(row[7])] for row in found]
    details = '{"orders_at_one":"4.2"}'
    assert shown == [
        [450.0, 1440.5, 3.201111, 2.9, 3.9, 12, details, False],
        [450.0, 1440.5, 3.201111, 3.0, 3.9, 12, details, True],
    ]


@pytest.mark.parametrize("at", [NOON, NOON + hours(1)])
def test_another_platforms_reads_are_not_ours(tmp_path: Path, at: object) -> None:
    read(a_database(tmp_path), a_snapshot(days={"111": {YESTERDAY: facts(40)}}))
    sandbox = opened(tmp_path, platform="sandbox")
    assert stored(sandbox) == {}
    assert sandbox.account(ACCOUNT.id).currency is None
    read(sandbox, a_snapshot(days={"111": {YESTERDAY: facts(7)}}, at=at))  # type: ignore[arg-type]
    assert stored(sandbox) == {"111": {YESTERDAY: facts(7)}}
