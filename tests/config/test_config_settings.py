"""`AutonomousSettings`, as the seed's Python uses it, and the values that it gives the core."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from meta_autonomous.config import KEYS, TABLES, AutonomousSettings, SettingsError, sources
from meta_autonomous.config.keys import FX
from meta_autonomous.decision.limits import OVERRIDABLE, Limits
from meta_autonomous.domain.quantities import Currency

SEEDS_DEFAULTS = {
    "META_AUTO_ENABLED": True,
    "META_AUTO_INTERVAL_SECONDS": 1800,
    "META_AUTO_MODE": "suggest",
    "MAX_DAILY_CHANGE_PCT": Decimal("0.20"),
    "MAX_AUTO_CHANGE_PCT": Decimal("0.10"),
    "HARD_STOP_ROAS": Decimal("0.9"),
    "HARD_STOP_CONFIDENCE": Decimal("0.70"),
    "MIN_IMPRESSIONS": 1000,
    "MIN_SPEND_USD": 100,
    "MIN_AGE_HOURS": 48,
    "CREATIVE_EMBARGO_HOURS": 48,
    "MIN_SPAIN_PERCENTAGE": Decimal("0.35"),
    "MAX_SINGLE_COUNTRY_PCT": Decimal("0.70"),
    "MAX_DAILY_SPEND_USD": 10000,
    "MAX_CAMPAIGN_BUDGET_USD": 5000,
    "MAX_ACTIONS_PER_TICK": 50,
    "MAX_CAMPAIGNS_PER_TICK": 100,
    "REQUIRE_HUMAN_APPROVAL_CREATIVES": True,
}


@pytest.mark.parametrize(("name", "default"), SEEDS_DEFAULTS.items())
def test_the_seeds_names_and_defaults_hold_in_both_cases(machine, name, default) -> None:
    settings = AutonomousSettings()

    assert getattr(settings, name) == default
    assert getattr(settings, name.lower()) == default


def test_an_argument_wins_over_the_environment_and_that_over_dotenv(machine, monkeypatch) -> None:
    machine.dotenv("HARD_STOP_ROAS=1.1\nMIN_AGE_HOURS=11\nMIN_SPEND_USD=111\n")
    monkeypatch.setenv("HARD_STOP_ROAS", "1.2")
    monkeypatch.setenv("MIN_AGE_HOURS", "12")

    settings = AutonomousSettings(hard_stop_roas="1.3")

    assert settings.hard_stop_roas == Decimal("1.3")
    assert settings.min_age_hours == 12
    assert settings.min_spend_usd == 111


def test_arguments_may_be_named_in_upper_case(machine, monkeypatch) -> None:
    monkeypatch.setenv("MAX_DAILY_SPEND_USD", "5")

    settings = AutonomousSettings(MAX_DAILY_SPEND_USD=1000, META_AUTO_FX_EUR="1.08")

    assert settings.max_daily_spend_usd == 1000
    assert settings.meta_auto_fx == {"EUR": Decimal("1.08")}


def test_python_reads_no_toml(machine) -> None:
    machine.write(machine.home / ".config/meta-auto/config.toml", "[limits]\nnonsense = 1\n")
    machine.write(machine.system_config, "[limits]\nnonsense = 1\n")

    assert AutonomousSettings().max_daily_spend_usd == 10000


def test_another_env_file_or_none_may_be_asked_for(machine) -> None:
    machine.dotenv("MAX_ACTIONS_PER_TICK=1\n")
    machine.write(machine.cwd / "other.env", "MAX_ACTIONS_PER_TICK=2\n")

    assert AutonomousSettings().max_actions_per_tick == 1
    assert AutonomousSettings(_env_file="other.env").max_actions_per_tick == 2
    assert AutonomousSettings(_env_file=None).max_actions_per_tick == 50


def test_a_wrong_environment_is_told_to_python_too(machine, monkeypatch) -> None:
    monkeypatch.setenv("META_AUTO_MODUS", "auto")
    monkeypatch.setenv("HOLDOUT_PCT", "50")

    with pytest.raises(SettingsError, match="2 settings are wrong") as caught:
        AutonomousSettings()

    assert "META_AUTO_MODUS" in caught.value.message
    assert "HOLDOUT_PCT = '50' (environment)" in caught.value.message


def test_settings_cannot_be_changed(machine) -> None:
    settings = AutonomousSettings()

    with pytest.raises(ValidationError):
        settings.max_daily_spend_usd = Decimal(1)


def test_an_attribute_that_is_no_setting_does_not_exist(machine) -> None:
    settings = AutonomousSettings()

    for name in ("MAX_WISHES", "max_wishes", "Hard_Stop_Roas"):
        assert not hasattr(settings, name)


def test_the_settings_hold_every_limit_by_its_own_name_type_and_default(machine) -> None:
    settings = AutonomousSettings()

    assert settings.limits() == Limits()
    for item in fields(Limits):
        assert type(getattr(settings, item.name)) is type(getattr(Limits(), item.name))


def test_the_settings_show_no_secret_in_their_repr(machine) -> None:
    settings = AutonomousSettings(
        META_ACCESS_TOKEN="hunter2",
        META_APP_SECRET="hunter2",
        META_AUTO_DATABASE_URL="postgresql://u:hunter2@db/x",
        META_AUTO_NOTIFY_URLS="smtp://u:hunter2@mail",
    )

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


def test_rates_are_usd_for_one_unit_and_a_missing_one_is_none(machine) -> None:
    rates = machine.load(
        toml="[fx]\nEUR = 1.1\ngbp = 1.3\nmeta_auto_fx_chf = 1.2\n", META_AUTO_FX_EUR="1.08"
    ).rates()

    assert {code: rates.rate(Currency(code)) for code in ("EUR", "GBP", "CHF", "USD", "JPY")} == {
        "EUR": Decimal("1.08"),
        "GBP": Decimal("1.3"),
        "CHF": Decimal("1.2"),
        "USD": Decimal(1),
        "JPY": None,
    }


# --- the list of settings -----------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS.values(), ids=lambda key: key.name)
def test_every_setting_is_documented(key) -> None:
    assert key.table in TABLES
    assert key.says.endswith(".")
    assert key.says.isascii()
    assert key.allowed
    is_unset = key.default in (None, (), {})
    assert bool(key.example) == (is_unset and not key.is_secret)


def test_exactly_the_limits_that_an_override_may_name_have_a_looser_direction() -> None:
    assert {name: key.looser for name, key in KEYS.items() if key.looser} == dict(OVERRIDABLE)


def test_secrets_are_private_too_and_never_part_of_the_policy() -> None:
    for key in KEYS.values():
        assert key.is_private or not key.is_secret
        assert not (key.is_private and key.is_policy)


def test_the_family_of_rates_is_documented_as_such() -> None:
    assert KEYS[FX].variable == "META_AUTO_FX_<CUR>"


# --- places -------------------------------------------------------------------------------------


def test_the_state_folder_is_the_set_one_else_xdgs_else_below_home(machine) -> None:
    own = str(machine.root / "own")
    xdg = str(machine.root / "xdg")

    assert str(machine.load(META_AUTO_STATE_DIR=own, XDG_STATE_HOME=xdg).state_dir) == own
    assert str(machine.load(XDG_STATE_HOME=xdg).state_dir) == f"{xdg}/meta-auto"
    below_home = machine.home / ".local/state/meta-auto"
    assert machine.load().state_dir == machine.load(XDG_STATE_HOME="relative").state_dir
    assert machine.load().state_dir == below_home
    assert machine.load(META_AUTO_STATE_DIR="~/state").state_dir == machine.home / "state"


def test_without_home_variable_the_accounts_own_home_is_meant(machine) -> None:
    assert machine.load(HOME="").state_dir.parts[-3:] == (".local", "state", "meta-auto")


def test_an_account_without_a_home_must_name_the_state_folder(machine, monkeypatch) -> None:
    def homeless(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(sources.pwd, "getpwuid", homeless)

    assert "META_AUTO_STATE_DIR is not set" in machine.refusal(HOME="").message
    assert machine.load(HOME="", META_AUTO_STATE_DIR="/srv/x").state_dir == Path("/srv/x")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql://u:p@db/x", "postgresql+psycopg://u:p@db/x"),
        ("postgres://db/x", "postgresql+psycopg://db/x"),
        ("postgresql+psycopg:///x?host=/run", "postgresql+psycopg:///x?host=/run"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
    ],
)
def test_the_database_is_named_as_sqlalchemy_takes_it(machine, given, meant) -> None:
    assert machine.load(META_AUTO_DATABASE_URL=given).database_url == meant


def test_without_a_database_url_it_is_sqlite_in_the_state_folder(machine) -> None:
    loaded = machine.load(META_AUTO_STATE_DIR="/srv/state")

    assert loaded.database_url == "sqlite:////srv/state/meta-auto.sqlite3"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://graph.facebook.com/", "https://graph.facebook.com"),
        ("https://proxy.example.com:8443/graph", "https://proxy.example.com:8443/graph"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_graph_may_be_https_anywhere_or_http_on_loopback(machine, given, meant) -> None:
    loaded = machine.load(META_GRAPH_URL=given, META_GRAPH_VERSION="v27.0")

    assert (loaded.graph_url, loaded.graph_version) == (meant, "v27.0")
