import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.render.actions import (
    action_json,
    actions_document,
    approval_document,
    by_urgency,
    handled_document,
    handled_json,
    suggestion_json,
    suggestions_document,
)
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.suggestion import detail_document, detail_json, will_send
from tests.render.records import NOW, pause, record

SUGGESTION_KEYS = {
    "id", "status", "type", "level", "entity_id", "entity_name", "campaign_id", "account_id",
    "current_budget", "proposed_budget", "currency", "change_pct", "roas", "confidence", "reason",
    "created_at", "expires_at",
}  # fmt: skip


@dataclass
class Handled:
    id: int = 7
    status: str = "executed"
    message: str = "Budget 500.00 → 600.00 USD."


def test_a_suggestion_has_the_contracts_keys():
    assert suggestion_json(record(), platform="sandbox") == {
        "id": 7,
        "status": "suggested",
        "type": "scale_up",
        "level": "adset",
        "entity_id": "120003",
        "entity_name": "Black Friday - ES",
        "campaign_id": "120001",
        "account_id": "9001",
        "current_budget": "500.00",
        "proposed_budget": "600.00",
        "currency": "USD",
        "change_pct": 0.2,
        "roas": 3.2,
        "break_even_roas": None,
        "confidence": 0.85,
        "reason": "ROAS 3.20 is at least 2.0",
        "created_at": "2026-11-02T09:00:00Z",
        "expires_at": "2026-11-03T09:00:00Z",
        "platform": "sandbox",
    }


def test_an_action_has_two_more_keys():
    done = record(status=ActionStatus.EXECUTED, executed_at=NOW, decided_by="ana")
    shown = action_json(done, platform="meta")
    assert set(shown) > SUGGESTION_KEYS
    assert shown["executed_at"] == "2026-11-02T12:00:00Z"
    assert shown["decided_by"] == "ana"
    assert action_json(record(), platform="meta")["executed_at"] is None


def test_what_is_unknown_is_null():
    shown = suggestion_json(pause(roas=None), platform="sandbox")
    assert shown["change_pct"] is None
    assert shown["roas"] is None
    assert shown["proposed_budget"] is None


def test_a_reallocation_shows_its_legs():
    legs = (
        {"entity_id": "1", "entity_name": "worst", "current_budget": "90.00",
         "proposed_budget": "80.00"},
        {"entity_id": "2", "entity_name": "best", "current_budget": "50.00",
         "proposed_budget": "60.00"},
    )  # fmt: skip
    moved = record(type=ActionType.REALLOCATE, legs=legs)
    assert suggestion_json(moved, platform="meta")["legs"] == list(legs)
    assert will_send(moved) == [
        "adset 1: budget per day 90.00 → 80.00 USD",
        "adset 2: budget per day 50.00 → 60.00 USD",
    ]


def test_the_detail_is_json_all_the_way_down():
    shown = json.loads(json.dumps(detail_json(record(), platform="sandbox"), allow_nan=False))
    assert set(shown) > SUGGESTION_KEYS
    assert shown["verdicts"][0]["limit"] == 0.2
    assert shown["evidence"]["days"][0]["spend"] == "100.00"
    assert shown["will_send"] == ["adset 120003: budget per day 500.00 → 600.00 USD"]
    assert shown["amount_usd"] == "100.00"


def test_a_decision_has_the_contracts_keys():
    assert handled_json(Handled(), platform="meta") == {
        "id": 7,
        "status": "executed",
        "message": "Budget 500.00 → 600.00 USD.",
        "platform": "meta",
    }


def test_pending_comes_first_and_the_most_urgent_on_top():
    done = record(id=1, status=ActionStatus.EXECUTED)
    small = record(id=2, amount_usd=Decimal(10))
    large = record(id=3, amount_usd=Decimal(900))
    cut = record(id=4, type=ActionType.SCALE_DOWN)
    brake = pause(id=5)
    soft = pause(id=6, is_hard_stop=False, is_urgent=False)
    ordered = by_urgency([done, small, large, cut, soft, brake])
    assert [one.id for one in ordered] == [5, 6, 4, 3, 2, 1]


def test_the_list_says_all_that_is_needed_to_decide():
    text = plain_text(suggestions_document([pause(), record()], platform="sandbox", now=NOW))
    assert text.startswith("SANDBOX · simulated ad account, no real money\n")
    row = next(line for line in text.splitlines() if "Black Friday - ES  scale up" in line)
    for word in ("7", "500.00 → 600.00 USD (+20%)", "3.20", "0.85", "suggested", "3 h", "in 21 h"):
        assert word in row
    assert "ACTIVE → PAUSED" in text
    assert "suggested, urgent" in text
    assert "meta-auto suggestions approve 8" in text


