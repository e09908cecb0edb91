"""The units: systemd finds nothing to say, the sandbox is tight, and a failure reaches people."""

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from meta_autonomous.cli.app import run as run_command
from tests.deploy.conftest import DEPLOY, ROOT, tool

UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir() if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]
INSTANCES = ("staging", "canary", "production")
#: What runs the program, and what it says of itself as a person would type it.
PROGRAM = "/opt/meta-auto/bin/meta-auto"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are, but for the program: it is where this Python is."""
    for path in (DEPLOY / "systemd").iterdir():
        if path.is_file():
            text = path.read_text().replace(PROGRAM, sys.executable)
            (tmp_path / path.name).write_text(text)
        else:
            folder = tmp_path / path.name
            folder.mkdir()
            for part in path.iterdir():
                (folder / part.name).write_text(part.read_text())
    return tmp_path


def of_instance(unit: str, instance: str) -> str:
    name = f"meta-auto@{instance}.service" if unit.startswith("meta-auto-failed") else instance
    return unit.replace("@.", f"@{name}.")


@pytest.mark.parametrize("instance", INSTANCES)
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_verifies_every_unit_and_says_nothing(installed, unit, instance):
    """Its exit code alone is no proof: a misspelt key only makes it say something."""
    verify = tool("systemd-analyze")
    name = of_instance(unit, instance)
    done = verify(
        "verify",
        name,
        cwd=installed,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:"},
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_a_misspelt_key_would_be_seen(installed):
    path = installed / "meta-auto@.service"
    path.write_text(path.read_text().replace("NoNewPrivileges", "NoNewPriviledges"))
    done = tool("systemd-analyze")(
        "verify",
        "meta-auto@production.service",
        cwd=installed,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:"},
    )
    assert "NoNewPriviledges" in done.stderr


@pytest.mark.parametrize("unit", SERVICES)
def test_every_service_is_exposed_by_at_most_one_and_a_half_of_ten(unit):
    analyze = tool("systemd-analyze")
    path = DEPLOY / "systemd" / unit
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", path)
    assert done.returncode == 0, done.stdout[-300:]
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found
    assert float(found[1]) <= 1.5


def test_the_alerts_have_a_rhythm_of_their_own_beside_the_ticks():
    done = tool("systemd-analyze")(
        "calendar", "--iterations=6", "--base-time=2026-01-01 00:00:00 UTC", "*-*-* *:07/10:00 UTC"
    )
    assert "OnCalendar=*-*-* *:07/10:00 UTC" in text_of("meta-auto-alerts@.timer")
    minutes = re.findall(r"(?:elapse|#\d+|\(in UTC\)): \w+ [\d-]+ \d+:(\d+):00 UTC", done.stdout)
    assert set(minutes) == {"07", "17", "27", "37", "47", "57"}


def text_of(unit: str) -> str:
    return (DEPLOY / "systemd" / unit).read_text()


@pytest.mark.parametrize("unit", ["meta-auto@.service", "meta-auto-alerts@.service"])
def test_what_a_service_runs_is_a_command_that_exists(unit, tmp_path, monkeypatch, capsys):
    found = re.search(r"^ExecStart=\S+ (.+)$", text_of(unit), re.MULTILINE)
    assert found
    config = tmp_path / "config.toml"
    config.write_text(f'[system]\nmeta_auto_state_dir = "{tmp_path / "state"}"\n')
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("META_")]:
        monkeypatch.delenv(name)
    run_command(["--config", str(config), "tick", "--quiet"])
    capsys.readouterr()
    words = found[1].replace("/etc/meta-auto/%i/config.toml", str(config)).split()
    assert run_command(words) == 0


def test_75_is_no_failure_and_everything_else_tells_people():
    tick = text_of("meta-auto@.service")
    assert re.search(r"^SuccessExitStatus=75$", tick, re.MULTILINE)
    for unit in ("meta-auto@.service", "meta-auto-alerts@.service"):
        assert "OnFailure=meta-auto-failed@%n.service" in text_of(unit)


def test_no_unit_gives_the_program_a_secret_on_its_command_line_or_in_its_environment():
    for path in (DEPLOY / "systemd").rglob("*"):
        if path.is_file():
            for line in path.read_text().splitlines():
                if line.startswith(("ExecStart", "Environment")):
                    assert not re.search(r"TOKEN|SECRET|NOTIFY|DATABASE", line, re.IGNORECASE)


def test_a_failure_reaches_people_with_the_end_of_the_log(tmp_path):
    """The very line that systemd would run, between a journal and an Apprise of our own."""
    for name, body in {
        "journalctl": 'echo "$@" >"$HERE/asked"; echo "the last line"',
        "apprise": 'printf "%s\\n" "$@" >"$HERE/told"; cat >>"$HERE/told"',
    }.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    found = re.search(r"^ExecStart=(.+)$", text_of("meta-auto-failed@.service"), re.MULTILINE)
    assert found
    as_run = (
        found[1]
        .replace("/opt/meta-auto/bin/apprise", str(tmp_path / "apprise"))
        .replace("$$", "$")
        .replace("%i", "meta-auto@production.service")
        .replace("%H", "host7")
        .replace("%d", "/run/credentials/x")
    )
    subprocess.run(
        shlex.split(as_run),
        check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HERE": str(tmp_path)},
    )
    assert "--unit=meta-auto@production.service" in (tmp_path / "asked").read_text()
    assert (tmp_path / "told").read_text().splitlines() == [
        "--config=/run/credentials/x/on-failure.conf",
        "--title=meta-auto@production.service failed on host7",
        "the last line",
    ]


def syscalls_of(group: str) -> set[str]:
    """What a @group of systemd's stands for, groups in it unfolded."""
    done = tool("systemd-analyze")("syscall-filter", "--no-pager", group)
    words = {line.split()[0] for line in done.stdout.splitlines()[1:] if line.strip()}
    nested = {word for word in words if word.startswith("@")}
    plain = {word for word in words - nested if word != "#"}
    return plain.union(*(syscalls_of(word) for word in nested))


