"""`doctor`: it reports whatever is wrong, and never falls ill itself."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import TOKEN, Sandbox, faults
from meta_autonomous.operations import examine_platform, examine_records
from tests.cli.conftest import process

NAMES = {
    *("config", "files", "disk", "timer", "margin", "database", "notifications"),
    *examine_records.NAMES,
    *examine_platform.NAMES,
}


def checks(ran) -> dict[str, dict]:
    found = {check["name"]: check for check in ran.json["checks"]}
    assert len(found) == len(ran.json["checks"])
    for check in found.values():
        assert set(check) == {"name", "status", "message", "remedy", "details"}
        assert check["message"]
        assert check["remedy"] or check["status"] in ("ok", "unknown")
    return found


def test_a_newcomers_machine_has_no_failure(meta_auto):
    ran = meta_auto("doctor", "--json")
    assert (ran.code, ran.json["ok"], ran.json["platform"]) == (0, True, "sandbox")
    found = checks(ran)
    assert set(found) == NAMES
    assert found["database"]["status"] == "warn"
    assert found["ledger"]["status"] == "unknown"


def test_it_makes_nothing(meta_auto, home):
    before = sorted(home.rglob("*"))
    assert meta_auto("doctor").code == 0
    assert sorted(home.rglob("*")) == before


def test_every_problem_of_a_broken_configuration_is_told(meta_auto, monkeypatch, home):
    monkeypatch.setenv("META_AUTO_INTERVAL_SECONDS", "5")
    monkeypatch.setenv("META_AUTO_NO_SUCH", "1")
    monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
    toml = home / "c.toml"
    toml.write_text("[limits]\nmax_daily_spend_usd = -1\n[policy]\nscale_down_roas = 3.0\n")
    ran = meta_auto("--config", str(toml), "doctor", "--json")
    assert (ran.code, ran.json["ok"]) == (78, False)
    config = checks(ran)["config"]
    for key in (
        "META_AUTO_INTERVAL_SECONDS", "META_AUTO_NO_SUCH", "max_daily_spend_usd",
        "scale_down_roas", "META_ACCESS_TOKEN", "META_AD_ACCOUNT_IDS",
    ):  # fmt: skip
        assert any(key in line or key.lower() in line for line in config["details"]), key
    assert set(checks(ran)) == NAMES


def test_a_file_that_is_no_toml_is_told(meta_auto, home):
    toml = home / "c.toml"
    toml.write_text("[limits\n")
    ran = meta_auto("--config", str(toml), "doctor")
    assert ran.code == 78
    assert str(toml) in ran.out


def test_a_missing_token_fails_but_the_records_are_examined(meta_auto, monkeypatch):
    assert meta_auto("tick", "-q").code == 0
    monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
    ran = meta_auto("doctor", "--json")
    assert ran.code == 78
    found = checks(ran)
    assert found["ledger"]["status"] == "ok"
    assert found["token"]["status"] == "unknown"


def test_a_database_that_is_none_fails_with_1(meta_auto, home):
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "meta-auto.sqlite3").write_text("certainly no database")
    (home / "state" / "meta-auto.sqlite3").chmod(0o600)
    ran = meta_auto("doctor", "--json")
    assert ran.code == 1
    assert checks(ran)["database"]["status"] == "fail"


def test_an_older_schema_fails_with_78(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    with closing(sqlite3.connect(home / "state" / "meta-auto.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
        database.commit()
    ran = meta_auto("doctor", "--json")
    assert ran.code == 78
    assert checks(ran)["database"]["status"] == "fail"


def test_a_broken_ledger_fails_with_3(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    with closing(sqlite3.connect(home / "state" / "meta-auto.sqlite3")) as database:
        database.execute("DROP TRIGGER IF EXISTS ledger_no_update")
        database.execute("UPDATE ledger SET body = body || ' ' WHERE seq = 2")
        database.commit()
    ran = meta_auto("doctor", "--json")
    assert ran.code == 3
    assert "entry 2" in checks(ran)["ledger"]["message"]


def test_after_a_tick_everything_is_told(meta_auto):
    assert meta_auto("tick", "-q").code == 0
    found = checks(meta_auto("doctor", "--json"))
    assert {name for name, check in found.items() if check["status"] not in ("ok", "unknown")} == {
        "alerts", "other_controllers", "notifications",
    }  # fmt: skip
    assert "generated in 24 hours" in found["actions_generated"]["message"]


def test_missing_ticks_fail_with_4(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    for hours, state, code in ((1.5, "warn", 0), (1, "fail", 4)):
        with Sandbox(home / "state" / "sandbox.sqlite3") as sandbox:
            sandbox.advance(timedelta(hours=hours))
        ran = meta_auto("doctor", "--json")
        assert (checks(ran)["last_tick"]["status"], ran.code) == (state, code)
    assert meta_auto("stop").code == 0
    stopped = checks(meta_auto("doctor", "--json"))
    assert stopped["last_tick"]["status"] == "ok"
    assert "meta-auto start" in stopped["switches"]["remedy"]


def test_a_dead_guard_fails_in_auto_mode_only(meta_auto, monkeypatch):
    monkeypatch.setenv("MAX_DAILY_SPEND_USD", "1000000000000")
    assert meta_auto("tick", "-q").code == 0
    assert checks(meta_auto("doctor", "--json"))["guards"]["status"] == "warn"
    monkeypatch.setenv("META_AUTO_MODE", "auto")
    ran = meta_auto("doctor", "--json")
    assert (checks(ran)["guards"]["status"], ran.code) == ("fail", 3)
    assert "--accept safety.daily_spend" in checks(ran)["guards"]["remedy"]


@pytest.mark.slow
def test_a_notification_url_that_nobody_knows_fails_with_78(home):
    secret = {"META_AUTO_NOTIFY_URLS": "nosuchservice://hunter2hunter2"}
    with process("doctor", "--json", home=home, **secret) as ran:
        out, err = ran.communicate(timeout=60)
    assert ran.returncode == 78
    assert "META_AUTO_NOTIFY_URLS: URL number 1" in out
    assert "hunter2" not in out + err


def test_metas_own_clock_and_a_refused_token_are_told(meta_auto, monkeypatch, tmp_path):
    """The sandbox plays Meta; its clock is not today's."""
    with Sandbox(tmp_path / "meta.sqlite3") as sandbox, sandbox.serving() as url:
        monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
        monkeypatch.setenv("META_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("META_AD_ACCOUNT_IDS", sandbox.account_ids[0])
        monkeypatch.setenv("META_GRAPH_URL", url)
        ran = meta_auto("doctor", "--json")
        found = checks(ran)
        assert (ran.code, found["clock"]["status"]) == (4, "fail")
        assert found["accounts"]["status"] == "ok"
        assert all(request.method == "GET" for request in sandbox.requests)
        sandbox.inject(faults.unauthorised(), times=100)
        ran = meta_auto("doctor", "--json")
        assert (ran.code, checks(ran)["token"]["status"]) == (4, "fail")


@pytest.mark.slow
def test_for_people_each_trouble_has_its_remedy_below_it(home):
    with process("doctor", home=home) as ran:
        out, _ = ran.communicate(timeout=60)
    assert ran.returncode == 0
    lines = out.splitlines()
    place = next(i for i, text in enumerate(lines) if text.startswith("warn     database"))
    assert lines[place + 1].strip().startswith("→ The first `meta-auto tick` makes it")
