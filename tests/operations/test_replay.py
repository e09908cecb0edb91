"""Recorded ticks decided again: the same under the same limits, and what others would have done."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.adapters.sandbox import faults, scenario
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.tick_case import Circumstances
from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.operations.backfill import Backfilled, backfill
from meta_autonomous.operations.replay import Change, Replayed, replay
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import Busy, NotFound, PlatformError, Throttled
from tests.operations.live_world import FAILS, GROWS, SECOND_ACCOUNT, Live

pytestmark = pytest.mark.slow

SINCE = scenario.OPENS_AT - timedelta(days=100)


def replayed(live: Live, change: Change | None = None, **options: Any) -> Replayed:
    with live.database() as store:
        return replay(store, since=options.pop("since", SINCE), change=change, **options)


def with_limits(**limits: Any) -> Callable[[Circumstances], Circumstances]:
    def change(recorded: Circumstances) -> Circumstances:
        changed = replace(recorded.book.limits, **limits)
        return replace(recorded, book=PolicyBook(limits=changed))

    return change


def contents(live: Live) -> list[str]:
    connection = sqlite3.connect(live.folder / "meta.sqlite3")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def some_days(live: Live) -> list[TickReport]:
    """Two ticks with a person who approves, then three of auto mode, half a day apart."""
    reports = []
    for number in range(5):
        live.in_mode("suggest" if number < 2 else "auto")
        reports.append(live.tick())
        if number == 0:
            live.approve(live.pending(GROWS).id)
        live.passes(hours=12)
    return reports


def test_without_a_change_every_decision_comes_out_as_recorded(live):
    reports = some_days(live)
    found = replayed(live)
    assert found.is_identical
    assert (found.ticks, found.incomplete, found.backfilled) == (5, 0, 0)
    assert found.decisions == sum(len(report.decided) for report in reports) > 0
    assert found.recorded_usd == found.replayed_usd > 0


def test_a_smaller_step_differs_wherever_auto_mode_would_have_gone_further(live):
    reports = some_days(live)
    found = replayed(live, with_limits(max_auto_change_pct=Decimal("0.05")))
    went_further = {
        (report.tick_id, decision.action.entity.id)
        for report in reports
        for decision, _, _ in report.decided
        if decision.executes and abs(decision.action.change_pct or 0) > Decimal("0.05")
    }
    assert went_further
    acting = {
        (told.tick_id, told.difference.either.entity_id)
        for told in found.differing
        if told.difference.either.is_granted
    }
    assert acting >= went_further  # a smaller cut also leaves less room for the raise after it
    # Of a cut that would end above the present budget nothing is left, not even a refusal.
    either = [told.difference.either for told in found.differing]
    assert {brief.route for brief in either if brief.is_granted} == {"auto"}
    assert found.replayed_usd < found.recorded_usd
    steps = [
        abs(Decimal(leg.proposed - leg.current) / leg.current)
        for told in found.differing
        if told.difference.would_be is not None and told.difference.would_be.is_granted
        for leg in told.difference.would_be.legs
    ]
    assert steps
    assert max(steps) <= Decimal("0.05")


def test_nothing_is_written_and_meta_is_not_asked(live):
    live.tick()
    before, asked = contents(live), len(live.sandbox.requests)
    replayed(live, with_limits(hard_stop_roas=Decimal("0.5")))
    assert contents(live) == before
    assert len(live.sandbox.requests) == asked


def test_the_days_after_say_whether_it_was_right(live):
    live.tick()
    for _ in range(3):
        live.passes(days=1)
        live.tick()
    found = replayed(live, with_limits(hard_stop_confidence=Decimal(1), pause_roas=Decimal(0)))
    first = next(
        told
        for told in found.differing
        if told.tick_id == "t1" and told.difference.either.entity_name == FAILS
    )
    assert first.difference.was is not None
    assert first.difference.was.type == "pause"
    assert (first.later.days, first.later.held, first.later.is_settled) == (2, True, False)
    assert first.later.roas is not None
    assert first.later.roas < Decimal("0.9")


def test_a_tick_is_decided_on_what_was_seen_then_not_on_what_is_known_now(live):
    live.tick()
    with live.database() as store:
        (tick,) = store.recorded_ticks(since=SINCE)
    assert tick.case is not None
    seen_then = tick.case.accounts[0].snapshot
    live.passes(days=4)
    live.tick()
    with live.database() as store:
        known_now = store.stored_days(
            live.account_id, since=seen_then.first_day, until=seen_then.today
        )
        again = next(iter(store.recorded_ticks(since=SINCE)))
    assert again.case is not None
    assert again.case.accounts[0].snapshot == seen_then
    was, now = seen_then.days[Level.AD], known_now
    assert {ad: days for ad, days in was.items() if days != now.get(ad)}  # restated since
    assert replayed(live).is_identical


def test_a_dry_run_and_a_tick_without_a_clock_record_nothing(live):
    live.tick(dry_run=True)
    live.tick(clock=lambda: live.sandbox.now() + timedelta(hours=1))
    assert replayed(live).ticks == 0


def test_only_what_concerns_the_named_account_is_told(live):
    live.system = replace(live.system, account_ids=(live.account_id, SECOND_ACCOUNT))
    live.tick()
    both = replayed(live, with_limits(max_daily_change_pct=Decimal("0.01")))
    mine = replayed(
        live, with_limits(max_daily_change_pct=Decimal("0.01")), account_ids=[live.account_id]
    )
    other = replayed(live, account_ids=[SECOND_ACCOUNT])
    assert mine.differing == both.differing
    assert (other.ticks, other.decisions) == (1, 0)
    with pytest.raises(NotFound, match="555"):
        replayed(live, account_ids=["555"])


def test_a_pruned_tick_is_left_out_and_counted(live):
    live.tick()
    live.passes(hours=1)
    live.tick()
    with live.database() as store, store._writing() as unit:
        unit.connection.exec_driver_sql("DELETE FROM case_files WHERE tick_id = 't1'")
    found = replayed(live)
    assert (found.ticks, found.incomplete, found.is_identical) == (0, 1, True)


# --- backfill -----------------------------------------------------------------------------------


def backfilled(live: Live, days: int) -> Backfilled:
    async def deed(world: World) -> Backfilled:
        return await backfill(world, days=days)

    return live.inside(deed)


def test_a_new_user_sees_what_the_past_days_would_have_brought(live):
    done = backfilled(live, 10)
    assert len(done.days) == 10
    assert done.days[-1] == scenario.OPENS_AT.date() - timedelta(days=1)
    assert done.wanted > 0
    found = replayed(live)
    assert (found.ticks, found.backfilled, found.is_identical) == (10, 10, True)
    pause = next(one for one in found.past if one.brief.entity_name == FAILS)
    assert pause.days > 1
    assert pause.later.days > 0
    assert pause.later.held is not None


def test_a_backfill_changes_nothing_at_meta_and_asks_for_pages_not_for_campaigns(live):
    backfilled(live, 20)
    assert live.writes() == []
    paths = [request.path for request in live.sandbox.requests]
    assert len(paths) < 40
    assert not [path for path in paths if path.split("/")[1].isdigit()]


def test_a_backfill_leaves_the_first_tick_as_it_would_have_been(live):
    backfilled(live, 5)
    with_past = live.tick().to_json()
    bare = [action["outcome"] for action in with_past["actions"]]
    assert bare.count("queued") > 0
    with live.database() as store:
        creatives = store.creatives()
    assert {one.source for one in creatives} == {"baseline"}


def test_a_past_day_is_decided_without_the_days_after_it(live):
    backfilled(live, 3)
    with live.database() as store:
        for tick in store.recorded_ticks(since=SINCE):
            assert tick.case is not None
            (account,) = tick.case.accounts
            snapshot = account.snapshot
            days = {day for rows in snapshot.days[Level.AD].values() for day in rows}
            assert max(days) < snapshot.today
            assert (snapshot.today - snapshot.first_day).days == 28
            assert all(
                entity.created_at is None or entity.created_at <= tick.at
                for entity in snapshot.entities()
            )


def test_days_with_ticks_of_their_own_are_left_out(live):
    live.tick()
    live.passes(days=3)
    done = backfilled(live, 6)
    assert len(done.days) + done.already_recorded == 6
    assert done.days[-1] < scenario.OPENS_AT.date()
    assert done.already_recorded >= 3


def test_the_same_backfill_again_replaces_itself(live):
    backfilled(live, 4)
    backfilled(live, 4)
    assert replayed(live).ticks == 4


def test_an_account_that_cannot_be_read_does_not_stop_the_others(live):
    live.system = replace(live.system, account_ids=("404", live.account_id))
    done = backfilled(live, 2)
    assert done.accounts == [live.account_id]
    assert set(done.failed) == {"404"}
    assert len(done.days) == 2
    live.system = replace(live.system, account_ids=("404",))
    with pytest.raises(PlatformError):
        backfilled(live, 2)


def test_an_account_that_is_being_worked_is_not_read(live, monkeypatch):
    monkeypatch.setattr("meta_autonomous.operations.by_person.LOCK_WAIT_SECONDS", 0.1)
    with live.database() as other, other.account_lock(live.account_id) as is_mine:
        assert is_mine
        with pytest.raises(Busy):
            backfilled(live, 2)


def test_a_throttle_heard_by_a_backfill_holds_for_the_next_one(live):
    live.sandbox.inject(faults.throttled(), match=f"act_{live.account_id}", times=100)
    with pytest.raises(Throttled):
        backfilled(live, 2)
    live.sandbox.clear_faults()
    live.sandbox.forget_requests()
    with pytest.raises(Throttled, match="alone until"):
        backfilled(live, 2)
    assert not [one for one in live.sandbox.requests if live.account_id in one.text]


def test_the_mode_in_force_decides_a_past_day_too(live):
    live.in_mode("auto")
    backfilled(live, 2)
    with live.database() as store:
        outcomes = {
            brief.outcome for tick in store.recorded_ticks(since=SINCE) for brief in tick.decided
        }
    assert Outcome.EXECUTED in outcomes
