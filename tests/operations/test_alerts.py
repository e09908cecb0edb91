"""What people must hear of: raised once, cleared once, on the served sandbox."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.decision.limits import PolicyBook, Scope
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.operations.hard_stop_alerts import follow_hard_stops
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.undo import undo
from meta_autonomous.ports.records import LedgerEvent
from tests.operations.live_world import ANA, FAILS, GROWS, SECOND_ACCOUNT, Live, outcome_of

pytestmark = pytest.mark.slow


def keys(report: TickReport) -> set[str]:
    return {alert.key for alert in report.alerts}


def new(report: TickReport) -> set[str]:
    return {alert.key for alert in report.new_alerts}


def of(live: Live, name: str = FAILS) -> str:
    return f"hard_stop:{live.sandbox.find(name)}"


# --- hard stops ---------------------------------------------------------------------------------


def test_a_hard_stop_is_raised_once_and_stands(offered):
    offered.passes(minutes=30)
    report = offered.tick()
    assert of(offered) in keys(report)
    assert new(report) == set()
    assert len(offered.ledger("alert_raised")) == 3
    assert offered.mailbox.letters == []


def test_a_hard_stop_says_what_became_of_it(live):
    suggested = {alert.key: alert.message for alert in live.tick().alerts}
    assert suggested[of(live)].endswith("It waits for a person's approval.")


def said(live: Live, key: str) -> str | None:
    with live.database() as store:
        return {alert.key: alert.message for alert in store.open_alerts()}.get(key)


def test_a_hard_stop_that_a_person_approved_says_so_at_once(offered):
    offered.approve(offered.pending(FAILS).id)
    done = "It was paused at 2026-11-02 10:00 UTC, approved by ana."
    assert said(offered, of(offered)).endswith(done)
    assert {a.key: a.message for a in offered.tick().alerts}[of(offered)].endswith(done)


def test_a_hard_stop_that_a_person_rejected_says_so_and_stands(offered):
    offered.reject(offered.pending(FAILS).id)
    done = "ana rejected the pause, and it goes on spending."
    assert said(offered, of(offered)).endswith(done)
    assert {a.key: a.message for a in offered.tick().alerts}[of(offered)].endswith(done)


def test_a_hard_stop_whose_pause_expired_does_not_say_that_it_waits(offered):
    with offered.database() as store:
        store.expire(now=offered.sandbox.now() + timedelta(hours=24))
        follow_hard_stops(store, at=offered.sandbox.now(), who="autonomous_worker")
    assert said(offered, of(offered)).endswith("in time, and it goes on spending.")


def test_an_approved_hard_stop_that_is_undone_is_over_at_once_and_told_anew_if_it_is_found_again(
    offered,
):
    paused = offered.pending(FAILS)
    offered.approve(paused.id)
    offered.inside(lambda world: undo(world, [paused.id]), actor=ANA)
    assert said(offered, of(offered)) is None
    cleared = [e.event for e in offered.ledger("alert_cleared")]
    assert [(e.before["alert"], e.who) for e in cleared] == [(of(offered), "ana")]
    assert of(offered) in new(offered.tick())


def test_following_a_hard_stop_moves_no_repetition(offered):
    """A day after it was raised it is told again, whatever was said of it meanwhile."""
    offered.passes(hours=23)
    offered.reject(offered.pending(FAILS).id)
    assert len(offered.ledger("alert_raised")) == 3
    with offered.database() as store:
        (alert,) = [a for a in store.open_alerts() if a.key == of(offered)]
        later = replace(alert, raised_at=alert.raised_at + timedelta(hours=24))
        assert store.raise_alert(later, who="autonomous_worker")


def test_an_executed_hard_stop_stands_for_24_hours(live):
    report = live.in_mode("auto").tick()
    (alert,) = [one for one in report.alerts if one.key == of(live)]
    assert alert.message.endswith("It was paused at 2026-11-02 10:00 UTC, automatically.")
    live.passes(hours=23)
    assert of(live) in keys(live.tick())
    live.passes(hours=1)
    assert of(live) not in keys(live.tick())
    assert of(live) in {str(e.event.before["alert"]) for e in live.ledger("alert_cleared")}


def test_a_hard_stop_in_doubt_says_so(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ")
    (alert,) = [one for one in live.in_mode("auto").tick().alerts if one.key == of(live)]
    assert alert.message.endswith("is being settled.")


def test_an_acknowledged_hard_stop_is_over(offered):
    with offered.database() as store:
        store.acknowledge_alert(of(offered), who="ana", at=offered.sandbox.now())
    assert of(offered) not in keys(offered.tick())


def test_an_undone_hard_stop_is_over(live):
    live.in_mode("auto").tick()
    (paused,) = live.actions(entity_id=live.sandbox.find(FAILS))
    (handled,) = live.inside(lambda world: undo(world, [paused.id]), actor=ANA)
    assert handled.status == "undone"
    live.book = PolicyBook(scope=Scope(exclude=(FAILS,)))  # or it would be wanted again at once
    assert of(live) not in keys(live.tick())


def test_an_undone_change_of_another_kind_ends_no_hard_stop(offered):
    offered.approve(offered.pending(GROWS).id)
    (grown,) = offered.actions(statuses=[ActionStatus.EXECUTED])
    offered.inside(lambda world: undo(world, [grown.id]), actor=ANA)
    assert of(offered) in keys(offered.tick())


# --- spend --------------------------------------------------------------------------------------


def capped(live: Live, cap: int) -> set[str]:
    live.limited(max_daily_spend_usd=Decimal(cap))
    return {key for key in keys(live.tick()) if key.startswith("spend")}


def test_spend_near_the_cap_and_over_it_is_raised_and_cleared(live):
    assert capped(live, 1_100) == {"spend_near_cap"}  # 1069.79 today
    assert capped(live, 1_000) == {"spend_over_cap"}
    assert capped(live, 2_000) == set()


def test_a_tick_that_looked_at_nothing_clears_nothing(live):
    capped(live, 1_000)
    with live.database() as store:
        event = LedgerEvent(event="system_stopped", who="ana", at=live.sandbox.now())
        store.set_started(is_started=False, event=event)
    assert "spend_over_cap" in keys(live.tick())


def test_what_only_some_accounts_spent_clears_nothing(live):
    assert capped(live, 1_000) == {"spend_over_cap"}
    live.system = replace(live.system, account_ids=(live.account_id, SECOND_ACCOUNT))
    live.sandbox.inject(faults.unauthorised(), match=f"act_{live.account_id}", times=1000)
    report = live.tick()
    assert set(report.situations) == {SECOND_ACCOUNT}
    assert "spend_over_cap" in keys(report)
    live.sandbox.clear_faults()
    assert "spend_over_cap" in keys(live.tick(accounts=[SECOND_ACCOUNT]))
    assert capped(live, 2_000) == set()


def test_a_runaway_day_is_told_of(live):
    assert f"runaway_day:{live.account_id}" not in keys(live.tick())
    live.sandbox.edit(live.sandbox.find(GROWS), daily_budget=5_000)  # of which far more is spent
    (alert,) = [one for one in live.tick().alerts if one.key.startswith("runaway_day")]
    assert GROWS in alert.message


# --- shares of 24 hours -------------------------------------------------------------------------


def test_more_than_a_tenth_of_five_attempts_failed(live):
    live.sandbox.inject(faults.error(100), match=r"^POST ", after=8)
    report = live.in_mode("auto").tick()
    assert "actions_failing" in keys(report)  # one of nine
    live.passes(hours=25)
    assert "actions_failing" not in keys(live.in_mode("suggest").tick())


def test_a_single_failure_is_no_share(live):
    live.sandbox.inject(faults.error(100), match=r"^POST ")
    live.book = PolicyBook(scope=Scope(include=(GROWS,)))
    report = live.in_mode("auto").tick()
    assert outcome_of(report, GROWS) == "failed"
    assert "actions_failing" not in keys(report)


def test_more_than_half_of_ten_actions_blocked(live):
    live.limited(min_impressions=Decimal(10**9))
    (alert,) = [one for one in live.tick().alerts if one.key == "actions_blocked"]
    assert "too little data" in alert.message


def test_what_only_waits_is_not_counted_as_blocked(offered):
    numbers = [record.id for record in offered.actions(statuses=[ActionStatus.SUGGESTED])]
    offered.approve(*numbers)
    offered.passes(minutes=30)
    report = offered.tick()
    blocked = [d for d, _, h in report.decided if str(h.outcome).endswith("_blocked")]
    assert len(blocked) > len(report.decided) / 2
    assert "actions_blocked" not in keys(report)


def test_what_yesterdays_own_change_forbids_waits_and_is_refused_by_nothing_else(live):
    live.in_mode("auto").tick()
    live.passes(minutes=30)
    report = live.tick()
    blocked = [d for d, _, h in report.decided if str(h.outcome) == "policy_blocked"]
    own = [v for d in blocked for v in d.verdicts if v.rule == "policy.budget_change" and not v]
    assert own
    assert all(verdict.eligible_at is not None for verdict in own)
    assert "actions_blocked" not in keys(report)


# --- accounts -----------------------------------------------------------------------------------


def test_an_account_whose_ads_can_not_run_is_told_of(live):
    live.sandbox.inject(faults.account_status(2), match=f"act_{live.account_id}", times=100)
    report = live.tick()
    assert f"account_status:{live.account_id}" in keys(report)
    assert report.decided == []
    live.sandbox.clear_faults()
    assert f"account_status:{live.account_id}" not in keys(live.tick())


def test_broken_tracking_stops_everything_automatic_with_an_alert(live):
    today = live.sandbox.now().date()
    lost = {(today - timedelta(days=age)).isoformat() for age in (1, 2, 3)}

    def lose(document: dict) -> None:
        for row in document.get("data", []):
            if row.get("date_start") in lost:
                for key in ("actions", "action_values", "purchase_roas"):
                    row.pop(key, None)

    live.sandbox.inject(faults.altered(lose), match=r"/insights", times=1000)
    report = live.in_mode("auto").tick()
    assert f"tracking_outage:{live.account_id}" in keys(report)
    assert live.writes() == []
    queued = [d for d, _, h in report.decided if h.outcome == "queued"]
    assert queued
    live.sandbox.clear_faults()
    assert f"tracking_outage:{live.account_id}" not in keys(live.tick())


def test_many_pauses_at_once_are_told_of_and_wait_for_a_person(live):
    report = live.in_mode("auto").limited(hard_stop_roas=Decimal(3)).tick()
    pauses = [(str(h.outcome), d.is_urgent) for d, _, h in report.decided if d.action.is_hard_stop]
    assert f"blast_radius:{live.account_id}" in keys(report)
    assert pauses.count(("executed", True)) >= 2
    assert pauses.count(("queued", True)) >= 1


def test_the_days_of_the_sandbox_are_what_the_test_thinks(live):
    assert live.sandbox.now().date() == date(2026, 11, 2)


# --- the token ----------------------------------------------------------------------------------


def token_ends_in(live: Live, **left: float) -> None:
    ends = int((live.sandbox.now() + timedelta(**left)).timestamp())
    live.sandbox.clear_faults()
    live.sandbox.inject(
        faults.altered(lambda document: document["data"].update(expires_at=ends)),
        match="debug_token",
        times=1000,
    )


def test_a_token_that_expires_within_two_weeks_is_told_of_until_it_is_renewed(live):
    token_ends_in(live, days=14, seconds=1)
    assert "token_expiring" not in keys(live.tick())
    live.passes(hours=24)
    (alert,) = [one for one in live.tick().alerts if one.key == "token_expiring"]
    assert "expires at 2026-11-16" in alert.message
    live.sandbox.inject(faults.error(2), match="debug_token", times=4)
    live.passes(minutes=30)
    assert "token_expiring" in keys(live.tick())  # of what Meta does not tell nothing is known
    live.sandbox.clear_faults()
    live.passes(minutes=30)
    assert "token_expiring" not in keys(live.tick())  # the new one never expires


def test_meta_is_asked_about_a_lasting_token_once_a_day(live):
    def asked() -> int:
        return sum("debug_token" in one.text for one in live.sandbox.requests)

    live.tick()
    live.passes(hours=23)
    live.tick()
    assert asked() == 1
    live.passes(hours=2)
    live.tick()
    assert asked() == 2


def test_a_token_that_meta_does_not_tell_of_is_asked_about_once_a_day_too(live):
    token_ends_in(live, days=3)
    assert "token_expiring" in keys(live.tick())
    live.sandbox.clear_faults()
    live.sandbox.inject(faults.error(100), match="debug_token", times=1000)
    live.sandbox.forget_requests()
    for hours in (1, 1, 21):
        live.passes(hours=hours)
        assert "token_expiring" in keys(live.tick())  # nothing says that it is over
    assert sum("debug_token" in one.text for one in live.sandbox.requests) == 1


# --- exactly at the limit -----------------------------------------------------------------------


def test_exactly_nine_tenths_of_the_cap_are_not_near_it(live):
    assert capped(live, 1_188) == {"spend_near_cap"}  # 1069.79 is 90.05 %
    assert capped(live, 1_189) == set()  # ... and 89.97 %


def test_an_alert_is_repeated_daily_until_somebody_took_note(live):
    live.limited(max_daily_spend_usd=Decimal(1_000))
    first = live.tick()
    assert "spend_over_cap" in new(first)
    with live.database() as store:
        (alert,) = [one for one in store.open_alerts() if one.key == "spend_over_cap"]
        for hours, repeated in ((23, False), (24, True), (47, False), (48, True)):
            again = replace(alert, raised_at=alert.raised_at + timedelta(hours=hours))
            assert store.raise_alert(again, who="autonomous_worker") is repeated
        assert store.acknowledge_alert("spend_over_cap", who="ana", at=live.sandbox.now())
        later = replace(alert, raised_at=alert.raised_at + timedelta(hours=99))
        assert store.raise_alert(later, who="autonomous_worker") is False
    assert len([e for e in live.ledger("alert_raised") if e.event.why == alert.message]) == 1
