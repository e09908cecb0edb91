"""Every mistake is an error that names the key, what was given and what is allowed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meta_autonomous.config import KEYS, AutonomousSettings, SettingsError
from meta_autonomous.config.keys import Shape
from meta_autonomous.domain.action import ActionType
from meta_autonomous.ports.errors import ConfigError

FRACTION = "a fraction from 0 to 1"

WRONG = [
    ("MAX_DAILY_CHANGE_PCT", "20", FRACTION),
    ("MAX_DAILY_CHANGE_PCT", "-0.1", FRACTION),
    ("MAX_DAILY_CHANGE_PCT", "20%", FRACTION),
    ("MAX_AUTO_CHANGE_PCT", "1.01", FRACTION),
    ("HOLDOUT_PCT", "50", FRACTION),
    ("MIN_SPAIN_PERCENTAGE", "35", FRACTION),
    ("MAX_SINGLE_COUNTRY_PCT", "70", FRACTION),
    ("PROFIT_MARGIN", "0", "a fraction above 0"),
    ("PROFIT_MARGIN", "40", "a fraction above 0"),
    ("HARD_STOP_CONFIDENCE", "70", "a probability from 0 to 1"),
    ("MIN_ACTION_CONFIDENCE", "nan", "a probability from 0 to 1"),
    ("HARD_STOP_ROAS", "inf", "a ROAS from 0"),
    ("HARD_STOP_ROAS", "NaN", "a ROAS from 0"),
    ("SCALE_UP_ROAS", "-1", "a ROAS from 0"),
    ("SCALE_UP_ROAS", "", "a ROAS from 0"),
    ("REALLOCATE_RATIO", "0.9", "a ratio from 1"),
    ("DAILY_OVERSPEND_FACTOR", "0.5", "a factor from 1"),
    ("MAX_DAILY_SPEND_USD", "-1", "an amount in USD"),
    ("MAX_DAILY_SPEND_USD", "lots", "an amount in USD"),
    ("MAX_DAILY_SPEND_USD", "1e999999", "an amount in USD"),
    ("MAX_DAILY_SPEND_USD", "10,000", "an amount in USD"),
    ("MAX_CAMPAIGN_BUDGET_USD", "-0.01", "an amount in USD"),
    ("MIN_SPEND_USD", "-Infinity", "an amount in USD"),
    ("MIN_IMPRESSIONS", "10.5", "a whole number"),
    ("MIN_IMPRESSIONS", "1e3", "a whole number"),
    ("MIN_IMPRESSIONS", "-1", "a whole number"),
    ("MAX_ACTIONS_PER_TICK", "-1", "a whole number from 0"),
    ("MAX_ACTIONS_PER_TICK", "50.0", "a whole number from 0"),
    ("MAX_ACTIONS_PER_TICK", "many", "a whole number from 0"),
    ("MAX_CAMPAIGNS_PER_TICK", "0", "a whole number from 1"),
    ("LOOKBACK_DAYS", "0", "whole days from 1 to 21"),
    ("LOOKBACK_DAYS", "22", "whole days from 1 to 21"),
    ("MIN_AGE_HOURS", "-1", "hours from 0"),
    ("ACTION_COOLDOWN_HOURS", "9000", "hours from 0"),
    ("SUGGESTION_TTL_HOURS", "0", "hours above 0"),
    ("META_AUTO_INTERVAL_SECONDS", "59", "whole seconds from 60"),
    ("META_AUTO_INTERVAL_SECONDS", "1.5", "whole seconds from 60"),
    ("META_AUTO_SETTLE_SECONDS", "-1", "whole seconds from 0"),
    ("META_AUTO_ENABLED", "maybe", "true or false"),
    ("META_AUTO_ENABLED", "", "true or false"),
    ("META_AUTO_MODE", "AUTO", "suggest or auto"),
    ("META_AUTO_PLATFORM", "facebook", "sandbox or meta"),
    ("AUTO_ACTION_TYPES", "pause,reallocate", "decided by a person"),
    ("AUTO_ACTION_TYPES", "resume", "decided by a person"),
    ("AUTO_ACTION_TYPES", "explode", "any of pause, scale_up, scale_down"),
    ("META_AD_ACCOUNT_IDS", "act_12x", "with or without act_"),
    ("META_AD_ACCOUNT_IDS", "१२", "with or without act_"),
    ("META_GRAPH_URL", "http://graph.facebook.com", "a URL with https"),
    ("META_GRAPH_URL", "http://10.0.0.1", "a URL with https"),
    ("META_GRAPH_URL", "ftp://127.0.0.1", "a URL with https"),
    ("META_GRAPH_URL", "https://", "a URL with https"),
    ("META_GRAPH_URL", "https://graph.facebook.com:x", "a URL with https"),
    ("META_GRAPH_URL", "https://graph.facebook.com@example.com", "a URL with https"),
    ("META_GRAPH_URL", "https://graph.facebook.com?a=1", "a URL with https"),
    ("META_GRAPH_VERSION", "26.0", "a version such as v26.0"),
    ("META_AUTO_STATE_DIR", "state", "an absolute path"),
    ("META_AUTO_STATE_DIR", "/tmp/a?b", "an absolute path"),
    ("META_AUTO_STATE_DIR", "~nobody-of-that-name/x", "an absolute path"),
    ("META_ACCESS_TOKEN_FILE", "token", "an absolute path"),
    ("META_AUTO_ADMINS", "alice,%", "account names or %groups"),
    ("META_AUTO_SERVICE_USER", "%group", "the name of one account"),
    ("META_AUTO_FX_EUR", "0", "a rate above 0"),
    ("META_AUTO_FX_EUR", "-1.08", "a rate above 0"),
    ("META_AUTO_FX_EUR", "nan", "a rate above 0"),
    ("META_AUTO_FX_USD", "1.1", "allowed: 1"),
]


@pytest.mark.parametrize(("variable", "value", "allowed"), WRONG)
def test_a_wrong_variable_is_told_with_what_was_given_and_what_is_allowed(
    machine, variable, value, allowed
) -> None:
    error = machine.refusal(**{variable: value})

    assert isinstance(error, ConfigError)
    given = value if variable == "META_AUTO_FX_USD" else repr(value)
    assert f"{variable} = {given} (environment)" in error.message
    assert allowed in error.message
    assert error.remedy


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("META_AUTO_DATABASE_URL", "mysql://root:hunter2@db/x", "postgresql://"),
        ("META_AUTO_DATABASE_URL", "sqlite://", "sqlite:////whole/path"),
        ("META_AUTO_DATABASE_URL", "sqlite:///relative.db", "sqlite:////whole/path"),
        ("META_AUTO_DATABASE_URL", "sqlite:///:memory:", "sqlite:////whole/path"),
        ("META_AUTO_DATABASE_URL", "postgresql://", "postgresql://"),
        ("META_AUTO_NOTIFY_URLS", "mailto:a@example.com,hunter2", "a comma list of URLs"),
        ("META_ACCESS_TOKEN", "EAA hunter2", "without spaces"),
        ("META_ACCESS_TOKEN", "EAA\nhunter2", "without spaces"),
        ("META_APP_SECRET", "hunter2é", "without spaces"),
    ],
)
def test_a_wrong_value_that_may_be_secret_is_told_without_itself(
    machine, variable, value, allowed
) -> None:
    error = machine.refusal(**{variable: value})

    assert f"{variable} (environment)" in error.message
    assert allowed in error.message
    for text in (str(error), repr(error), error.remedy):
        assert "hunter2" not in text
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("given", "key", "bound"),
    [
        ({"MAX_AUTO_CHANGE_PCT": "0.3"}, "MAX_AUTO_CHANGE_PCT", "MAX_DAILY_CHANGE_PCT"),
        ({"MAX_DAILY_CHANGE_PCT": "0.05"}, "MAX_AUTO_CHANGE_PCT", "MAX_DAILY_CHANGE_PCT"),
        ({"SCALE_DOWN_ROAS": "2.1"}, "SCALE_DOWN_ROAS", "SCALE_UP_ROAS"),
        ({"SCALE_UP_ROAS": "1"}, "SCALE_DOWN_ROAS", "SCALE_UP_ROAS"),
        ({"PAUSE_ROAS": "1.6"}, "PAUSE_ROAS", "RESUME_ROAS"),
        ({"PAUSE_ROAS": "2.1", "RESUME_ROAS": "3"}, "PAUSE_ROAS", "SCALE_UP_ROAS"),
        ({"MIN_SPAIN_PERCENTAGE": "0.8"}, "MIN_SPAIN_PERCENTAGE", "MAX_SINGLE_COUNTRY_PCT"),
    ],
)
def test_two_settings_that_contradict_each_other_are_both_named(
    machine, given, key, bound
) -> None:
    message = machine.refusal(**given).message

    assert f"{key} = " in message
    assert f"is above {bound} = " in message
    assert "at most" in message


@pytest.mark.parametrize(
    "given",
    [
        {"SCALE_DOWN_ROAS": "2.0"},
        {"SCALE_DOWN_ROAS": "0"},
        {"PAUSE_ROAS": "0", "HARD_STOP_ROAS": "0"},
        {"HARD_STOP_ROAS": "0.5"},
        {"HARD_STOP_ROAS": "10"},
        {"MAX_AUTO_CHANGE_PCT": "0.20"},
        {"MAX_DAILY_SPEND_USD": "1000"},
        {"MAX_ACTIONS_PER_TICK": "0"},
        {"MIN_AUTO_CONFIDENCE": "0"},
        {"META_AUTO_SETTLE_SECONDS": "0"},
        {"AUTO_ACTION_TYPES": ""},
        {"META_AUTO_FX_USD": "1"},
    ],
    ids=str,
)
def test_an_extreme_or_neutral_setting_is_not_an_impossible_one(machine, given) -> None:
    machine.load(**given)


def test_a_contradiction_says_where_each_side_comes_from(machine) -> None:
    message = machine.refusal(
        toml="[policy]\nmax_daily_change_pct = 0.05\n", MAX_AUTO_CHANGE_PCT="0.08"
    ).message

    assert "MAX_AUTO_CHANGE_PCT = 0.08 (environment)" in message
    assert f"[policy] max_daily_change_pct = 0.05 ({machine.root / 'given.toml'})" in message


def test_the_service_account_cannot_be_listed_as_one_who_approves(machine) -> None:
    error = machine.refusal(META_AUTO_SERVICE_USER="robot", META_AUTO_MANAGERS="alice,robot")

    assert "META_AUTO_MANAGERS (environment) lists robot" in error.message
    assert "leave META_AUTO_SERVICE_USER unset" in error.remedy


def test_everything_that_is_wrong_is_told_at_once(machine) -> None:
    error = machine.refusal(
        toml="[limits]\nmax_actions_per_tick = -1\nmax_wishes = 3\n",
        LOOKBACK_DAYS="99",
        META_AUTO_MODUS="auto",
        cli={"holdout_pct": "7"},
    )

    assert error.message.startswith("5 settings are wrong: ")
    for key in (
        "max_actions_per_tick",
        "max_wishes",
        "LOOKBACK_DAYS",
        "META_AUTO_MODUS",
        "holdout_pct",
    ):
        assert key in error.message
    assert "\n" not in error.message


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("META_AUTO_INTERVAL", "did you mean META_AUTO_INTERVAL_SECONDS?"),
        ("META_AUTO_MODUS", "did you mean META_AUTO_MODE?"),
        ("META_AUTO_CONFIGURATION", "did you mean META_AUTO_CONFIG?"),
        ("META_AUTO_HARD_STOP_ROAS", "did you mean HARD_STOP_ROAS?"),
        ("META_AUTO_ZZZ", "is no setting"),
        ("META_AUTO_FX", "is no setting"),
        ("META_AUTO_FX_EURO", "names no currency: EURO"),
        ("META_AUTO_FX_eur", "names no currency: eur"),
    ],
)
def test_an_unknown_variable_of_ours_is_an_error_in_the_environment_and_in_dotenv(
    machine, variable, hint
) -> None:
    in_environment = machine.refusal(**{variable: "1"}).message
    machine.dotenv(f"{variable}=1\n")
    in_dotenv = machine.refusal().message

    for message in (in_environment, in_dotenv):
        assert variable in message
        assert hint in message


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[system]\nmode = 'auto'", "did you mean meta_auto_mode?"),
        ("[system]\nmeta_auto_mod = 'auto'", "did you mean meta_auto_mode?"),
        ("[limits]\nMAX_DAILY_SPEND_USD = 5", "is written max_daily_spend_usd"),
        ("[policy]\nmax_daily_spend_usd = 5\n[limits]\nmax_daily_spend_usd = 5", "given twice"),
        ("max_daily_spend_usd = 5", "stands in no table; it belongs in [limits]"),
        ("[limit]\nmax_daily_spend_usd = 5", "[limit]"),
        ("[limit]\nmax_daily_spend_usd = 5", "did you mean limits?"),
        ("zzz = 5", "is no table of this file"),
        ("limits = 5", "is a table, not a value"),
        ("[override]\naccount = 1", "[[override]], in two brackets"),
        ("freeze = 3", "[[freeze]], in two brackets"),
        ("scope = 3", "is a table, not a value"),
        ("[fx]\nEUR = 1.1\nmeta_auto_fx_eur = 1.2", "is given twice"),
        ("[fx]\nEURO = 1.1", "names no currency"),
        ("[fx]\nEUR = 'one'", "a rate above 0"),
        ("[fx]\nEUR = 0.0", "a rate above 0"),
        ("[limits]\nmax_daily_spend_usd = '1000'", "write it without quotes"),
        ("[limits]\nmax_daily_spend_usd = true", "an amount in USD"),
        ("[limits]\nmax_daily_spend_usd = nan", "an amount in USD"),
        ("[limits]\nmax_daily_spend_usd = inf", "an amount in USD"),
        ("[limits]\nmax_daily_spend_usd = [5]", "an amount in USD"),
        ("[limits]\nmax_actions_per_tick = 5.5", "a whole number"),
        ("[system]\nmeta_auto_enabled = 1", "true or false"),
        ("[system]\nmeta_auto_enabled = 'yes'", "true or false"),
        ("[system]\nmeta_auto_mode = 3", "suggest or auto"),
        ("[policy]\nauto_action_types = ['resume']", "decided by a person"),
        ("[policy]\nauto_action_types = 3", "any of pause"),
        ("[meta]\nmeta_ad_account_ids = [1.5]", "with or without act_"),
        ("[access]\nmeta_auto_admins = [true]", "account names"),
        ("[limits\n", "is not TOML"),
        ("[limits]\nmax_actions_per_tick = 1\nmax_actions_per_tick = 2", "is not TOML"),
        ("a = " + "[" * 3000, "is not TOML"),
    ],
)
def test_a_wrong_line_of_toml_is_told_with_its_table(machine, toml, says) -> None:
    error = machine.refusal(toml=toml)

    assert says in error.message
    assert str(machine.root / "given.toml") in error.message


@pytest.mark.parametrize("key", ["meta_access_token", "meta_app_secret"])
def test_a_secret_in_toml_is_refused_with_the_places_for_it(machine, key) -> None:
    error = machine.refusal(toml=f'[meta]\n{key} = "hunter2"\n')

    assert "never kept in this file" in error.message
    assert f"{key.upper()}_FILE" in error.remedy
    assert "hunter2" not in error.message


def test_a_secret_on_the_command_line_is_refused(machine) -> None:
    error = machine.refusal(cli={"META_ACCESS_TOKEN": "hunter2"})

    assert "META_ACCESS_TOKEN (command line)" in error.message
    assert "hunter2" not in error.message


def test_an_unknown_name_on_the_command_line_is_an_error_in_either_case(machine) -> None:
    assert "did you mean hard_stop_roas?" in machine.refusal(cli={"hard_stop": 1}).message
    assert "did you mean HARD_STOP_ROAS?" in machine.refusal(cli={"HARD_STOP": 1}).message


# --- the constructor ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_daily_change_pct": 20}, "max_daily_change_pct = 20 (argument)"),
        ({"max_daily_spend_usd": float("nan")}, "an amount in USD"),
        ({"max_daily_spend_usd": True}, "max_daily_spend_usd = true (argument)"),
        ({"max_actions_per_tick": True}, "max_actions_per_tick = true (argument)"),
        ({"max_actions_per_tick": 50.0}, "max_actions_per_tick = 50.0 (argument) is not written"),
        ({"max_daily_spend_usd": None}, "an amount in USD"),
        ({"MAX_AUTO_CHANGE_PCT": 0.5}, "MAX_AUTO_CHANGE_PCT = 0.5 (argument) is above"),
        ({"max_dayly_spend_usd": 5}, "did you mean max_daily_spend_usd?"),
        ({"zzzzz": 5}, "zzzzz is no setting"),
        ({"_secrets_dir": "x"}, "_secrets_dir is no setting"),
        ({"hard_stop_roas": 1, "HARD_STOP_ROAS": 2}, "HARD_STOP_ROAS is given twice"),
        ({"META_AUTO_FX_EUR": 0}, "META_AUTO_FX_EUR = 0"),
        ({"meta_auto_fx": {"EURO": 1}}, "META_AUTO_FX_EURO"),
        (
            {"meta_auto_fx": {"USD": 2}},
            "META_AUTO_FX_USD = 2 (argument) gives the dollar another worth than one dollar",
        ),
        ({"meta_ad_account_ids": 7}, "meta_ad_account_ids = 7"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_a_value_error_that_names_it(machine, given, says) -> None:
    with pytest.raises(SettingsError) as caught:
        AutonomousSettings(**given)

    assert isinstance(caught.value, ValueError)
    assert says in caught.value.message


ANY_VARIABLE = st.sampled_from(
    [key.variable for key in KEYS.values() if key.name != "meta_auto_fx"]
)
ANY_TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(variables=st.dictionaries(ANY_VARIABLE, ANY_TEXT, max_size=4))
def test_whatever_the_environment_holds_it_is_either_taken_or_told(machine, variables) -> None:
    try:
        told = machine.load(**variables).sources
    except SettingsError as error:
        told = None
        message, remedy = error.message, error.remedy

    if told is None:
        assert message.isprintable()
        assert remedy
    else:
        assert set(variables) <= {name.upper() for name in told}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(number=st.decimals(allow_nan=True, allow_infinity=True))
def test_a_number_is_taken_exactly_or_refused(machine, number) -> None:
    is_allowed = number.is_finite() and 0 <= number <= 10**12
    try:
        taken = machine.load(MAX_DAILY_SPEND_USD=str(number)).settings.max_daily_spend_usd
    except SettingsError:
        assert not is_allowed
    else:
        assert is_allowed
        assert taken == number


@pytest.mark.parametrize(
    ("table", "key"),
    [(key.table, key.name) for key in KEYS.values() if key.kind.shape is Shape.WHOLE],
)
@pytest.mark.parametrize("written", ["60.0", "6e1"])
def test_a_fraction_is_no_whole_number_even_without_a_rest(machine, table, key, written) -> None:
    message = machine.refusal(toml=f"[{table}]\n{key} = {written}\n").message

    assert f"[{table}] {key} = " in message
    assert "is not written as a whole number" in message


def test_a_whole_number_is_one_in_text_too(machine) -> None:
    loaded = machine.load(MAX_ACTIONS_PER_TICK=" 60 ", MIN_IMPRESSIONS="2_000").settings

    assert (loaded.max_actions_per_tick, loaded.min_impressions) == (60, 2000)
    assert AutonomousSettings(min_impressions=Decimal(2000)).min_impressions == 2000


def test_numbers_of_toml_and_of_python_are_taken_as_they_are_written(machine) -> None:
    from_toml = machine.load(toml="[policy]\nhard_stop_roas = 0.1\n").settings
    from_python = AutonomousSettings(hard_stop_roas=0.1)

    assert from_toml.hard_stop_roas == from_python.hard_stop_roas == Decimal("0.1")


def test_lists_are_taken_from_commas_from_toml_and_from_python_alike(machine) -> None:
    expected = ("123", "456")
    given: list[Any] = [
        machine.load(META_AD_ACCOUNT_IDS=" act_123 ,456,,123").settings,
        machine.load(toml='[meta]\nmeta_ad_account_ids = ["act_123", 456]').settings,
        machine.load(toml='[meta]\nmeta_ad_account_ids = "123,act_456"').settings,
        AutonomousSettings(meta_ad_account_ids=["123", "act_456"]),
    ]

    assert [each.meta_ad_account_ids for each in given] == [expected] * 4
    assert machine.load(AUTO_ACTION_TYPES="pause").settings.auto_action_types == {ActionType.PAUSE}


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", " t "])
def test_switches_are_taken_as_pydantic_takes_them(machine, text) -> None:
    assert machine.load(HARD_STOP_EXECUTES_IN_SUGGEST=text).settings.hard_stop_executes_in_suggest
