"""The dashboard's numbers, from the database alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.operations.status import StatusReport, status
from meta_autonomous.operations.undo import undo
from meta_autonomous.ports.records import LedgerEvent
from tests.operations.live_world import ANA, FAILS, GROWS, Live


def status_of(live: Live, *, now: datetime | None = None) -> StatusReport:
    with live.database() as store:
        return status(store, live.system, live.book, live.rates, now=now or live.sandbox.now())


def shown(live: Live, **later: float) -> dict[str, Any]:
    return status_of(live, now=live.sandbox.now() + timedelta(**later)).to_json()


def test_the_status_has_the_contracts_names(offered):
    assert set(shown(offered)) >= {
        "enabled",
        "mode",
        "is_running",
        "interval_seconds",
        "max_daily_spend_usd",
        "max_actions_per_tick",
        "hard_stop_roas",
        "embargo_hours",
        "platform",
        "last_tick_at",
        "next_tick_at",
        "alerts",
        "today",
    }


def test_a_fresh_system_has_not_run_yet(live):
    told = shown(live)
    assert told["enabled"] is True
    assert told["is_running"] is False
    assert told["last_tick_at"] is told["next_tick_at"] is None
    assert told["today"]["actions_generated"] == 0
    assert told["today"]["actions_queued_pct"] == 0.0
    assert told["today"]["spend_usd"] == "0.00"


def test_it_runs_while_the_last_tick_is_younger_than_two_intervals(offered):
    assert shown(offered, minutes=59)["is_running"] is True
    assert shown(offered, minutes=61)["is_running"] is False


def test_the_next_tick_comes_an_interval_after_the_last(offered):
    told = status_of(offered)
    assert told.next_tick_at - told.last_tick_at == timedelta(minutes=30)


def test_todays_ticks_are_added_up_with_their_shares(offered):
    offered.passes(minutes=30)
    offered.tick()
    today = shown(offered)["today"]
    assert today["ticks"] == 2
    assert today["campaigns_evaluated"] == 26
    assert today["actions_queued"] == 9
    assert today["actions_unchanged"] == 9
    generated = today["actions_generated"]
    words = [key for key in today if key.startswith("actions_") and f"{key}_pct" in today]
    assert generated == sum(today[word] for word in words)
    assert today["actions_queued_pct"] == pytest.approx(9 / generated, abs=1e-4)
    assert sum(today[f"{word}_pct"] for word in words) == pytest.approx(1, abs=1e-3)


def test_what_a_person_approved_today_is_counted_beside_the_ticks(offered):
    pause, growth = offered.pending(FAILS), offered.pending(GROWS)
    offered.approve(pause.id, growth.id)
    offered.inside(lambda world: undo(world, [growth.id]), actor=ANA)
    today = shown(offered)["today"]
    assert (today["actions_executed"], today["executed_by_people"]) == (0, 2)
    assert shown(offered, hours=15)["today"]["executed_by_people"] == 0


def test_what_a_tick_executed_is_counted_among_the_ticks_alone(live):
    live.in_mode("auto").tick()
    today = shown(live)["today"]
    assert today["actions_executed"] > 0
    assert today["executed_by_people"] == 0


def test_yesterdays_ticks_are_not_todays(offered):
    told = shown(offered, hours=15)  # past midnight
    assert told["today"]["ticks"] == 0
    assert told["today"]["spend_usd"] == "0.00"
    assert [account["spend_usd"] for account in told["accounts"]] == [None]
    assert [account["spend_usd"] for account in shown(offered)["accounts"]] == ["1069.79"]


def test_spend_stands_against_the_cap(offered):
    offered.limited(max_daily_spend_usd=Decimal(1_500))
    today = shown(offered)["today"]
    assert (today["spend_usd"], today["cap_usd"]) == ("1069.79", "1500.00")


def test_a_tick_that_looked_at_nothing_does_not_hide_what_was_spent(offered):
    stopped(offered).tick()
    assert shown(offered)["today"]["spend_usd"] == "1069.79"


def stopped(live: Live) -> Live:
    with live.database() as store:
        event = LedgerEvent(event="system_stopped", who="ana", at=live.sandbox.now())
        store.set_started(is_started=False, event=event)
    return live


def test_what_waits_and_what_is_in_doubt_is_counted(offered):
    assert shown(offered)["pending"] == 9
    offered.sandbox.inject(faults.reset(), match=r"^POST ")
    offered.approve(offered.pending(GROWS).id)
    told = shown(offered)
    assert (told["pending"], told["in_doubt"]) == (8, 1)


def test_open_alerts_are_shown(offered):
    alerts = shown(offered)["alerts"]
    assert len(alerts) == 3
    assert set(alerts[0]) >= {"key", "severity", "message", "raised_at"}


@pytest.mark.parametrize("way", ["stopped", "disabled"])
def test_a_stopped_or_disabled_system_is_not_enabled_and_has_no_next_tick(offered, way):
    if way == "stopped":
        stopped(offered)
    else:
        offered.system = replace(offered.system, is_enabled=False)
    told = shown(offered)
    assert told["enabled"] is told["is_running"] is False
    assert told["started"] is (way == "disabled")
    assert told["next_tick_at"] is None


def test_the_stored_mode_is_shown(offered):
    assert shown(offered)["mode"] == "suggest"
    with offered.database() as store:
        event = LedgerEvent(event="mode_changed", who="ana", at=offered.sandbox.now())
        store.set_mode("auto", event=event)
    assert shown(offered)["mode"] == "auto"
