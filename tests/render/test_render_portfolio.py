"""Several ad accounts in the dashboard, the report and its page."""

from typing import Any

import pytest

from meta_autonomous.render.document import Document, Tone, tone_of
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.portfolio import accounts_table, month_line

MONTH = {
    "first_day": "2026-11-01", "spend_usd": "5377.24", "projected_usd": "129905.66",
    "allowed_usd": "300000.00", "projected_pct": 0.433,
    "is_near": False, "left_out": [],
}  # fmt: skip


def account(name: str, **other: Any) -> dict[str, Any]:
    return {
        "account_id": "1001", "name": name, "currency": "EUR", "state": "ok",
        "spend_usd": "1300.00", "cap_usd": "10000.00", "roas": 2.07, "pending": 9,
        "alerts": ["hard_stop:1"], "overrides": {}, "month": MONTH,
    } | other  # fmt: skip


def shown(*accounts: dict[str, Any]) -> str:
    return plain_text(Document(tuple(accounts_table(accounts))))


def test_accounts_stand_side_by_side_with_todays_share_of_the_cap():
    own = {"MAX_DAILY_CHANGE_PCT": {"value": 0.1, "everywhere": 0.2}}
    never = account("", account_id="3003", state="never read", spend_usd=None, roas=None,
                    month=None, alerts=[], pending=0, currency=None)  # fmt: skip
    titles, shop, clinic, unread = shown(
        account("Shop"), account("Clinic", overrides=own), never
    ).splitlines()
    assert titles.split()[:3] == ["AD", "ACCOUNT", "TODAY"]
    assert shop.split()[:7] == ["Shop", "$1,300", "13%", "2.07", "9", "1", "$129,906"]
    assert "MAX_DAILY_CHANGE_PCT 0.1 (elsewhere 0.2)" in clinic
    assert "never read" in unread
    assert unread.split()[:5] == ["3003", "-", "-", "-", "0"]


def test_a_single_account_without_limits_of_its_own_needs_no_table():
    assert shown(account("Shop")) == ""
    own = {"MIN_SPEND_USD": {"value": 200.0, "everywhere": 100.0}}
    assert "MIN_SPEND_USD 200 (elsewhere 100)" in shown(account("Shop", overrides=own))


@pytest.mark.parametrize(
    ("share", "is_near", "tone"),
    [(0.9, False, Tone.PLAIN), (0.9, True, Tone.WARN), (1.01, True, Tone.BAD)],
)
def test_the_month_is_a_line_that_warns_near_the_caps(share, is_near, tone):
    told = month_line(MONTH | {"projected_pct": share, "is_near": is_near})
    assert plain_text(Document.of(told)) == (
        f"November: $5,377 so far; $129,906 at this pace, {share:.0%} of the $300,000 that the "
        "cap allows\n"
    )
    assert [tone_of(piece) for piece in told.pieces][1] is tone


def test_the_month_names_the_accounts_that_are_not_in_its_sums():
    left_out = [
        {"account_id": "2002", "name": "Clinic", "because": "no rate"},
        {"account_id": "3003", "name": "", "because": "never read"},
    ]
    told = plain_text(Document.of(month_line(MONTH | {"left_out": left_out})))
    assert told.endswith("that the cap allows; without Clinic (no rate), 3003 (never read)\n")
