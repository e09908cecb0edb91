"""Who may do what, by the contract's table."""

import pytest

from tests.cli.conftest import ME

MANAGER = [
    ["status"],
    ["policies", "show"],
    ["mode", "show"],
    ["suggestions", "list"],
    ["suggestions", "show", "1"],
    ["suggestions", "approve", "1"],
    ["suggestions", "approve", "--all", "--yes"],
    ["suggestions", "reject", "1"],
    ["actions", "list"],
    ["campaigns", "list"],
    ["explain", "123"],
    ["report"],
    ["calibration"],
    ["ledger", "list"],
    ["ledger", "verify"],
    ["ledger", "export"],
    ["alerts", "list"],
    ["alerts", "ack", "spend_near_cap"],
    ["creatives", "list"],
    ["creatives", "approve", "1"],
    ["creatives", "reject", "1"],
    ["actions", "undo", "1"],
    ["replay"],
    ["backfill", "--days", "1"],
]
AT_TERMINAL = [["suggestions", "review"]]
WATCH = [["alerts", "check"]]
ADMIN = [
    ["policies", "selftest"],
    ["mode", "set", "auto"],
    ["start"],
    ["stop"],
    ["db", "upgrade"],
    ["doctor"],
]
#: Where there is something on record to do it to.
ADMIN_LATER = [
    ["db", "backup", "copy.sqlite3"],
    ["db", "prune", "--dry-run"],
    ["actions", "resolve", "1", "--applied", "--reason", "seen in Ads Manager"],
]
TICK = [["tick"], ["tick", "--dry-run"]]


def _refused(done) -> bool:
    if done.code != 77:
        return False
    assert done.error["code"] == "not_allowed"
    assert ME in done.error["message"]
    assert done.error["remedy"]
    return True


@pytest.mark.parametrize(
    "command", MANAGER + AT_TERMINAL + WATCH + ADMIN + ADMIN_LATER + TICK, ids=" ".join
)
def test_somebody_unnamed_may_do_none_of_it(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_ADMINS", "somebody-else")
    assert _refused(meta_auto(*command, "--json"))


@pytest.mark.parametrize("command", MANAGER + WATCH, ids=" ".join)
def test_a_manager_may_look_and_decide(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_MANAGERS", ME)
    assert meta_auto(*command, "--json").code in (0, 3)


@pytest.mark.parametrize("command", ADMIN + ADMIN_LATER + TICK, ids=" ".join)
def test_a_manager_is_no_admin(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_MANAGERS", ME)
    assert _refused(meta_auto(*command, "--json"))


@pytest.mark.parametrize("command", [*ADMIN, ["tick", "--dry-run"]], ids=" ".join)
def test_an_admin_may(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_ADMINS", ME)
    assert meta_auto(*command, "--json").code == 0


@pytest.mark.parametrize("command", [["tick"], *WATCH], ids=" ".join)
def test_the_service_may_tick_and_watch(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_SERVICE_USER", ME)
    assert meta_auto(*command, "--json").code == 0


@pytest.mark.parametrize("command", MANAGER + AT_TERMINAL + ADMIN + ADMIN_LATER, ids=" ".join)
def test_the_service_may_do_nothing_else(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_SERVICE_USER", ME)
    assert _refused(meta_auto(*command, "--json"))


def test_the_owner_of_the_state_folder_is_admin_when_nobody_is_named(meta_auto):
    assert meta_auto("stop", "--json").code == 0


def test_a_group_may_be_named(meta_auto, monkeypatch):
    monkeypatch.setenv("META_AUTO_ADMINS", "%no-such-group")
    assert _refused(meta_auto("stop", "--json"))


@pytest.mark.parametrize("command", [["estimate", "x.csv"], ["demo", "--days", "99"]])
def test_trying_needs_no_role(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_AUTO_ADMINS", "somebody-else")
    assert meta_auto(*command, "--json").code == 2  # a file, a number: never who asks
