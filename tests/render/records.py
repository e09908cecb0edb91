"""Records as the store gives them, for tests that only look at how they are shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.records import ActionRecord, AlertRecord, LedgerEntry, LedgerEvent

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def record(**other: Any) -> ActionRecord:
    """A pending scale-up of an ad set from 500 to 600 USD."""
    fields: dict[str, Any] = {
        "id": 7,
        "status": ActionStatus.SUGGESTED,
        "type": ActionType.SCALE_UP,
        "level": Level.ADSET,
        "entity_id": "120003",
        "entity_name": "Black Friday - ES",
        "campaign_id": "120001",
        "ad_id": None,
        "account_id": "9001",
        "currency": "USD",
        "current_budget": "500.00",
        "proposed_budget": "600.00",
        "change_pct": Decimal("0.2"),
        "amount_usd": Decimal("100.00"),
        "roas": Decimal("3.2"),
        "expected_roas": Decimal("2.9"),
        "confidence": Decimal("0.85"),
        "reason": "ROAS 3.20 is at least 2.0",
        "is_urgent": False,
        "is_hard_stop": False,
        "route": "person",
        "legs": (),
        "verdicts": (
            {
                "rule": "policy.budget_change",
                "outcome": "clamp",
                "observed": Decimal("0.5"),
                "limit": Decimal("0.2"),
                "message": "+50% is more than 20%",
            },
        ),
        "evidence": {"days": [{"date": "2026-11-01", "spend": "100.00", "purchases": 9}]},
        "created_at": NOW - timedelta(hours=3),
        "last_seen_at": NOW,
        "expires_at": NOW + timedelta(hours=21),
        "decided_at": None,
        "decided_by": None,
        "executed_at": None,
        "tick_id": "t1",
        "undoes": None,
    }
    return ActionRecord(**(fields | other))


def pause(**other: Any) -> ActionRecord:
    fields: dict[str, Any] = {
        "id": 8,
        "type": ActionType.PAUSE,
        "current_budget": "200.00",
        "proposed_budget": None,
        "change_pct": None,
        "amount_usd": Decimal("-200.00"),
        "is_urgent": True,
        "is_hard_stop": True,
        "reason": "HARD STOP: ROAS 0.40 is below 0.9",
    }
    return record(**(fields | other))


def alert(**other: Any) -> AlertRecord:
    fields: dict[str, Any] = {
        "key": "spend_near_cap",
        "severity": "warning",
        "message": "Today's spend is over 90 % of the cap.",
        "raised_at": NOW - timedelta(minutes=30),
    }
    return AlertRecord(**(fields | other))


def entry(**other: Any) -> LedgerEntry:
    fields: dict[str, Any] = {
        "event": "mode_changed",
        "who": "ana",
        "at": NOW,
        "why": "Mode changed from suggest to auto.",
        "before": {"mode": "suggest"},
        "after": {"mode": "auto"},
    }
    return LedgerEntry(seq=3, hash="ab" * 32, event=LedgerEvent(**(fields | other)))


def tick_report(**other: Any) -> dict[str, Any]:
    """A tick's JSON with one queued action, by the contract's names."""
    outcomes = [
        "policy_blocked",
        "safety_blocked",
        "queued",
        "executed",
        "failed",
        "in_doubt",
        "deferred",
        "unchanged",
    ]
    counts = {f"actions_{outcome}": 0 for outcome in outcomes} | {"actions_queued": 1}
    return {
        "success": True,
        "tick_started_at": "2026-11-02T12:00:00+00:00",
        "tick_completed_at": "2026-11-02T12:00:02+00:00",
        "campaigns_evaluated": 14,
        "actions_generated": 1,
        **counts,
        "errors": [],
        "tick_id": "t1",
        "mode": "suggest",
        "platform": "sandbox",
        "dry_run": False,
        "enabled": True,
        "started": True,
        "requests": 12,
        "accounts": [{"account_id": "9001", "state": "ok", "error": None}],
        "alerts": [],
        "actions": [generated()],
    } | other


def generated(**other: Any) -> dict[str, Any]:
    return {
        "id": 7,
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
        "expected_roas": 2.9,
        "confidence": 0.85,
        "outcome": "queued",
        "reason": "ROAS 3.20 is at least 2.0",
        "verdicts": [],
    } | other
