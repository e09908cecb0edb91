"""The sudoers fragment: each role gets its commands, and nobody a configuration of their own.

The patterns are POSIX extended regular expressions without anything that Python reads otherwise,
so they are tried here against whole command lines, as sudo does: the arguments joined by spaces.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.test_roles import ADMIN, ADMIN_LATER, MANAGER, TICK, WATCH
from tests.deploy.conftest import DEPLOY, tool

FRAGMENT = DEPLOY / "sudoers.d" / "meta-auto"
PROGRAM = "/opt/meta-auto/bin/meta-auto"
CONFIG = ["--config", "/etc/meta-auto/production/config.toml"]
#: What tests/cli/test_roles.py spells otherwise than a machine would.
BACKUP = ["db", "backup", "/var/backups/meta-auto/2026-11-22.sqlite3"]
ADMINS = [words for words in ADMIN + ADMIN_LATER if words[:2] != ["db", "backup"]] + [BACKUP]
LOOKS = {
    "status", "policies show", "mode show", "suggestions list", "suggestions show", "actions list",
    "campaigns list", "explain", "ledger list", "ledger verify", "ledger export", "alerts list",
    "creatives list", "calibration",
}  # fmt: skip


def patterns() -> dict[str, list[str]]:
    """The regular expressions by alias."""
    text = re.sub(r"\\\n\s*", "", FRAGMENT.read_text())
    found = {}
    for name, commands in re.findall(r"^Cmnd_Alias (\w+) = (.+)$", text, re.MULTILINE):
        found[name] = re.findall(rf"{PROGRAM} (\^.*?\$)(?=, |$)", commands)
        assert len(found[name]) == commands.count(PROGRAM)
    return found


def groups() -> dict[str, set[str]]:
    text = FRAGMENT.read_text()
    rules = re.findall(r"^%(\S+)\s+ALL=\(meta-auto\) NOPASSWD: (.+)$", text, re.MULTILINE)
    return {group: set(aliases.split(", ")) for group, aliases in rules}


def may(group: str, arguments: list[str]) -> bool:
    said = " ".join(arguments)
    return any(
        re.search(pattern, said, re.ASCII)
        for alias in groups()[group]
        for pattern in patterns()[alias]
    )


@pytest.mark.parametrize("command", MANAGER + WATCH, ids=" ".join)
def test_managers_may_run_what_the_program_lets_managers_do(command):
    assert may("meta-managers", [*CONFIG, *command])
    assert may("meta-managers", [*CONFIG, "--json", *command])
    assert may("meta-managers", [*CONFIG, *command, "--json"])
    assert may("meta-admins", [*CONFIG, *command])


@pytest.mark.parametrize("command", ADMINS + TICK, ids=" ".join)
def test_admins_may_run_what_the_program_leaves_to_admins_and_managers_may_not(command):
    assert may("meta-admins", [*CONFIG, *command])
    assert not may("meta-managers", [*CONFIG, *command])
    assert not may("meta-auditors", [*CONFIG, *command])


@pytest.mark.parametrize("command", MANAGER + WATCH, ids=" ".join)
def test_auditors_look_and_decide_nothing(command):
    is_look = any(" ".join(command).startswith(words) for words in LOOKS)
    assert may("meta-auditors", [*CONFIG, *command]) is is_look


@pytest.mark.parametrize("command", [
    ["suggestions", "reject", "12", "--reason", "season ends; we'll see"],
    ["suggestions", "approve", "12", "--budget", "550"],
    ["actions", "undo", "--since", "2026-11-22T10:00:00+01:00"],
    ["policies", "show", "--for", "120231870001092516"],
    ["ledger", "verify", "--expect", "20:8f0c"],
    ["status", "--watch"],
    ["suggestions", "review"],
    ["replay", "--since", "7d", "--set", "MAX_AUTO_CHANGE_PCT=0.05"],
    ["calibration"],
    ["report"],
], ids=" ".join)  # fmt: skip
def test_what_managers_type_is_allowed(command):
    assert may("meta-managers", [*CONFIG, *command])


@pytest.mark.parametrize("said", [
    # A configuration of one's own would say who is an admin.
    ["--config", "/tmp/mine.toml", "suggestions", "approve", "12"],
    ["--config", "/etc/meta-auto/../../tmp/config.toml", "status"],
    ["--config", "/etc/meta-auto/x/config.toml.bak", "status"],
    ["--config", "/etc/meta-auto/x/configztoml", "status"],
    ["suggestions", "approve", "12"],
    ["--debug", *CONFIG, "status"],
    [*CONFIG, "--config", "/tmp/mine.toml", "status"],
    # Files of the service account are not read or written for somebody else.
    [*CONFIG, "init", "--force"],
    [*CONFIG, "report", "--html", "/var/lib/meta-auto/production/meta-auto.sqlite3"],
    [*CONFIG, "db", "backup", "/etc/meta-auto/../../tmp/copy"],
    [*CONFIG, "policies", "check", "/etc/meta-auto/production/meta_access_token"],
    [*CONFIG, "units", "--write", "/var/lib/meta-auto"],
    [*CONFIG, "status;", "id"],
    [*CONFIG, "status", "$(id)"],
    [*CONFIG, "statuses"],
    [],
], ids=" ".join)  # fmt: skip
def test_nobody_gets_past_the_fence(said):
    assert not any(may(group, said) for group in groups())


def test_a_second_configuration_among_free_words_is_no_option_of_that_command(tmp_path, capsys):
    """`--reason` takes any text, so the fence lets it pass; the program then refuses it."""
    from meta_autonomous.__main__ import main

    said = ["suggestions", "reject", "1", "--config", str(tmp_path / "mine.toml")]
    assert may("meta-managers", [*CONFIG, *said])
    (tmp_path / "mine.toml").write_text("")
    assert main(said) == 2
    assert "--config" in capsys.readouterr().err


def test_every_instance_of_deploy_is_one_that_the_fence_knows():
    for path in (DEPLOY / "instances").glob("*.toml"):
        place = re.search(r"# Copy to (\S+) ", path.read_text())
        assert place
        assert may("meta-auditors", ["--config", place[1], "status"])


def test_sudo_itself_can_read_it(tmp_path: Path):
    if shutil.which("visudo") is None:
        pytest.skip("visudo is not on this machine")
    kept = tmp_path / "meta-auto"
    kept.write_text(FRAGMENT.read_text())
    kept.chmod(0o440)
    done = tool("visudo")("--check", "--strict", f"--file={kept}")
    assert done.returncode == 0, done.stdout + done.stderr
