"""Changed settings of a replay are judged as the program's own, on top of what was recorded."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from meta_autonomous.config import SettingsError
from meta_autonomous.config.what_if import WhatIf
from meta_autonomous.decision.limits import Limits, Override, PolicyBook, Scope
from meta_autonomous.decision.tick_case import Circumstances
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.quantities import Rates

RECORDED = Circumstances(
    now=datetime(2026, 3, 1, tzinfo=UTC),
    is_auto=False,
    book=PolicyBook(
        limits=Limits(min_spend_usd=Decimal(250), max_daily_change_pct=Decimal("0.3")),
        scope=Scope(exclude=("Brand *",)),
    ),
    rates=Rates({"EUR": Decimal("1.08")}),
)


def applied(*pairs: tuple[str, str], to: Circumstances = RECORDED) -> Circumstances:
    return WhatIf.of(pairs).applied(to)


def test_without_changes_it_is_as_it_was():
    assert applied() is RECORDED


def test_what_is_not_named_stays_as_recorded():
    changed = applied(("MAX_AUTO_CHANGE_PCT", "0.05"))
    expected = replace(RECORDED.book.limits, max_auto_change_pct=Decimal("0.05"))
    assert changed == replace(RECORDED, book=replace(RECORDED.book, limits=expected))


def test_mode_rates_lists_and_switches_are_settings_too():
    changed = applied(
        ("meta_auto_mode", "auto"),
        ("META_AUTO_FX_EUR", "1.2"),
        ("META_AUTO_FX_GBP", "1.3"),
        ("AUTO_ACTION_TYPES", "pause"),
        ("REQUIRE_HUMAN_APPROVAL_CREATIVES", "false"),
        ("PROFIT_MARGIN", ""),
    )
    assert changed.is_auto
    assert changed.rates.usd_per_unit == {"EUR": Decimal("1.2"), "GBP": Decimal("1.3")}
    assert changed.book.limits.auto_action_types == {ActionType.PAUSE}
    assert changed.book.limits.require_human_approval_creatives is False
    assert applied(("META_AUTO_MODE", "suggest"), to=changed).is_auto is False


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("MAX_AUTO_CHANGE_PC", "0.05"), "is no setting; did you mean max_auto_change_pct"),
        (("XYZZY", "1"), "is no setting"),
        (("META_AUTO_FX_", "1"), "is no setting"),
        (("META_AUTO_FX_ABC", "1"), "ABC"),
        (("META_AUTO_FX_EUR", "0"), "allowed"),
        (("MAX_AUTO_CHANGE_PCT", "5"), "a fraction from 0 to 1"),
        (("MAX_AUTO_CHANGE_PCT", "NaN"), "a fraction from 0 to 1"),
        (("MAX_AUTO_CHANGE_PCT", ""), "is empty"),
        (("MAX_AUTO_CHANGE_PCT", "a lot"), "a fraction from 0 to 1"),
        (("META_AUTO_MODE", "manual"), "suggest or auto"),
        (("AUTO_ACTION_TYPES", "resume"), "always decided by a person"),
        (("LOOKBACK_DAYS", "22"), "whole days from 1 to 21"),
        (("META_AUTO_INTERVAL_SECONDS", "900"), "changes no decision that was recorded"),
        (("META_ACCESS_TOKEN", "x"), "changes no decision that was recorded"),
    ],
)
def test_what_is_no_limit_or_no_value_of_one_is_an_error(pair, told):
    with pytest.raises(SettingsError, match=told) as caught:
        WhatIf.of([pair])
    assert pair[0] in str(caught.value)


def test_a_setting_given_twice_is_an_error():
    with pytest.raises(SettingsError, match="is given twice"):
        WhatIf.of([("PAUSE_ROAS", "0.7"), ("pause_roas", "0.6")])


def test_what_cannot_be_meant_with_the_recorded_rest_is_an_error():
    beyond = WhatIf.of([("MAX_AUTO_CHANGE_PCT", "0.25")])
    assert beyond.applied(RECORDED).book.limits.max_auto_change_pct == Decimal("0.25")
    stricter = replace(RECORDED, book=PolicyBook())
    with pytest.raises(SettingsError, match=r"is above MAX_DAILY_CHANGE_PCT = 0\.20"):
        beyond.applied(stricter)


def test_what_cannot_be_meant_with_a_recorded_override_is_an_error():
    override = Override(values={"scale_down_roas": Decimal("1.2")}, match="ES *")
    book = replace(RECORDED.book, overrides=(override,))
    changes = WhatIf.of([("SCALE_DOWN_ROAS", "1.0"), ("SCALE_UP_ROAS", "1.1")])
    assert changes.applied(replace(RECORDED, book=book)).book.overrides == (override,)
    looser = replace(book, overrides=(replace(override, allow_looser=True),))
    with pytest.raises(SettingsError, match=r"override.* 1"):
        changes.applied(replace(RECORDED, book=looser))
