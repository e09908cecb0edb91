"""A policy in auto mode is tested before it is obeyed, once; a dead guard is told of."""

from dataclasses import replace
from decimal import Decimal

import pytest

from meta_autonomous.operations import selftest as gate
from meta_autonomous.operations.switches import set_mode
from meta_autonomous.ports.errors import RefusedByGuard
from meta_autonomous.ports.people import Actor
from meta_autonomous.ports.records import TestedPolicy

pytestmark = pytest.mark.slow

ADMIN = Actor(name="root", is_admin=True, is_manager=True)
KEY = "dead_guard:safety.daily_spend"
HUGE = Decimal(10**12)


def with_policy(live, digest: str, **limits):
    live.system = replace(live.system, policy_digest=digest)
    return live.limited(**limits)


def dead(report) -> set[str]:
    return {alert.key for alert in report.alerts if alert.key.startswith("dead_guard:")}


def tested(live) -> TestedPolicy | None:
    with live.database() as store:
        return store.runtime().tested


def switch(live, mode: str, *accept: str):
    with live.database() as store:
        at = live.sandbox.now()
        found = None
        if mode == "auto":
            found = gate.require(live.book, live.system, accept=accept, at=at)
        return set_mode(store, live.system, mode, actor=ADMIN, at=at, tested=found)


@pytest.fixture
def loose(live):
    return with_policy(live.in_mode("auto"), "d1", max_daily_spend_usd=HUGE)


def test_a_dead_guard_is_raised_once_and_cleared_with_the_policy(loose):
    report = loose.tick()
    assert dead(report) == {KEY}
    (alert,) = [one for one in report.new_alerts if one.key == KEY]
    assert alert.severity == "critical"
    assert "--accept safety.daily_spend" in alert.message
    assert tested(loose) == TestedPolicy(digest="d1", dead=("safety.daily_spend",))
    again = loose.tick()
    assert (dead(again), {one.key for one in again.new_alerts} & {KEY}) == ({KEY}, set())
    with_policy(loose, "d2", max_daily_spend_usd=Decimal(10_000))
    assert dead(loose.tick()) == set()


def test_it_does_not_stop_the_tick(loose):
    assert loose.tick().outcomes["executed"] > 0


def test_a_policy_is_tested_once(loose, monkeypatch):
    loose.tick()
    monkeypatch.setattr(gate, "selftest", None)  # a second time would fail
    assert dead(loose.tick()) == {KEY}


def test_in_suggest_mode_nothing_is_tested_and_the_alert_is_over(loose):
    loose.tick()
    assert dead(loose.in_mode("suggest").tick()) == set()
    assert loose.ledger("alert_cleared")


def test_suggest_mode_tests_nothing(live):
    with_policy(live, "d1", max_daily_spend_usd=HUGE).tick()
    assert tested(live) is None


def test_a_dry_run_writes_nothing_of_it(loose):
    loose.tick(dry_run=True)
    assert tested(loose) is None


def test_what_was_accepted_raises_nothing_and_stays_accepted(loose):
    loose.in_mode("suggest")
    switch(loose, "auto", "safety.daily_spend")
    assert dead(loose.tick()) == set()
    with_policy(loose, "d2", max_daily_change_pct=Decimal(1))
    assert dead(loose.tick()) == {"dead_guard:policy.budget_change"}


def test_setting_the_mode_anew_forgets_what_was_accepted(loose):
    switch(loose, "auto", "safety.daily_spend")
    with pytest.raises(RefusedByGuard, match=r"safety\.daily_spend"):
        switch(loose, "auto")
    switch(loose.limited(max_daily_spend_usd=Decimal(10_000)), "auto")
    assert tested(loose) == TestedPolicy(digest="d1")


def test_back_to_suggest_keeps_what_was_tested(loose):
    switch(loose, "auto", "safety.daily_spend")
    switch(loose, "suggest")
    assert tested(loose).accepted == ("safety.daily_spend",)
