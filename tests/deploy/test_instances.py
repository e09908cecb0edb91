"""Each stage's configuration holds the numbers that the description gives it, and loads."""

from decimal import Decimal
from pathlib import Path

import pytest

from meta_autonomous.config import LoadedSettings, load
from meta_autonomous.config.sources import Source
from meta_autonomous.ports.errors import ConfigError
from tests.deploy.conftest import DEPLOY

INSTANCES = DEPLOY / "instances"
SHARED = {"meta_auto_enabled": True}
#: What the description sets for each stage, by the settings' names; all else is at its default.
STAGES = {
    "staging": SHARED | {
        "meta_auto_mode": "suggest", "meta_auto_interval_seconds": 3600,
        "max_daily_change_pct": Decimal("0.15"), "hard_stop_roas": Decimal("1.0"),
        "max_daily_spend_usd": Decimal(1000), "meta_auto_platform": "sandbox",
    },
    "canary": SHARED | {
        "meta_auto_mode": "suggest", "meta_auto_interval_seconds": 1800,
        "max_daily_change_pct": Decimal("0.20"), "hard_stop_roas": Decimal("0.9"),
        "max_daily_spend_usd": Decimal(5000), "meta_auto_platform": "meta",
    },
    "production-phase-1": SHARED | {
        "meta_auto_mode": "suggest", "meta_auto_interval_seconds": 1800,
        "meta_auto_platform": "meta",
    },
    "production-phase-2": SHARED | {
        "meta_auto_mode": "auto", "max_auto_change_pct": Decimal("0.05"),
        "meta_auto_interval_seconds": 1800, "meta_auto_platform": "meta",
    },
    "production-phase-3": SHARED | {
        "meta_auto_mode": "auto", "max_auto_change_pct": Decimal("0.10"),
        "meta_auto_interval_seconds": 1800, "meta_auto_platform": "meta",
    },
}  # fmt: skip
#: Said in every file beside its numbers.
PLACES = {
    "meta_auto_state_dir", "meta_ad_account_ids", "meta_access_token_file", "meta_access_token",
    "meta_auto_admins", "meta_auto_managers", "meta_auto_service_user",
}  # fmt: skip


def loaded(stage: str, folder: Path) -> LoadedSettings:
    """The file, with a token where it says that there is one."""
    token = folder / "meta_access_token"
    token.write_text("EAAtoken")
    token.chmod(0o400)
    config = folder / "config.toml"
    text = (INSTANCES / f"{stage}.toml").read_text()
    for instance in ("canary", "production"):
        text = text.replace(f"/etc/meta-auto/{instance}/meta_access_token", str(token))
    config.write_text(text)
    return load(config, {"HOME": str(folder)}, folder)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_says_what_the_description_says_and_nothing_more(stage, tmp_path):
    found = loaded(stage, tmp_path)
    for name, value in STAGES[stage].items():
        assert getattr(found.settings, name) == value
    said = {name for name, given in found.gathered.values.items() if given.source is Source.TOML}
    assert said - PLACES == set(STAGES[stage])
    assert found.warnings == ()


def test_every_file_is_a_stage():
    assert {path.stem for path in INSTANCES.iterdir()} == set(STAGES)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "staging"])
def test_nothing_is_done_on_real_money_before_an_account_is_named(stage, tmp_path):
    with pytest.raises(ConfigError, match="META_AD_ACCOUNT_IDS"):
        loaded(stage, tmp_path).require_actionable()


def test_staging_needs_no_token_at_all(tmp_path):
    loaded("staging", tmp_path).require_actionable()


@pytest.mark.parametrize("stage", STAGES)
def test_the_state_lies_where_the_units_keep_it_and_the_roles_are_those_of_the_machine(
    stage, tmp_path
):
    found = loaded(stage, tmp_path)
    instance = stage.split("-phase-")[0]
    assert found.state_dir == Path("/var/lib/meta-auto") / instance
    assert found.settings.meta_auto_service_user == "meta-auto"
    assert found.settings.meta_auto_admins == ("%meta-admins",)
    assert found.settings.meta_auto_managers == ("%meta-managers", "%meta-auditors")
    accounts = (DEPLOY / "sysusers.d" / "meta-auto.conf").read_text()
    for name in ("meta-admins", "meta-managers", "meta-auditors"):
        assert f"\ng {name} " in accounts


def test_the_kubernetes_example_is_a_configuration_too(tmp_path):
    text = (DEPLOY / "kubernetes" / "meta-auto.yaml").read_text()
    block = text.split("config.toml: |\n")[1].split("\n---")[0]
    config = tmp_path / "config.toml"
    config.write_text("\n".join(line.removeprefix("    ") for line in block.splitlines()))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name, secret in (
        ("meta_access_token", "EAAtoken"),
        ("meta_auto_database_url", "postgresql:///x"),
    ):
        (credentials / name).write_text(secret)
        (credentials / name).chmod(0o440 if credentials.stat().st_uid == 0 else 0o400)
    found = load(config, {"HOME": "/", "CREDENTIALS_DIRECTORY": str(credentials)}, tmp_path)
    found.require_actionable()
    assert found.settings.meta_auto_platform == "meta"
    assert found.database_url == "postgresql+psycopg:///x"
    # Both jobs mount what they need by itself: a secret behind a link is never read.
    assert text.count("subPath: meta_access_token") == 1
    assert text.count("subPath: meta_auto_database_url") == 2
