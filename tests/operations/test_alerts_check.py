"""What only absence can show: missing ticks, a broken trail, a doubt that nobody settles."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.operations.alerts_check import Checked, check_alerts, tell
from meta_autonomous.ports.records import LedgerEvent
from tests.operations.live_world import Live


def checked(live: Live, **later: float) -> Checked:
    with live.database() as store:
        now = live.sandbox.now() + timedelta(**later)
        return check_alerts(store, live.system, now=now)


def new(live: Live, **later: float) -> set[str]:
    return {alert.key for alert in checked(live, **later).new}


def test_silence_is_measured_by_the_interval_but_never_under_two_hours(offered):
    assert new(offered, hours=2) == set()
    offered.system = replace(offered.system, interval_seconds=3600)
    assert new(offered, hours=3) == set()
    assert new(offered, hours=3, minutes=1) == {"no_ticks"}


def test_it_is_told_once_and_again_after_a_day(offered):
    assert new(offered, hours=3) == {"no_ticks"}
    assert new(offered, hours=26) == set()
    assert new(offered, hours=27) == {"no_ticks"}


def test_nothing_is_missed_while_switched_off(offered):
    assert new(offered, hours=3) == {"no_ticks"}
    offered.system = replace(offered.system, is_enabled=False)
    assert "no_ticks" not in {alert.key for alert in checked(offered, hours=3).standing}


def test_a_system_that_never_ticked_is_missed_from_its_first_entry_on(live):
    assert new(live, days=9) == set()
    with live.database() as store:
        store.append(LedgerEvent(event="policy_changed", who="ana", at=live.sandbox.now()))
    assert new(live, hours=2) == set()
    assert new(live, hours=3) == {"no_ticks"}


@pytest.fixture
def doubtful(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ")
    live.in_mode("auto").tick()
    return live


def test_a_doubt_of_more_than_an_hour_is_an_alert_until_a_tick_settles_it(doubtful):
    assert new(doubtful, hours=1) == set()
    told = checked(doubtful, hours=1, seconds=1).new
    assert told
    assert {alert.key.partition(":")[0] for alert in told} == {"in_doubt"}
    assert "has been in doubt since" in told[0].message
    doubtful.passes(hours=1.5)
    doubtful.tick()
    assert not {one.key for one in told} & {one.key for one in checked(doubtful).standing}


def test_people_get_one_message_and_none_without_news(offered):
    def letters(found: Checked) -> list[tuple[str, str, bool]]:
        asyncio.run(tell(found, offered.mailbox, platform="sandbox"))
        return offered.mailbox.letters

    before = len(offered.mailbox.letters)
    assert len(letters(checked(offered))) == before
    subject, body, is_urgent = letters(checked(offered, hours=3))[before]
    assert subject == "SANDBOX meta-auto: URGENT: 1 alert"
    assert "\nALERT No tick has completed since" in body
    assert is_urgent
