"""The timer fires as often as META_AUTO_INTERVAL_SECONDS says."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from meta_autonomous.operations.timer_units import (
    DEFAULT_INTERVAL,
    is_instance,
    timer_for,
    unit_files,
)
from tests.deploy.conftest import DEPLOY, tool

BY_CALENDAR = [60, 120, 300, 600, 720, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400]  # fmt: skip
BY_REPEATING = [61, 90, 420, 1801, 2700, 5400, 18_000, 50_000, 86_399]


def calendar_of(interval: int) -> str:
    found = re.search(r"^OnCalendar=(.+)$", timer_for(interval), re.MULTILINE)
    assert found, "not a calendar"
    return found[1]


@pytest.mark.parametrize("interval", BY_CALENDAR)
def test_systemd_itself_counts_the_interval_between_the_next_runs(interval):
    done = tool("systemd-analyze")(
        "calendar", "--iterations=50", "--base-time=2026-03-28 22:00:00 UTC", calendar_of(interval)
    )
    assert done.returncode == 0, done.stderr
    times = [
        datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S")
        for stamp in re.findall(r"\(in UTC\): \w+ ([\d-]+ [\d:]+) UTC", done.stdout)
        or re.findall(r"(?:elapse|#\d+): \w+ ([\d-]+ [\d:]+) UTC", done.stdout)
    ]
    assert len(times) == 50
    # The night in which Europe's clocks jump is among them.
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert gaps == {timedelta(seconds=interval)}


@pytest.mark.parametrize("interval", BY_REPEATING)
def test_what_divides_no_hour_and_no_day_repeats_from_the_last_start(interval):
    timer = timer_for(interval).splitlines()
    assert f"OnUnitActiveSec={interval}" in timer
    assert "OnActiveSec=5" in timer, "or it would never begin"
    assert not any(line.startswith("RandomizedDelay") for line in timer), "it would add up"


@pytest.mark.parametrize(("name", "is_one"), [
    ("production", True), ("eu-1", True), ("", False), ("Eu", False), ("../etc", False),
    ("a b", False), ("1", False), ("x" * 40, False),
])  # fmt: skip
def test_an_instance_is_named_so_that_it_can_be_a_folder_and_a_unit(name, is_one):
    assert is_instance(name) is is_one


def test_the_files_in_deploy_are_what_the_command_prints_by_default():
    """Mend it with: meta-auto units --write deploy/systemd (with nothing configured)"""
    printed = {unit.name: unit.text for unit in unit_files(DEFAULT_INTERVAL)}
    kept = {
        path.name: path.read_text() for path in (DEPLOY / "systemd").iterdir() if path.is_file()
    }
    assert kept == printed


def test_another_interval_changes_the_timer_and_the_services_patience_and_nothing_else():
    before = {unit.name: unit.text.splitlines() for unit in unit_files(DEFAULT_INTERVAL)}
    after = {unit.name: unit.text.splitlines() for unit in unit_files(2700)}
    changed = {
        name: (sorted(set(before[name]) - set(after[name])), sorted(set(after[name]) - set(before[name])))
        for name in before
        if before[name] != after[name]
    }  # fmt: skip
    assert changed == {
        "meta-auto@.service": (["TimeoutStartSec=1800"], ["TimeoutStartSec=2700"]),
        "meta-auto@.timer": (
            ["FixedRandomDelay=true", "OnCalendar=*-*-* *:00/30:00 UTC", "Persistent=true", "RandomizedDelaySec=45"],
            ["OnActiveSec=5", "OnUnitActiveSec=2700"],
        ),
    }  # fmt: skip


def test_an_instance_gets_a_service_and_a_timer_of_its_own():
    names = [unit.name for unit in unit_files(3600, "staging")]
    assert names == [
        "meta-auto@staging.service",
        "meta-auto@staging.timer",
        "meta-auto-alerts@.service",
        "meta-auto-alerts@.timer",
        "meta-auto-failed@.service",
    ]
