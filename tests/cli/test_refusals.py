"""Who and what is turned away at the door, by the real program: 77 or 78, with a remedy."""

import json
import os
import pwd
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.cli.conftest import ROOT, process

pytestmark = pytest.mark.slow

ME = pwd.getpwuid(os.getuid()).pw_name
IS_ROOT = os.geteuid() == 0
CANARY = "EAAhunter2hunter2canary"


def run(home, *arguments, **environment):
    with process(*arguments, "--json", home=home, **environment) as ran:
        out, err = ran.communicate(timeout=120)
    assert "Traceback" not in err
    assert "hunter2" not in out + err
    return ran.returncode, json.loads(out)


def refused(home, *arguments, code, **environment):
    found, told = run(home, *arguments, **environment)
    assert found == code, told
    assert told["error"]["remedy"]
    return told["error"]


@pytest.fixture
def ticked(home):
    assert run(home, "tick")[0] == 0
    return home


# --- people -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["suggestions", "approve", "1"],
        ["suggestions", "reject", "1"],
        ["actions", "undo", "1"],
        ["mode", "set", "auto"],
        ["stop"],
        ["doctor"],
        ["report"],
        ["tick"],
    ],
    ids=" ".join,
)
def test_a_person_without_the_role_is_refused_whoever_they_say_they_are(ticked, command):
    """Every name that a shell can set says alice."""
    lies = {"USER": "alice", "LOGNAME": "alice", "SUDO_USER": "alice", "USERNAME": "alice"}
    error = refused(
        ticked, *command, code=77, META_AUTO_ADMINS="alice", META_AUTO_MANAGERS="alice", **lies
    )
    assert (error["code"], ME in error["message"]) == ("not_allowed", True)


def test_a_number_that_sudo_did_not_set_makes_nobody_a_manager(ticked):
    """SUDO_UID counts under the service account only, where sudo put it."""
    uid = pwd.getpwnam("nobody").pw_uid
    error = refused(
        ticked, "suggestions", "approve", "1", code=77,
        SUDO_UID=str(uid), SUDO_USER="nobody", META_AUTO_MANAGERS="nobody",
    )  # fmt: skip
    assert ME in error["message"]


@pytest.mark.parametrize("caller", [None, "0x0", "", "-1", "1e3"])
def test_the_service_approves_nothing_whatever_its_environment_says(ticked, caller):
    told = {} if caller is None else {"SUDO_UID": caller}
    refused(
        ticked, "suggestions", "approve", "--all", "--yes", code=77,
        META_AUTO_SERVICE_USER=ME, META_AUTO_MANAGERS="nobody", **told,
    )  # fmt: skip


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
def test_another_account_of_the_machine_is_refused(ticked):
    """The same as a person at their own shell: another uid, all variables as they like."""
    ticked.chmod(0o755)
    (ticked / "state").chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    code = (
        "import contextlib, io, os, sys\n"
        "from meta_autonomous.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['status', '--json'])\n"  # as root, which imports what it will need
        f"os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})\n"
        "sys.exit(main(['status', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PATH": os.environ["PATH"], "HOME": str(ticked), "PYTHONPATH": str(ROOT),
            "META_AUTO_STATE_DIR": str(ticked / "state"), "META_AUTO_MANAGERS": ME,
            "USER": ME, "LOGNAME": ME, "SUDO_USER": ME, "SUDO_UID": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 77, done.stdout + done.stderr
    assert "nobody may not run" in json.loads(done.stdout)["error"]["message"]


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_token_file_that_others_can_read_is_refused(home, mode):
    token = home / "token"
    token.write_text(CANARY)
    token.chmod(mode)
    error = refused(
        home, "tick", code=78, META_AUTO_PLATFORM="meta", META_ACCESS_TOKEN_FILE=str(token)
    )
    assert f"{mode:04o}" in error["message"]


def test_a_token_file_that_is_a_link_is_refused(home):
    (home / "real").write_text(CANARY)
    (home / "real").chmod(0o600)
    (home / "token").symlink_to(home / "real")
    error = refused(
        home, "tick", code=78, META_AUTO_PLATFORM="meta",
        META_ACCESS_TOKEN_FILE=str(home / "token"),
    )  # fmt: skip
    assert "symbolic link" in error["message"]


COMMANDS = [["tick"], ["tick", "--dry-run"], ["status"], ["suggestions", "approve", "1"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_symlinked_database_is_refused(ticked, command):
    database = ticked / "state" / "meta-auto.sqlite3"
    database.rename(ticked / "elsewhere.sqlite3")
    database.symlink_to(ticked / "elsewhere.sqlite3")
    error = refused(ticked, *command, code=78)
    assert "symbolic link" in error["message"]
    code, told = run(ticked, "doctor")
    assert code == 78
    assert "symbolic link" in next(
        check["message"] for check in told["checks"] if check["name"] == "files"
    )


def test_a_link_that_leads_nowhere_yet_is_refused_too(home):
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "meta-auto.sqlite3").symlink_to(home / "elsewhere.sqlite3")
    assert run(home, "tick")[0] in (1, 78)
    assert not (home / "elsewhere.sqlite3").exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_of_somebody_elses_is_refused(ticked, command):
    os.chown(ticked / "state" / "meta-auto.sqlite3", pwd.getpwnam("nobody").pw_uid, -1)
    error = refused(ticked, *command, code=78)
    assert "belongs to another account" in error["message"]


def test_a_state_folder_that_anyone_may_write_is_refused(ticked):
    (ticked / "state").chmod(0o777)
    error = refused(ticked, "tick", code=78)
    assert "chmod 700" in error["remedy"]


def test_a_database_that_others_could_read_is_closed_to_them(ticked):
    database = ticked / "state" / "meta-auto.sqlite3"
    database.chmod(0o644)
    assert run(ticked, "tick")[0] == 0
    assert database.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT count(*) FROM ticks").fetchone() == (2,)
