"""Which source wins, and what is told of where a value comes from."""

from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.config import Source

KEY = "max_daily_spend_usd"
VARIABLE = "MAX_DAILY_SPEND_USD"
#: Each source, the weakest first, with the value that these tests give by it.
STRENGTH = [
    (Source.TOML, 1),
    (Source.DOTENV, 2),
    (Source.ENVIRONMENT, 3),
    (Source.COMMAND_LINE, 4),
]


def given_by(machine, used: set[Source]) -> dict[str, Any]:
    values = dict(STRENGTH)
    if Source.DOTENV in used:
        machine.dotenv(f"{VARIABLE}={values[Source.DOTENV]}\n")
    given: dict[str, Any] = {}
    if Source.TOML in used:
        given["toml"] = f"[limits]\n{KEY} = {values[Source.TOML]}\n"
    if Source.ENVIRONMENT in used:
        given[VARIABLE] = str(values[Source.ENVIRONMENT])
    if Source.COMMAND_LINE in used:
        given["cli"] = {KEY: values[Source.COMMAND_LINE]}
    return given


@pytest.mark.parametrize(
    ("weaker", "stronger"), list(combinations(STRENGTH, 2)), ids=lambda pair: pair[0].value
)
def test_the_stronger_of_two_sources_gives_the_value(machine, weaker, stronger) -> None:
    loaded = machine.load(**given_by(machine, {weaker[0], stronger[0]}))

    assert loaded.settings.max_daily_spend_usd == stronger[1]
    assert loaded.sources[KEY].source == stronger[0].value


@pytest.mark.parametrize(("source", "value"), STRENGTH, ids=str)
def test_every_source_is_stronger_than_the_default(machine, source, value) -> None:
    loaded = machine.load(**given_by(machine, {source}))

    assert loaded.settings.max_daily_spend_usd == value
    assert loaded.sources[KEY].source == source.value


def test_without_any_source_the_seeds_defaults_hold(machine) -> None:
    loaded = machine.load()

    assert loaded.settings.max_daily_spend_usd == Decimal(10000)
    assert loaded.sources[KEY].source == "default"
    assert loaded.config_file is None
    assert loaded.warnings == ()


def test_a_source_is_told_with_its_file_or_variable(machine) -> None:
    machine.dotenv("MIN_AGE_HOURS=72\n")
    loaded = machine.load(
        toml="[policy]\nhard_stop_roas = 1.0\n",
        MAX_ACTIONS_PER_TICK="5",
        cli={"LOOKBACK_DAYS": 14},
    )

    details = {name: (each.source, each.detail) for name, each in loaded.sources.items()}
    assert details["min_age_hours"] == (".env", str(machine.cwd / ".env"))
    assert details["hard_stop_roas"] == ("TOML", str(machine.root / "given.toml"))
    assert details["max_actions_per_tick"] == ("environment", "MAX_ACTIONS_PER_TICK")
    assert details["lookback_days"] == ("command line", "LOOKBACK_DAYS")


def test_an_option_that_was_not_used_says_nothing(machine) -> None:
    loaded = machine.load(cli={"meta_auto_mode": None}, META_AUTO_MODE="auto")

    assert loaded.settings.meta_auto_mode == "auto"


def test_an_empty_variable_takes_away_what_a_weaker_source_gave(machine) -> None:
    loaded = machine.load(
        toml='[notify]\nmeta_auto_notify_urls = ["mailto:a@example.com"]\n',
        META_AUTO_NOTIFY_URLS="",
    )

    assert loaded.notify_urls == ()
    assert loaded.sources["meta_auto_notify_urls"].source == "environment"


def test_a_wrong_value_is_an_error_even_where_a_stronger_source_hides_it(machine) -> None:
    error = machine.refusal(toml=f"[limits]\n{KEY} = -1\n", MAX_DAILY_SPEND_USD="100")

    assert f"[limits] {KEY} = -1" in error.message


# --- which file ---------------------------------------------------------------------------------


def write_all_places(machine) -> dict[str, Path]:
    text = "[limits]\nmax_actions_per_tick = {}\n"
    return {
        "given": machine.write(machine.root / "a.toml", text.format(1)),
        "variable": machine.write(machine.root / "b.toml", text.format(2)),
        "own": machine.write(machine.home / ".config/meta-auto/config.toml", text.format(3)),
        "system": machine.write(machine.system_config, text.format(4)),
    }


def test_the_file_is_the_named_one_then_the_variables_then_ones_own_then_the_systems(
    machine,
) -> None:
    places = write_all_places(machine)
    variable = {"META_AUTO_CONFIG": str(places["variable"])}

    def actions(**given: Any) -> int:
        return machine.load(**given).settings.max_actions_per_tick

    assert actions(config=places["given"], **variable) == 1
    assert actions(**variable) == 2
    assert actions() == 3
    places["own"].unlink()
    assert actions() == 4
    places["system"].unlink()
    assert actions() == 50


