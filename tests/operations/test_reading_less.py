"""After the day's first tick only the days that can still change are read; nothing is lost by it."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.domain.entities import Level
from meta_autonomous.operations.observe import RECENT_DAYS, Observed, is_whole, observe
from meta_autonomous.operations.world import World
from meta_autonomous.ports.platform import ReadPlan
from tests.builders import TODAY, a_snapshot
from tests.operations.live_world import Live


def first_day_asked(live: Live) -> date:
    """The earliest day of ads' insights that was asked for since the last look."""
    ranges = [
        json.loads(request.params["time_range"])
        for request in live.sandbox.requests
        if request.params.get("level") == "ad" and "time_range" in request.params
    ]
    live.sandbox.forget_requests()
    return min(date.fromisoformat(one["since"]) for one in ranges)


def days_back(live: Live) -> int:
    asked = first_day_asked(live)
    with live.database() as store:
        read_on = store.account(live.account_id).last_read_on
    assert read_on is not None
    return (read_on - asked).days


def look(live: Live) -> Observed:
    async def deed(world: World) -> Observed:
        return await observe(world, live.account_id, now=live.sandbox.now())

    return live.inside(deed)


def forget_the_full_read(live: Live) -> None:
    with live.database() as store:
        record = store.account(live.account_id)
        store.save_account(replace(record, last_full_read_on=None))


def test_a_plan_reads_all_days_until_they_were_read_on_the_accounts_day():
    plan = ReadPlan(days=28, window_days=7, recent_days=9, complete_on=TODAY)
    assert plan.days_on(TODAY) == 9
    assert plan.days_on(TODAY + timedelta(days=1)) == 28
    assert replace(plan, complete_on=None).days_on(TODAY) == 28
    assert replace(plan, recent_days=None).days_on(TODAY) == 28
    assert replace(plan, recent_days=40).days_on(TODAY) == 28


def test_only_a_read_of_all_days_without_oddities_is_one_to_rest_on():
    whole = a_snapshot()
    assert is_whole(whole)
    assert not is_whole(replace(whole, first_day=TODAY - timedelta(days=27)))
    assert not is_whole(replace(whole, skipped={"a1": "odd"}))
    assert not is_whole(replace(whole, missing_days=frozenset({TODAY})))


@pytest.mark.slow
def test_later_ticks_of_a_day_read_less_and_the_next_day_begins_with_all(live):
    first = live.tick()
    assert days_back(live) == 28
    live.passes(hours=1)
    second = live.tick()
    assert days_back(live) == RECENT_DAYS
    assert second.requests() < first.requests()
    live.passes(hours=12)  # past midnight in Madrid
    live.tick()
    assert days_back(live) == 28
    live.passes(hours=1)
    live.tick()
    assert days_back(live) == RECENT_DAYS


@pytest.mark.slow
def test_what_is_known_is_the_same_as_if_all_were_read(live):
    live.tick()
    live.passes(hours=10)
    less = look(live)
    assert less.read.first_day > less.situation.snapshot.first_day
    forget_the_full_read(live)
    everything = look(live)
    assert everything.read.first_day == less.situation.snapshot.first_day
    for level in Level:
        assert less.situation.snapshot.days[level] == everything.situation.snapshot.days[level]
    assert less.situation.snapshot.ad_parents == everything.situation.snapshot.ad_parents
    assert less.situation.evaluations == everything.situation.evaluations
    assert less.situation.purchases_28d == everything.situation.purchases_28d
    assert less.situation.outage == everything.situation.outage


@pytest.mark.slow
def test_a_dry_run_reads_as_little_and_decides_the_same(live):
    live.tick()
    live.passes(hours=1)
    live.sandbox.forget_requests()
    dry = live.tick(dry_run=True)
    assert days_back(live) == RECENT_DAYS
    wet = live.tick()
    assert [(d.action, d.outcome) for d, _, _ in dry.decided] == [
        (d.action, d.outcome) for d, _, _ in wet.decided
    ]


@pytest.mark.slow
def test_where_a_row_was_odd_everything_is_read_again(live):
    """The database has no word for purchases that are not known."""

    def spoil(document: dict) -> None:
        for row in document["data"]:
            for action in row.get("actions", ()):
                action["value"] = "many"

    match = r"/insights\S*level=ad&"
    live.sandbox.inject(faults.altered(spoil), match=match, times=100)
    live.tick()
    live.sandbox.clear_faults()
    live.sandbox.forget_requests()
    live.passes(hours=1)
    live.tick()
    assert days_back(live) == 28


@pytest.mark.slow
def test_the_days_that_are_read_are_still_checked_against_the_accounts_total(live):
    live.tick()
    live.passes(hours=1)

    def hide(document: dict) -> None:
        document["data"] = document["data"][1:]

    live.sandbox.inject(faults.altered(hide), match=r"/insights\S*level=ad&", times=100)
    report = live.tick()
    assert "adds up to" in " ".join(report.errors)
    assert report.accounts[live.account_id].state == "failed"