def test_a_tick_asks_the_kernel_for_nothing_that_the_unit_forbids(tmp_path):
    """What is forbidden would not show here, but in production: the filter answers EPERM."""
    filters = re.findall(r"^SystemCallFilter=(.+)$", text_of("meta-auto@.service"), re.MULTILINE)
    assert filters == ["@system-service", "~@privileged @resources"]
    allowed = syscalls_of("@system-service") - syscalls_of("@privileged")
    allowed -= syscalls_of("@resources")
    assert len(allowed) > 200
    trace = tmp_path / "trace"
    done = tool("strace")(
        "-f", "-qq", "-o", trace, sys.executable, "-m", "meta_autonomous", "tick", "--quiet",
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
             "META_AUTO_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    asked = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
    assert len(asked) > 40
    if os.geteuid() == 0:
        asked.discard("fchown")  # SQLite gives files to their owner, only ever as root
    assert asked <= allowed


# --- accounts and folders -----------------------------------------------------------------------


def test_accounts_and_folders_are_made_with_the_modes_that_the_program_insists_on(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root makes accounts and folders of others")
    for folder in ("etc", "var/lib/prometheus/node-exporter", "run"):
        (tmp_path / folder).mkdir(parents=True)
    for command, kind in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        extra = ["--create"] if kind == "tmpfiles.d" else []
        config = DEPLOY / kind / "meta-auto.conf"
        done = tool(command)(f"--root={tmp_path}", *extra, config)
        assert done.returncode == 0, done.stderr
    accounts = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    service = next(account for account in accounts if account[0] == "meta-auto")
    assert service[5:] == ["/var/lib/meta-auto", "/usr/sbin/nologin"]
    groups = (tmp_path / "etc/group").read_text()
    assert all(f"{name}:" in groups for name in ("meta-admins", "meta-managers", "meta-auditors"))
    uid, gid = int(service[2]), int(service[3])
    for instance in INSTANCES:
        assert facts(tmp_path / "etc/meta-auto" / instance) == (0, gid, 0o750)
        assert facts(tmp_path / "var/lib/meta-auto" / instance) == (uid, gid, 0o700)
    assert facts(tmp_path / "var/lib/meta-auto") == (uid, gid, 0o700)


def facts(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)