def test_xdg_config_home_moves_ones_own_place(machine) -> None:
    machine.write(machine.root / "xdg/meta-auto/config.toml", "[limits]\nmax_actions_per_tick = 7")

    loaded = machine.load(XDG_CONFIG_HOME=str(machine.root / "xdg"))

    assert loaded.settings.max_actions_per_tick == 7
    assert machine.load(XDG_CONFIG_HOME="relative").settings.max_actions_per_tick == 50


def test_the_variable_may_stand_in_dotenv_and_be_relative_to_the_folder(machine) -> None:
    machine.write(machine.cwd / "mine.toml", "[limits]\nmax_actions_per_tick = 8\n")
    machine.dotenv("META_AUTO_CONFIG=mine.toml\n")

    assert machine.load().settings.max_actions_per_tick == 8


def test_a_named_file_that_does_not_exist_is_an_error(machine) -> None:
    for error in (
        machine.refusal(config=machine.root / "nowhere.toml"),
        machine.refusal(META_AUTO_CONFIG=str(machine.root / "nowhere.toml")),
    ):
        assert "nowhere.toml" in error.message
        assert "does not exist" in error.message
        assert "init" in error.remedy


def test_dev_null_is_a_file_without_settings(machine) -> None:
    write_all_places(machine)

    assert machine.load(META_AUTO_CONFIG="/dev/null").settings.max_actions_per_tick == 50


# --- .env ---------------------------------------------------------------------------------------

SEEDS_DOTENV = """\
# System Control
META_AUTO_ENABLED=true                  # Enable/disable autonomous system
META_AUTO_INTERVAL_SECONDS=3600         # 1 hour (less frequent)
META_AUTO_MODE=suggest              # Suggest mode (safe)
MAX_DAILY_CHANGE_PCT=0.15           # More conservative (15%)
export HARD_STOP_ROAS="1.0"
OTHER_PROGRAMS_SETTING=nonsense
"""


def test_dotenv_is_read_with_remarks_quotes_and_other_programs_variables(machine) -> None:
    machine.dotenv(SEEDS_DOTENV)

    settings = machine.load().settings

    assert settings.meta_auto_interval_seconds == 3600
    assert settings.max_daily_change_pct == Decimal("0.15")
    assert settings.hard_stop_roas == Decimal("1.0")


def test_a_line_of_dotenv_that_cannot_be_read_is_an_error_and_not_shown(machine) -> None:
    machine.dotenv("MIN_AGE_HOURS=48\nMETA_ACCESS_TOKEN='EAAsecret\n")

    error = machine.refusal()

    assert "line 2" in error.message
    assert "EAAsecret" not in error.message


def test_a_setting_of_ours_without_a_value_in_dotenv_is_an_error(machine) -> None:
    machine.dotenv("MAX_DAILY_SPEND_USD\nSOMEONE_ELSES\n")

    error = machine.refusal()

    assert "MAX_DAILY_SPEND_USD" in error.message
    assert "SOMEONE_ELSES" not in error.message


def test_a_folder_named_dotenv_is_no_settings_file(machine) -> None:
    (machine.cwd / ".env").mkdir()

    assert machine.load().settings.max_actions_per_tick == 50


@pytest.mark.parametrize(
    "deployment",
    [
        (
            "META_AUTO_INTERVAL_SECONDS=3600\nMAX_DAILY_CHANGE_PCT=0.15\nHARD_STOP_ROAS=1.0\n"
            "MAX_DAILY_SPEND_USD=1000\n"
        ),
        "MAX_DAILY_CHANGE_PCT=0.20\nHARD_STOP_ROAS=0.9\nMAX_DAILY_SPEND_USD=5000\n",
        "META_AUTO_MODE=auto\nMAX_AUTO_CHANGE_PCT=0.05           # Very conservative (5%)\n",
    ],
    ids=["staging", "canary", "limited auto"],
)
def test_the_seeds_deployments_load_without_a_warning(machine, deployment) -> None:
    machine.dotenv(deployment)

    assert machine.load().warnings == ()


# --- slips --------------------------------------------------------------------------------------


def test_a_variable_that_is_nearly_ours_is_warned_of(machine) -> None:
    warnings = machine.load(MAX_DAILY_SPENT_USD="1", MAX_MEMORY="1G").warnings

    assert len(warnings) == 1
    assert "MAX_DAILY_SPENT_USD" in warnings[0]
    assert "did you mean MAX_DAILY_SPEND_USD?" in warnings[0]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"META_AUTO_SETTLE_SECONDS": "5"}, "is for tests"),
        ({"HARD_STOP_ROAS": "2.5"}, "the hard stop wins"),
        ({"SUGGESTION_TTL_HOURS": "0.25"}, "shorter than META_AUTO_INTERVAL_SECONDS"),
        ({"META_AUTO_MANAGERS": "bob"}, "nobody is an admin"),
        ({"META_AUTO_SERVICE_USER": "meta-auto"}, "nobody may approve"),
        (
            {"META_AUTO_PLATFORM": "meta", "META_GRAPH_URL": "https://proxy.example.com"},
            "not Meta's own address",
        ),
    ],
)
def test_what_is_allowed_and_looks_like_a_mistake_is_warned_of(machine, given, hint) -> None:
    warnings = machine.load(**given).warnings

    assert len(warnings) == 1
    assert hint in warnings[0]
