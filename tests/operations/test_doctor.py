"""What a finding means: states, exit codes, remedies."""

from datetime import timedelta

import pytest

from meta_autonomous.domain.condition import DiskSpace, FileFacts, TickTimer
from meta_autonomous.operations.doctor import (
    Check,
    Diagnosis,
    State,
    examine_disk,
    examine_files,
    examine_timer,
)
from meta_autonomous.ports.errors import ConfigError, NotAllowed, RefusedByGuard, Throttled

HALF_AN_HOUR = timedelta(minutes=30)
MB = 1024 * 1024


def facts(permissions: int, **more) -> FileFacts:
    known = {"path": "/x", "owner": "root", "is_ours": True, "is_link": False}
    return FileFacts(permissions=permissions, **known | more)


@pytest.mark.parametrize(
    ("codes", "answer"),
    [([], 0), ([3], 3), ([3, 4], 4), ([4, 1], 1), ([1, 77], 77), ([3, 4, 1, 78], 78)],
    ids=str,
)
def test_the_gravest_failure_decides_the_exit_code(codes, answer):
    checks = [Check.ok("a", "fine"), Check.warn("b", "hm", "look"), Check.unknown("c", "?")]
    checks += [Check.fail("d", "bad", "mend", code=code) for code in codes]
    found = Diagnosis(platform="meta", checks=tuple(checks))
    assert (found.exit_code, found.is_ok) == (answer, not codes)


def test_only_a_failure_has_an_exit_code():
    with pytest.raises(ValueError, match="exit code"):
        Check.fail("a", "bad", "mend", code=0)


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError, 78), (NotAllowed, 77), (Throttled, 4), (RefusedByGuard, 3)]
)
def test_an_error_fails_with_its_own_code(error, code):
    found = Check.of_error("x", error("what", remedy="do"))
    assert (found.state, found.code, found.message, found.remedy) == (
        State.FAIL, code, "what", "do",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("free", "state"),
    [(99 * MB, "fail"), (100 * MB, "warn"), (1023 * MB, "warn"), (1024 * MB, "ok")],
)
def test_a_full_disk_fails_before_it_is_full(free, state):
    assert examine_disk(DiskSpace(free=free, total=10**12)).state == state


def test_a_disk_that_does_not_tell_is_unknown():
    assert examine_disk(None).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("folder", "database", "state", "told"),
    [
        (None, None, "ok", "a tick makes it"),
        (facts(0o700), None, "ok", "for its owner"),
        (facts(0o700), facts(0o600), "ok", "for its owner"),
        (facts(0o750), facts(0o600), "warn", "chmod 700"),
        (facts(0o700), facts(0o644), "warn", "chmod 600"),
        (facts(0o770), facts(0o600), "fail", "forge"),
        (facts(0o700), facts(0o600, is_link=True), "fail", "symbolic link"),
        (facts(0o700), facts(0o600, is_ours=False, owner="eve"), "fail", "sudo -u eve"),
    ],
)
def test_who_else_could_look_into_or_forge_the_record(folder, database, state, told):
    found = examine_files(folder, database)
    assert found.state == state
    assert told in f"{found.message} {found.remedy}"


def timer(**facts) -> TickTimer:
    known = {"name": "meta-auto@production.timer", "is_active": True, "is_enabled": True}
    return TickTimer(**known | {"every": HALF_AN_HOUR} | facts)


@pytest.mark.parametrize(
    ("timers", "state", "told"),
    [
        (None, "unknown", "cron or Kubernetes"),
        ((), "warn", "no systemd timer"),
        ((timer(),), "ok", "is active"),
        ((timer(every=None),), "ok", "is active"),
        ((timer(every=timedelta(seconds=1860)),), "ok", "is active"),
        ((timer(every=timedelta(minutes=15)),), "warn", "runs every 900 s"),
        ((timer(is_active=False),), "warn", "enable --now"),
        ((timer(is_active=False, every=timedelta(hours=1)), timer()), "ok", "is active"),
        ((timer(is_enabled=False),), "warn", "reboot"),
    ],
)
def test_the_timer_and_the_interval_can_not_disagree_silently(timers, state, told):
    found = examine_timer(timers, HALF_AN_HOUR)
    assert found.state == state
    assert told in f"{found.message} {found.remedy}"
