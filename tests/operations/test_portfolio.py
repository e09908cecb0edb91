"""Several ad accounts side by side, out of a real database."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.decision.limits import Limits, Override, PolicyBook
from meta_autonomous.domain.quantities import Currency, Rates
from meta_autonomous.operations.portfolio import AccountStanding, Portfolio, portfolio
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import AccountRecord, AlertRecord
from tests.adapters.database_scene import (
    ACCOUNT,
    NOON,
    TODAY,
    a_database,
    a_snapshot,
    a_trace,
    an_adset,
    closed_at_the_end,  # noqa: F401
    facts,
    suggested,
)

SHOP, CLINIC = ACCOUNT.id, "2002"
CLIENT = replace(ACCOUNT, id=CLINIC, currency=Currency("EUR"))
TICK = {
    "accounts": [
        {"account_id": SHOP, "name": "Shop", "state": "ok"},
        {"account_id": CLINIC, "name": "Clinic", "state": "throttled"},
    ]
}


def days_back(count: int, spend: int, purchases: int) -> dict[date, object]:
    return {TODAY - timedelta(days=age): facts(spend, purchases) for age in range(count)}


@pytest.fixture
def store(tmp_path: Path) -> Database:
    """Two accounts, read at noon of 10 March: 100 USD a day, and 50 EUR."""
    database = a_database(tmp_path)
    for account, spend in ((ACCOUNT, 100), (CLIENT, 50)):
        days = {"111": days_back(20, spend, 10)}
        database.record_past(
            a_snapshot(days=days, first_day=TODAY - timedelta(days=27), account=account)
        )
        database.save_account(
            AccountRecord(
                account_id=account.id,
                currency=account.currency.code,
                last_read_at=NOON,
                last_read_on=TODAY,
            )
        )
    return database


def seen(store: Database, *, now=NOON, rates=None, **limits: object) -> Portfolio:
    overrides = limits.pop("overrides", ())
    book = PolicyBook(limits=Limits(**limits), overrides=overrides)
    known = Rates(rates if rates is not None else {"EUR": Decimal("1.1")})
    return portfolio(store, System(account_ids=(SHOP,)), book, known, ticks=(TICK,), now=now)


def clinic(store: Database, **how: object) -> AccountStanding:
    return seen(store, **how).accounts[1]


def test_each_account_stands_with_its_own_numbers(store):
    shop, client = seen(store).accounts
    assert (shop.name, shop.currency, shop.state) == ("Shop", "USD", "ok")
    assert (client.name, client.currency, client.state) == ("Clinic", "EUR", "throttled")
    assert (shop.spend_today_usd, client.spend_today_usd) == (100, 55)
    assert (shop.roas, client.roas) == (3, 6)
    assert shop.cap_usd == 10_000


def test_the_month_of_all_is_the_sum_under_the_one_cap(store):
    told = seen(store)
    assert [one.month.projected_usd for one in told.accounts] == [3100, 1705]
    assert told.month.spent_usd == 10 * 155
    assert told.month.projected_usd == 31 * 155
    assert told.month.allowed_usd == 310_000
    assert told.warnings == ()


def test_a_month_that_comes_near_what_the_cap_allows_is_a_warning(store):
    assert seen(store, max_daily_spend_usd=Decimal(173)).warnings == ()
    (warning,) = seen(store, max_daily_spend_usd=Decimal(160)).warnings
    assert "At this pace March ends at 4,805 USD: 97% of the 4,960 USD" in warning


def test_without_a_rate_nothing_in_dollars_is_made_up(store):
    client = clinic(store, rates={})
    assert (client.spend_today_usd, client.month) == (None, None)
    assert client.roas == 6  # a ratio needs no rate
    told = seen(store, rates={})
    assert told.month.spent_usd == 1000
    assert told.month_json()["left_out"] == [
        {"account_id": CLINIC, "name": "Clinic", "because": "no rate"}
    ]
    assert seen(store).month_json()["left_out"] == []


def test_what_was_read_yesterday_is_not_todays_spend(store):
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    assert clinic(store, now=midnight - timedelta(seconds=1)).spend_today_usd == 55
    assert clinic(store, now=midnight).spend_today_usd is None


def test_in_the_west_todays_read_tells_the_day_that_is_still_yesterday_there(store):
    early = NOON.replace(hour=1) + timedelta(days=1)
    store.save_account(replace(store.account(CLINIC), last_read_at=early))
    assert clinic(store, now=early).spend_today_usd == 55


def test_an_account_that_was_never_read_says_so(store):
    told = portfolio(
        store, System(account_ids=("3003",)), PolicyBook(), Rates({}), ticks=(), now=NOON
    )
    (one,) = told.accounts
    assert (one.state, one.spend_today_usd, one.roas, one.month) == (
        "never read",
        None,
        None,
        None,
    )
    assert (told.month, told.month_json(), told.warnings) == (None, None, ())
    assert [(each.account_id, each.missing) for each in told.left_out] == [("3003", "never read")]


def test_the_limits_that_differ_for_a_client_are_shown(store):
    own = Override(values={"max_daily_change_pct": Decimal("0.1")}, account=CLINIC)
    ignored = Override(values={"hard_stop_roas": Decimal("0.1")}, account=CLINIC)
    named = Override(values={"min_spend_usd": Decimal(500)}, account=CLINIC, match="Brand *")
    capped = Override(values={"max_daily_spend_usd": Decimal(75)}, account=CLINIC)
    shop, client = seen(store, overrides=(own, ignored, named, capped)).accounts
    assert shop.own_limits == ()
    assert client.to_json()["overrides"] == {
        "MAX_DAILY_CHANGE_PCT": {"value": 0.1, "everywhere": 0.2},
        "MAX_DAILY_SPEND_USD": {"value": 75.0, "everywhere": 10_000.0},
    }
    assert client.cap_usd == 75


def test_suggestions_and_alerts_are_counted_where_they_belong(store):
    trace = replace(a_trace(an_adset()), evidence={"account_id": SHOP})
    store.record_decisions(SHOP, [suggested()], [trace], [], tick_id="t1", at=NOON)
    for key, entity_id in (
        (f"no_purchases:{CLINIC}", None), ("hard_stop:11", "11"), ("hard_stop:99", "99"),
        ("spend_near_cap", None),
    ):  # fmt: skip
        alert = AlertRecord(
            key=key, severity="warning", message="m", raised_at=NOON, entity_id=entity_id
        )
        store.raise_alert(alert, who="w")
    shop, client = seen(store).accounts
    assert (shop.pending, client.pending) == (1, 0)
    assert (shop.alerts, client.alerts) == (("hard_stop:11",), (f"no_purchases:{CLINIC}",))
