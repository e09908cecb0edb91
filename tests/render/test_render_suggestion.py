from decimal import Decimal

import pytest

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.render.document import Document
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.stakes import roas_by_day, sparkline
from meta_autonomous.render.suggestion import card, detail_document
from tests.render.records import NOW, pause, record

DAYS = [
    {"date": "2026-10-30", "spend": "100.00", "purchase_value": "320.00"},
    {"date": "2026-10-31", "spend": "0.00", "purchase_value": "0.00"},
    {"date": "2026-11-01", "spend": "100.00", "purchase_value": "80.00"},
]


def shown(of) -> str:

    return plain_text(Document.of(card(of, NOW)))


def test_a_card_is_enough_to_decide_by():
    text = shown(record(evidence={"days": DAYS, "interval": ["2.1", "4.3"]}))
    for words in (
        "7 · Black Friday - ES",
        "500.00 → 600.00 USD (+20%)",
        "$100 a day more",
        "ROAS 3.20 is at least 2.0",
        "85% · true ROAS about 2.90, 90 % sure between 2.10 and 4.30",
        "█·▂  ROAS a day, 0.80 to 3.20",
        "The budget stays at 500.00 USD a day.",
        "in 21 h",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (pause(evidence={"days": DAYS}), "It keeps spending about 66.67 USD a day"),
        (record(type=ActionType.RESUME), "It stays paused."),
        (record(type=ActionType.REALLOCATE), "Both budgets stay."),
    ],
)
def test_it_says_what_goes_on_if_nobody_decides(of, words):
    assert words in shown(of)


def test_what_was_decided_waits_for_nobody():
    done = record(status=ActionStatus.EXECUTED, decided_by="ana", executed_at=NOW, message="Done.")
    text = shown(done)
    assert "if you wait" not in text
    assert "ana" in text
    assert "Done." in text


def test_a_certainty_is_never_claimed_by_rounding():
    assert "99%" in shown(record(confidence=Decimal("0.9999")))


def test_a_reallocation_moves_what_its_giver_loses():
    moved = record(type=ActionType.REALLOCATE, current_budget="80.00", proposed_budget="64.02")
    assert "15.98 USD a day from one ad set to the other" in shown(moved)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0, 7, 14], "▁▄█"),
        ([None, 1], "·█"),
        ([0, 0], "▁▁"),
        ([None], "·"),
        ([-3, 3], "▁█"),
        ([], ""),
    ],
)
def test_a_sparkline_goes_from_zero_to_the_largest(values, drawn):
    assert sparkline([None if one is None else Decimal(one) for one in values]) == drawn


def test_without_days_there_is_no_sparkline():
    assert roas_by_day({}) == ""
    assert "last days" not in shown(record(evidence={}))


def test_the_detail_names_the_estimators_quantities_in_words():
    evidence = {"orders_at_roas_1": "179.9", "exposure": "3431.0", "days": DAYS}
    text = plain_text(detail_document(record(evidence=evidence), platform="meta", now=NOW))
    assert "purchases expected at ROAS 1" in text
    assert "orders_at_roas_1" not in text