def test_the_list_says_what_each_moves_and_draws_its_week():
    days = [{"spend": "100", "purchase_value": "100"}, {"spend": "100", "purchase_value": "200"}]
    text = plain_text(
        suggestions_document([record(evidence={"days": days})], platform="meta", now=NOW)
    )
    assert "$100 a day more" in text
    assert "▄█" in text
    assert "reak-even" not in text


def test_at_a_margin_every_roas_stands_beside_its_break_even():
    losing = record(roas=Decimal("2.1"), evidence={"break_even_roas": "2.50"})
    assert suggestion_json(losing, platform="meta")["break_even_roas"] == 2.5
    for shown in (
        suggestions_document([losing], platform="meta", now=NOW),
        actions_document([losing], platform="meta"),
    ):
        assert "Break-even at your margin: a ROAS of 2.50." in plain_text(shown)
    detail = plain_text(detail_document(losing, platform="meta", now=NOW))
    assert "a ROAS of 2.50 at your margin; 2.10 is below it: it loses money" in detail
    assert "break even roas" not in detail
    above = record(evidence={"break_even_roas": "2.50"})
    assert "3.20 is above it" in plain_text(detail_document(above, platform="meta", now=NOW))


def test_before_all_are_approved_it_says_what_they_come_to():
    many = [pause(), record(), record(type=ActionType.RESUME, amount_usd=None)]
    text = plain_text(approval_document(many, platform="meta", now=NOW))
    assert text.endswith(
        "3 suggestions: 1 pause, 1 scale up, 1 resume; in all $100 a day less, "
        "and 1 of unknown size.\n"
    )


def test_nearly_certain_is_not_called_certain():
    text = plain_text(
        suggestions_document([record(confidence=Decimal("0.9999"))], platform="meta", now=NOW)
    )
    assert ">0.99" in text
    assert "1.00" not in text


def test_nothing_pending_is_said_in_words():
    text = plain_text(suggestions_document([], platform="meta", now=NOW))
    assert "No suggestions are waiting." in text
    assert text.startswith("META · live ad accounts\n")


def test_an_empty_list_speaks_of_what_was_asked_for():
    asked = (ActionStatus.EXPIRED, ActionStatus.IN_DOUBT)
    text = plain_text(suggestions_document([], platform="meta", now=NOW, asked_for=asked))
    assert "No suggestions are expired or in doubt." in text


@pytest.mark.parametrize(("status", "expires"), [("suggested", True), ("rejected", False)])
def test_only_what_waits_expires(status, expires):
    asked = [record(status=ActionStatus(status))]
    text = plain_text(suggestions_document(asked, platform="meta", now=NOW))
    assert ("in 21 h" in text) is expires


def test_nothing_done_is_said_of_the_deed():
    assert "Nothing to undo." in plain_text(handled_document([], platform="meta", deed="undo"))
    assert "Nothing to decide." in plain_text(handled_document([], platform="meta"))


def test_a_hostile_name_stays_on_its_line():
    evil = record(entity_name="A\x1b[2J\nB\u202e", reason="r\r\nr")
    text = plain_text(suggestions_document([evil], platform="sandbox", now=NOW))
    assert "A\\x1b[2J\\x0aB\\u202e" in text
    assert "r\\x0d\\x0ar" in text


def test_the_detail_shows_evidence_and_every_rule():
    text = plain_text(detail_document(record(), platform="sandbox", now=NOW))
    assert "policy.budget_change" in text
    assert "clamp" in text
    assert "2026-11-01" in text
    assert "adset 120003: budget per day 500.00 → 600.00 USD" in text


def test_history_says_who_and_when():
    done = record(status=ActionStatus.EXECUTED, executed_at=NOW, decided_by="ana")
    text = plain_text(actions_document([done], platform="sandbox"))
    assert "2026-11-02 12:00 UTC" in text
    assert "ana" in text


@pytest.mark.parametrize("status", ["executed", "in_doubt", "not_found", "superseded"])
def test_whatever_became_of_it_is_told(status):
    text = plain_text(handled_document([Handled(status=status)], platform="sandbox"))
    assert status.replace("_", " ") in text
    assert "Budget 500.00 → 600.00 USD." in text


def test_an_expiry_in_the_past_reads_as_past():
    old = record(status=ActionStatus.EXPIRED, expires_at=NOW - timedelta(hours=5))
    assert "5 h ago" in plain_text(suggestions_document([old], platform="meta", now=NOW))
