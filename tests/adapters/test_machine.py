"""This machine as `doctor` sees it, with a systemd of the test's own."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from meta_autonomous.adapters.machine import disk_space, file_facts, tick_timers

TICKS = """\
Id=meta-auto@production.timer
Unit=meta-auto@production.service
ActiveState=active
UnitFileState=enabled
TimersCalendar={ OnCalendar=*-*-* *:00/30:00 UTC ; next_elapse=Sun 2026-11-22 23:00:00 UTC }

Id=meta-auto-alerts@production.timer
Unit=meta-auto-alerts@production.service
ActiveState=active
UnitFileState=enabled
TimersCalendar={ OnCalendar=*-*-* *:07/10:00 UTC ; next_elapse=Sun 2026-11-22 23:00:00 UTC }

Id=meta-auto@old.timer
Unit=meta-auto@old.service
ActiveState=inactive
UnitFileState=disabled
TimersMonotonic={ OnBootUSec=5min ; next_elapse=0 }
TimersMonotonic={ OnUnitActiveUSec=1h 30min ; next_elapse=0 }
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Tools that print what they are told to; `systemd-analyze` is the machine's own."""

    def install(shown: str, *, code: int = 0) -> None:
        (tmp_path / "shown").write_text(shown)
        tool = tmp_path / "systemctl"
        tool.write_text(
            "#!/bin/sh\n"
            "env >> environment\n"
            'case "$*" in\n'
            "*alerts*ExecStart*) echo 'ExecStart={ argv[]=/bin/meta-auto alerts check ; }' ;;\n"
            "*ExecStart*) echo 'ExecStart={ path=/bin/meta-auto ; argv[]=/bin/meta-auto tick ; }' ;;\n"
            f"*) cat {tmp_path}/shown ;;\n"
            "esac\n"
            f"exit {code}\n"
        )
        tool.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def test_the_timers_of_ticks_are_found_with_how_often_they_run(systemd):
    systemd(TICKS)
    found = {timer.name: timer for timer in tick_timers() or ()}
    assert set(found) == {"meta-auto@production.timer", "meta-auto@old.timer"}
    old, new = found["meta-auto@old.timer"], found["meta-auto@production.timer"]
    assert (new.is_active, new.is_enabled, new.every) == (True, True, timedelta(minutes=30))
    assert (old.is_active, old.is_enabled, old.every) == (False, False, timedelta(minutes=90))


def test_no_timer_is_not_no_systemd(systemd):
    systemd("")
    assert tick_timers() == ()
    systemd("", code=1)
    assert tick_timers() is None


def test_without_systemctl_nothing_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tick_timers() is None


def test_systemctl_gets_no_token_of_ours(systemd, monkeypatch, tmp_path):
    monkeypatch.setenv("META_ACCESS_TOKEN", "EAAhunter2hunter2")
    systemd(TICKS)
    tick_timers()
    assert "hunter2" not in (tmp_path / "environment").read_text()


def test_the_disk_of_a_folder_to_come_is_that_of_its_parent(tmp_path):
    found = disk_space(tmp_path / "not" / "yet")
    assert found is not None
    assert 0 < found.free <= found.total


def test_a_link_is_seen_as_a_link(tmp_path):
    (tmp_path / "file").touch(mode=0o640)
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    told = file_facts(tmp_path / "file")
    assert told is not None
    assert (told.permissions, told.is_ours, told.is_link) == (0o640, True, False)
    link = file_facts(tmp_path / "link")
    assert link is not None
    assert link.is_link
    assert file_facts(tmp_path / "nothing") is None
