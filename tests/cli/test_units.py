"""`units`: systemd units for the interval that is configured."""

import pytest


def test_they_are_printed_for_the_configured_interval(meta_auto, monkeypatch):
    monkeypatch.setenv("META_AUTO_INTERVAL_SECONDS", "900")
    done = meta_auto("units")
    assert done.code == 0
    assert "# meta-auto@.timer\n" in done.out
    assert "OnCalendar=*-*-* *:00/15:00 UTC\n" in done.out
    assert "TimeoutStartSec=900\n" in done.out


def test_one_instance_is_read_from_its_configuration(meta_auto, home):
    config = home / "staging.toml"
    config.write_text("[system]\nmeta_auto_interval_seconds = 3600\n")
    done = meta_auto("--config", str(config), "units", "--instance", "staging", "--json")
    assert done.code == 0
    assert done.json["interval_seconds"] == 3600
    assert done.json["timer"][0] == "OnCalendar=*-*-* *:00:00 UTC"
    assert "OnCalendar=*-*-* *:00:00 UTC" in done.json["units"]["meta-auto@staging.timer"]


def test_they_can_be_written_where_systemd_looks(meta_auto, home):
    (home / "system").mkdir()
    done = meta_auto("units", "--instance", "production", "--write", str(home / "system"))
    assert done.code == 0
    assert "systemctl daemon-reload" in done.out
    written = {path.name for path in (home / "system").iterdir()}
    assert {"meta-auto@production.timer", "meta-auto-failed@.service"} <= written


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--write", "/no/such/folder"], 3), (["--instance", "../../etc/cron.d/x"], 2)],
)
def test_what_cannot_be_is_refused_with_a_remedy(meta_auto, arguments, code):
    done = meta_auto("units", *arguments, "--json")
    assert done.code == code
    assert done.error["remedy"]


def test_a_wrong_configuration_prints_nothing_that_looks_like_a_unit(meta_auto, monkeypatch):
    monkeypatch.setenv("META_AUTO_INTERVAL_SECONDS", "30")
    done = meta_auto("units")
    assert done.code == 78
    assert "[Unit]" not in done.out
    assert "META_AUTO_INTERVAL_SECONDS" in done.err
