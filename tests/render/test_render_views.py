"""The other views: tick, status, explain, ledger, alerts, switches, campaigns, estimate, demo."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.export import ExportEstimate
from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import LedgerCheck, Runtime, Trace
from meta_autonomous.render.alerts import alert_json, alerts_document
from meta_autonomous.render.campaigns import campaign_json, campaigns_document
from meta_autonomous.render.demo import day_document, demo_document, summary_json
from meta_autonomous.render.estimate import estimate_json, estimates_document
from meta_autonomous.render.explain import explanation_document
from meta_autonomous.render.ledger import check_document, check_json, entry_json, ledger_document
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.status import status_document
from meta_autonomous.render.switches import mode_document, mode_json, switched_document
from meta_autonomous.render.tick import OUTCOMES, counts_text, from_to, tick_document
from tests.render.records import NOW, alert, entry, generated, pause, record, tick_report

# --- tick ---------------------------------------------------------------------------------------


def test_a_tick_is_a_header_one_table_and_the_counts():
    text = plain_text(tick_document(tick_report()))
    assert text.splitlines()[0] == ("SANDBOX · simulated ad account, no real money · mode suggest")
    assert "14 campaigns evaluated · 12 requests to the sandbox · 2 s" in text
    assert "500.00 → 600.00 USD (+20%)" in text
    assert "1 action: 1 queued" in text
    assert "Next: meta-auto suggestions list" in text


def test_every_outcome_of_a_tick_has_words():
    assert set(OUTCOMES) == {outcome.value for outcome in Outcome}


def test_counts_name_only_what_happened():
    report = tick_report(actions_generated=5, actions_executed=3, actions_policy_blocked=1)
    assert counts_text(report) == "5 actions: 3 executed, 1 queued, 1 blocked by policy"
    assert counts_text(tick_report(actions_generated=0, actions_queued=0)) == "0 actions."


def test_a_dry_run_says_that_nothing_is_written():
    text = plain_text(tick_document(tick_report(dry_run=True)))
    assert "dry run: nothing is written" in text
    assert "Next:" not in text


def test_errors_alerts_and_troubled_accounts_are_told():
    report = tick_report(
        platform="meta",
        errors=["account 9001: the token was refused\x1b[0m"],
        alerts=[{"key": "auth:9001", "severity": "critical", "message": "Token refused."}],
        accounts=[
            {"account_id": "9001", "state": "failed", "error": "the token was refused"},
            {"account_id": "9002", "state": "ok", "error": None},
        ],
    )
    text = plain_text(tick_document(report))
    assert "Error: account 9001: the token was refused\\x1b[0m" in text
    assert "Alert: Token refused." in text
    assert "9002" not in text
    assert "requests to Meta" in text


def test_an_accounts_trouble_is_told_once():
    refused = {"account_id": "9001", "state": "failed", "error": "the token was refused"}
    same = {"key": "auth:9001", "message": "Ad account 9001: the token was refused"}
    other = {"key": "penalised:9001", "message": "Look into it: the token was refused"}
    report = tick_report(
        platform="meta",
        errors=["account 9001: the token was refused. Make a new one."],
        alerts=[same, other],
        accounts=[refused],
    )
    text = plain_text(tick_document(report))
    assert [told for told in text.splitlines() if "the token was refused" in told] == [
        "Alert: Look into it: the token was refused",
        "Error: account 9001: the token was refused. Make a new one.",
    ]
    unsaid = plain_text(tick_document(report | {"errors": ["account 90: no", "account 9001: no"]}))
    assert "Account 9001: failed: the token was refused" in unsaid
    assert "Alert: Ad account 9001: the token was refused" in unsaid


def test_no_action_is_said_in_words():
    report = tick_report(actions=[], actions_generated=0, actions_queued=0)
    assert "every entity stays as it is" in plain_text(tick_document(report))


@pytest.mark.parametrize(
    ("switch", "words"),
    [("started", "Stopped: only"), ("enabled", "Switched off by META_AUTO_ENABLED")],
)
def test_an_idle_tick_says_why(switch, words):
    assert words in plain_text(tick_document(tick_report(**{switch: False})))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (generated(), "500.00 → 600.00 USD (+20%)"),
        (generated(type="pause", proposed_budget=None), "ACTIVE → PAUSED"),
        (generated(type="resume", proposed_budget=None), "PAUSED → ACTIVE"),
        (
            generated(
                type="reallocate",
                legs=[
                    {"current_budget": "90.00", "proposed_budget": "80.00"},
                    {"current_budget": "50.00", "proposed_budget": "60.00"},
                ],
            ),
            "90.00 → 80.00 USD; 50.00 → 60.00 USD",
        ),
    ],
)
def test_a_change_is_told_from_and_to(action, words):
    assert from_to(action) == words


# --- status -------------------------------------------------------------------------------------


def _status(**other):
    today = {
        "campaigns_evaluated": 1247, "actions_generated": 342, "actions_executed": 89,
        "actions_queued": 198, "actions_policy_blocked": 38, "actions_safety_blocked": 17,
        "actions_failed": 0, "actions_in_doubt": 0, "actions_deferred": 0, "actions_unchanged": 0,
        "spend_usd": "7234.00", "cap_usd": "10000.00",
    }  # fmt: skip
    return {
        "platform": "sandbox",
        "enabled": True,
        "mode": "auto",
        "is_running": True,
        "interval_seconds": 1800,
        "last_tick_at": (NOW - timedelta(minutes=2)).isoformat(),
        "next_tick_at": (NOW + timedelta(minutes=28)).isoformat(),
        "pending": 3,
        "in_doubt": 0,
        "alerts": [],
        "today": today,
    } | other


def test_the_dashboard_is_the_seeds_widget():
    text = plain_text(status_document(_status(), now=NOW))
    assert text == (
        "SANDBOX · simulated ad account, no real money\n"
        "Meta Autonomous System Status\n"
        "  Mode       AUTO\n"
        "  Running    yes\n"
        "  Last tick  2 min ago\n"
        "  Next tick  in 28 min\n"
        "\n"
        "  Today's stats\n"
        "  Campaigns evaluated  1,247\n"
        "  Actions generated    342\n"
        "  Actions executed     89 (26%)\n"
        "  Actions queued       198 (58%)\n"
        "  Policy blocked       38 (11%)\n"
        "  Safety blocked       17 (5%)\n"
        "\n"
        "  Spend [#####################---------] $7,234 / $10,000 (72%)\n"
        "  3 suggestions waiting: meta-auto suggestions list\n"
        "  No alerts\n"
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"is_running": False, "enabled": False}, "no, switched off by META"),
        (
            {"is_running": False, "enabled": False, "started": False},
            "no, stopped: meta-auto start takes it back",
        ),
        ({"is_running": False, "last_tick_at": None, "next_tick_at": None}, "no, no tick yet"),
        ({"is_running": False}, "no, no tick for two intervals"),
    ],
)
def test_why_it_does_not_run_is_said(other, words):
    assert words in plain_text(status_document(_status(**other), now=NOW))


def test_several_ticks_are_said_to_be_added_up_and_what_people_approved_stands_beside():
    told = _status()
    told["today"] = told["today"] | {"ticks": 6, "executed_by_people": 2}
    text = plain_text(status_document(told, now=NOW))
    assert "  Today's stats (6 ticks added up)\n" in text
    assert "  Approved, executed   2 beside the ticks\n" in text


def test_alerts_and_doubts_stand_in_the_dashboard():
    told = _status(alerts=[{"message": "Today's spend is over the cap."}], in_doubt=1)
    text = plain_text(status_document(told, now=NOW))
    assert "Alert: Today's spend is over the cap." in text
    assert "1 action in doubt" in text
    assert "No alerts" not in text


def test_the_month_its_warning_and_every_account_stand_in_the_dashboard():
    month = {
        "first_day": "2026-11-01", "spend_usd": "50000.00", "projected_usd": "290000.00",
        "allowed_usd": "300000.00", "projected_pct": 0.9667, "left_out": [], "is_near": True,
    }  # fmt: skip
    each = {
        "account_id": "1", "currency": "USD", "state": "ok", "spend_usd": "70.00",
        "cap_usd": "100.00", "roas": 2.0, "pending": 0, "alerts": [], "overrides": {},
        "month": month,
    }  # fmt: skip
    told = _status(
        month=month,
        warnings=["At this pace November ends near the caps."],
        accounts=[each | {"name": "Shop"}, each | {"name": "Clinic"}],
    )
    text = plain_text(status_document(told, now=NOW))
    assert "November: $50,000 so far; $290,000 at this pace, 97% of the $300,000" in text
    assert "Warning: At this pace November ends near the caps." in text
    assert text.index("No alerts") < text.index("Shop") < text.index("Clinic")


def test_a_missed_tick_is_told_as_missed():
    told = _status(next_tick_at=(NOW - timedelta(minutes=10)).isoformat())
    assert "was due 10 min ago" in plain_text(status_document(told, now=NOW))


# --- explain, ledger, alerts, switches ----------------------------------------------------------


@dataclass
class Explained:
    sentences: tuple[str, ...] = ("Nothing was done to adset Black Friday.",)

    def to_json(self):
        return {
            "entity_id": "120003",
            "level": "adset",
            "decision": "none",
            "first_binding": "safety.cooldown",
            "eligible_again_at": "2026-11-03T09:00:00+00:00",
            "gates": [
                {"rule": "safety.cooldown", "outcome": "block", "observed": 3, "limit": 24,
                 "message": "changed 3 h ago"},
            ],
        }  # fmt: skip


def test_an_explanation_says_what_binds_and_until_when():
    text = plain_text(explanation_document(Explained(), platform="sandbox", now=NOW))
    assert "Nothing was done to adset Black Friday." in text
    assert "first binding   safety.cooldown" in text
    assert "2026-11-03 09:00 UTC (in 21 h)" in text
    assert "changed 3 h ago" in text


def test_an_explanation_holds_the_roas_against_break_even():
    class AtAMargin(Explained):
        def to_json(self):
            return super().to_json() | {"evidence": {"roas": "2.1", "break_even_roas": "2.50"}}

    text = plain_text(explanation_document(AtAMargin(), platform="sandbox", now=NOW))
    assert "break-even      a ROAS of 2.50 at your margin; 2.10 is below it" in text


def test_a_ledger_check_has_the_contracts_keys():
    check = LedgerCheck(ok=False, entries=12, head="12:ab", first_broken=7, message="changed")
    assert check_json(check, platform="sandbox") == {
        "ok": False,
        "entries": 12,
        "head": "12:ab",
        "first_broken": 7,
        "message": "changed",
        "starts_after": None,
        "archived": 0,
        "platform": "sandbox",
    }
    assert "First broken entry: 7" in plain_text(check_document(check, platform="sandbox"))


def test_a_whole_ledger_is_said_to_be_whole():
    check = LedgerCheck(ok=True, entries=12, head="12:ab", first_broken=None)
    assert "Whole. 12 entries checked" in plain_text(check_document(check, platform="meta"))


def test_a_ledger_entry_says_who_what_when_why():
    shown = entry_json(entry(), platform="sandbox")
    assert shown["who"] == "ana"
    assert shown["at"] == "2026-11-02T12:00:00Z"
    assert shown["after"] == {"mode": "auto"}
    text = plain_text(ledger_document([entry()], platform="sandbox"))
    assert "mode_changed" in text
    assert "abababababab" in text


def test_an_alert_is_told_with_its_age():
    assert alert_json(alert(), platform="meta")["raised_at"] == "2026-11-02T11:30:00Z"
    text = plain_text(alerts_document([alert()], platform="meta", now=NOW))
    assert "30 min ago" in text
    assert "spend_near_cap" in text
    assert "No open alerts." in plain_text(alerts_document([], platform="meta", now=NOW))


def test_a_stored_mode_wins_and_says_so():
    shown = mode_json(Runtime(mode="auto", changed_by="ana", changed_at=NOW), System())
    assert shown["mode"] == "auto"
    assert shown["configured_mode"] == "suggest"
    text = plain_text(mode_document(shown))
    assert "auto, stored by `mode set`" in text
    assert "by ana at 2026-11-02 12:00 UTC" in text
    assert "suggest, as configured" in plain_text(mode_document(mode_json(Runtime(), System())))


def test_a_switch_is_answered_with_its_message():
    told = {"message": "Mode changed from suggest to auto.", "platform": "sandbox"}
    assert "Mode changed from suggest to auto." in plain_text(switched_document(told))


# --- campaigns, estimate, demo ------------------------------------------------------------------


def _trace(**other):
    fields = {
        "entity_id": "120003",
        "level": Level.ADSET,
        "name": "Black Friday - ES",
        "campaign_id": "120001",
        "decision": "scale_up: queued",
        "first_binding": None,
        "eligible_again_at": None,
        "gates": (),
        "evidence": {
            "account_id": "9001", "status": "ACTIVE", "budget": "500.00", "currency": "USD",
            "spend_usd": "3500.00", "purchases": 120, "roas": Decimal("3.2"),
            "expected_roas": Decimal("2.9"),
        },
    }  # fmt: skip
    return Trace(**(fields | other))


def test_entities_under_control_stand_with_their_last_decision():
    shown = campaign_json(_trace(), platform="sandbox")
    assert json.loads(json.dumps(shown))["roas"] == 3.2
    assert shown["decision"] == "scale_up: queued"
    text = plain_text(campaigns_document([_trace()], platform="sandbox"))
    for word in ("Black Friday - ES", "120003", "500.00 USD", "3,500.00", "3.20", "2.90"):
        assert word in text


def test_an_ad_has_no_budget_and_may_have_no_roas():
    bare = _trace(level=Level.AD, evidence={"status": "PAUSED", "budget": None, "roas": None})
    assert campaign_json(bare, platform="sandbox")["budget"] is None
    assert "PAUSED" in plain_text(campaigns_document([bare], platform="sandbox"))


ESTIMATE = ExportEstimate(
    entity_id="a",
    spend=Decimal(700),
    purchases=20,
    purchase_value=Decimal("1400.5"),
    actual_roas=Decimal("2.000714"),
    expected_roas=1.9,
    interval=(1.2, 2.8),
    prob_below={"0.9": 0.01, "2.0": 0.55},
)


def test_an_estimate_has_the_contracts_keys():
    assert estimate_json(ESTIMATE) == {
        "entity_id": "a",
        "spend": "700.00",
        "purchases": 20,
        "purchase_value": "1400.50",
        "actual_roas": 2.000714,
        "expected_roas": 1.9,
        "interval": [1.2, 2.8],
        "prob_below": {"0.9": 0.01, "2.0": 0.55},
    }


def test_estimates_are_one_table():
    text = plain_text(estimates_document([ESTIMATE]))
    assert "P(<0.9)" in text
    assert "1.20–2.80" in text
    assert "No day before that date" in plain_text(estimates_document([]))


def test_the_demo_counts_distinct_actions_and_blocks_by_reason():
    records = [
        record(id=1, status=ActionStatus.EXECUTED),
        record(id=2, status=ActionStatus.BLOCKED, reason="Its last change is too recent."),
        record(id=3, status=ActionStatus.BLOCKED, reason="Its last change is too recent."),
        pause(id=4),
    ]
    check = LedgerCheck(ok=True, entries=40, head="40:ab", first_broken=None)
    day = tick_report() | {
        "day": 1, "date": "2026-11-02", "ticks": 4, "approved": 2, "rejected": 1,
    }  # fmt: skip
    summary = summary_json([day], records, check, folder=None)
    assert summary["types"]["scale_up"] == {"executed": 1, "blocked": 2}
    assert summary["blocks"] == [{"reason": "Its last change is too recent.", "count": 2}]
    text = plain_text(demo_document(summary))
    assert "Its last change is too recent." in text
    assert "40 entries: whole" in text
    assert "the manager approved 2, rejected 1" in plain_text(day_document(day))
