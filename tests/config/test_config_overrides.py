"""Overrides, scope and freeze windows: read exactly, or refused with their number."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from meta_autonomous.decision.limits import Freeze, Scope

TWO_OVERRIDES = """
[policy]
max_daily_change_pct = 0.20

[[override]]
account = "act_123"
max_daily_change_pct = 0.15
min_spend_usd = 200

[[override]]
match = "*prospecting*"
allow_looser = true
hard_stop_roas = 0.7
"""


def test_an_override_is_for_one_account_or_for_names_that_match(machine) -> None:
    book = machine.load(toml=TWO_OVERRIDES).book()

    both = book.limits_for("123", "ES prospecting")
    assert (both.max_daily_change_pct, both.min_spend_usd) == (Decimal("0.15"), Decimal(200))
    assert both.hard_stop_roas == Decimal("0.7")
    assert book.limits_for("123", "ES").hard_stop_roas == Decimal("0.9")
    assert book.limits_for("9", "ES") == book.limits


def test_an_account_may_be_written_as_a_number(machine) -> None:
    (override,) = machine.load(toml="[[override]]\naccount = 123\nmin_age_hours = 72\n").overrides

    assert override.account == "123"


def test_an_override_is_applied_after_the_global_value_is_resolved(machine) -> None:
    loaded = machine.load(
        toml="[[override]]\naccount = 1\nmax_daily_change_pct = 0.15\n",
        MAX_DAILY_CHANGE_PCT="0.12",
    )

    assert loaded.book().limits_for("1", "").max_daily_change_pct == Decimal("0.12")
    assert len(loaded.warnings) == 1
    assert "0.15 is looser than 0.12" in loaded.warnings[0]
    assert "allow_looser" in loaded.warnings[0]


def test_an_override_for_an_account_that_is_not_managed_is_warned_of(machine) -> None:
    loaded = machine.load(
        toml="[[override]]\naccount = 1\nmin_age_hours = 72\n", META_AD_ACCOUNT_IDS="2"
    )

    assert "account 1 is not in META_AD_ACCOUNT_IDS" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("min_age_hours = 72", "[[override]] 2 "),
        ("min_age_hours = 72", "concerns nobody"),
        ("account = 1", "changes nothing"),
        ("account = 1\nlookback_days = 3", "holds for everything or not at all"),
        ("account = 1\nmeta_auto_mode = 'auto'", "holds for everything or not at all"),
        ("account = 1\nmax_daily_change = 0.1", "did you mean max_daily_change_pct?"),
        ("account = 1\nzzz = 0.1", "zzz"),
        ("account = 1\nmax_daily_change_pct = 15", "a fraction from 0 to 1"),
        ("account = 1\nmax_daily_change_pct = '0.1'", "a fraction from 0 to 1"),
        ("account = 1\nmax_daily_change_pct = true", "a fraction from 0 to 1"),
        ("account = 1\nhard_stop_roas = nan", "a ROAS from 0"),
        ("account = 1\nmax_daily_spend_usd = -1", "an amount in USD"),
        ("account = 'acme'\nmin_age_hours = 72", "the digits of an ad account's id"),
        ("account = true\nmin_age_hours = 72", "the digits of an ad account's id"),
        ("match = ''\nmin_age_hours = 72", "a shell pattern for campaign names"),
        ("match = 3\nmin_age_hours = 72", "a shell pattern for campaign names"),
        ("account = 1\nallow_looser = 1\nmin_age_hours = 72", "true or false"),
    ],
)
def test_a_wrong_override_is_told_with_its_number(machine, table, says) -> None:
    good = "[[override]]\naccount = 5\nmin_age_hours = 50\n"

    error = machine.refusal(toml=f"{good}[[override]]\n{table}\n")

    assert says in error.message
    assert "[[override]] 2" in error.message
    assert str(machine.root / "given.toml") in error.message


def test_an_override_that_contradicts_the_global_values_is_impossible(machine) -> None:
    message = machine.refusal(
        toml="[[override]]\naccount = 1\nmax_daily_change_pct = 0.05\n"
    ).message

    assert "MAX_AUTO_CHANGE_PCT = 0.10 (default) is above" in message
    assert "[[override]] 1 max_daily_change_pct = 0.05" in message


def test_two_overrides_of_one_account_must_fit_together(machine) -> None:
    toml = """
        [[override]]
        account = 1
        scale_up_roas = 1.9
        allow_looser = true
        [[override]]
        account = 1
        scale_down_roas = 1.95
        allow_looser = true
    """

    message = machine.refusal(toml=toml).message

    assert "[[override]] 2 scale_down_roas = 1.95" in message
    assert "[[override]] 1 scale_up_roas = 1.9" in message


def test_an_override_that_does_not_count_contradicts_nothing(machine) -> None:
    loaded = machine.load(
        toml="[[override]]\naccount = 1\nmax_auto_change_pct = 0.15\n",
        MAX_AUTO_CHANGE_PCT="0.05",
        MAX_DAILY_CHANGE_PCT="0.05",
    )

    assert loaded.book().limits_for("1", "").max_auto_change_pct == Decimal("0.05")


# --- scope --------------------------------------------------------------------------------------


def test_scope_is_read_as_patterns_and_ids(machine) -> None:
    loaded = machine.load(toml='[scope]\ninclude = ["ES *", 42]\nexclude = ["*manual*"]\n')

    assert loaded.scope == Scope(include=("ES *", "42"), exclude=("*manual*",))
    assert machine.load().scope == Scope()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("included = ['a']", "[scope] included"),
        ("include = 'ES *'", "a list of campaign names"),
        ("exclude = [' ']", "a list of campaign names"),
        ("exclude = [true]", "a list of campaign names"),
        ("exclude = [1.5]", "a list of campaign names"),
    ],
)
def test_a_wrong_scope_is_told(machine, table, says) -> None:
    assert says in machine.refusal(toml=f"[scope]\n{table}\n").message


# --- freezes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_freeze_is_held_in_utc(machine, quote) -> None:
    loaded = machine.load(
        toml=f"""
        [[freeze]]
        from = {quote}2026-11-26T00:00:00+01:00{quote}
        to = {quote}2026-12-01T00:00:00Z{quote}
        reason = "Black Friday"
        """
    )

    assert loaded.freezes == (
        Freeze(
            starts_at=datetime(2026, 11, 25, 23, tzinfo=UTC),
            ends_at=datetime(2026, 12, 1, tzinfo=UTC),
            reason="Black Friday",
        ),
    )
    assert loaded.book().freeze_at(datetime(2026, 11, 27, tzinfo=UTC)) is loaded.freezes[0]


def test_a_freeze_may_do_without_a_reason(machine) -> None:
    (freeze,) = machine.load(
        toml="[[freeze]]\nfrom = 2026-01-01T00:00:00Z\nto = 2026-01-02T00:00:00Z\n"
    ).freezes

    assert freeze.reason == "no reason given"


NOON = "2026-11-26T12:00:00Z"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (f"from = {NOON}", "[[freeze]] 1 to"),
        (f"from = {NOON}", "is missing"),
        (f"from = {NOON}\nto = {NOON}", "is not after its from"),
        (f"from = {NOON}\nto = 2026-11-26T11:00:00Z", "is not after its from"),
        (f"from = {NOON}\nto = 2026-11-26T12:30:00+01:00", "is not after its from"),
        (f"from = 2026-11-26T12:00:00\nto = {NOON}", "has no offset from UTC"),
        (f"from = '2026-11-26T12:00:00'\nto = {NOON}", "has no offset from UTC"),
        (f"from = 2026-11-26\nto = {NOON}", "a date and time with its offset"),
        (f"from = 12:00:00\nto = {NOON}", "a date and time with its offset"),
        (f"from = 'next Friday'\nto = {NOON}", "a date and time with its offset"),
        (f"from = 5\nto = {NOON}", "a date and time with its offset"),
        (f"from = {NOON}\nto = 2026-11-27T00:00:00Z\nreason = 3", "[[freeze]] 1 reason"),
        (f"from = {NOON}\nto = 2026-11-27T00:00:00Z\nwhy = 'x'", "[[freeze]] 1 why"),
    ],
)
def test_a_wrong_freeze_is_told_with_its_number(machine, table, says) -> None:
    assert says in machine.refusal(toml=f"[[freeze]]\n{table}\n").message
