"""The JSON of a replay and of a backfill: both sides of each difference, and what followed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.claim import Side
from meta_autonomous.decision.differences import Brief, BriefLeg
from meta_autonomous.decision.later import LATER_DAYS, Later
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.quantities import MICROS_PER_MAJOR, Currency, Money
from meta_autonomous.operations.backfill import Backfilled
from meta_autonomous.operations.replay import PastWish, Replayed, Told
from meta_autonomous.operations.shapes import number
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import ratio

HINDSIGHT: Final = (
    "Nobody looked at backfilled days at the time: their numbers are those known now, with "
    "today's budgets and statuses."
)


def replay_json(found: Replayed, changes: Mapping[str, str], *, platform: str) -> dict[str, Any]:
    """`money_moved_usd` is USD per day of budgets, over all ticks: granted for the first time."""
    return {
        "platform": platform,
        "since": time_text(found.since),
        "set": {name.upper(): value for name, value in changes.items()},
        "ticks": found.ticks,
        "backfilled_ticks": found.backfilled,
        "incomplete_ticks": found.incomplete,
        "decisions": found.decisions,
        "identical": found.is_identical,
        "money_moved_usd": {
            "recorded": _dollars(found.recorded_usd),
            "replayed": _dollars(found.replayed_usd),
            "difference": _dollars(found.replayed_usd - found.recorded_usd),
        },
        "differing": [_told_json(one) for one in found.differing],
        "past": [_past_json(one) for one in found.past],
    }


def _told_json(told: Told) -> dict[str, Any]:
    pair = told.difference
    return {
        "tick_id": told.tick_id,
        "at": time_text(told.at),
        "backfilled": told.is_backfilled,
        **_whom(pair.either),
        "was": None if pair.was is None else _brief_json(pair.was),
        "would_be": None if pair.would_be is None else _brief_json(pair.would_be),
        "same_but_for_numbers": pair.is_same_but_for_numbers,
        "difference_usd": _dollars(pair.difference_usd),
        "later": {
            "about": "was" if pair.either is pair.was else "would_be",
            **_later_json(pair.either, told.later),
        },
    }


def _past_json(wish: PastWish) -> dict[str, Any]:
    return {
        "first_at": time_text(wish.at),
        "days": wish.days,
        **_whom(wish.brief),
        **_brief_json(wish.brief),
        "later": _later_json(wish.brief, wish.later),
    }


def _whom(brief: Brief) -> dict[str, Any]:
    return {
        "account_id": brief.account_id,
        "entity_id": brief.entity_id,
        "entity_name": brief.entity_name,
        "level": brief.level.value,
        "campaign_id": brief.campaign_id,
    }


def _brief_json(brief: Brief) -> dict[str, Any]:
    first = brief.legs[0] if brief.legs else None
    shape: dict[str, Any] = {
        "type": brief.type.value,
        "outcome": brief.outcome.value,
        "route": brief.route.value,
        "current_budget": None if first is None else _major(first.current, brief),
        "proposed_budget": None if first is None else _major(first.proposed, brief),
        "currency": brief.currency,
        "change_pct": None if first is None else _change(first),
        "amount_usd": None if brief.amount_usd is None else _dollars(brief.amount_usd),
        "roas": number(brief.roas),
        "confidence": number(brief.confidence),
        "reason": brief.reason,
    }
    if brief.type is ActionType.REALLOCATE:
        shape["legs"] = [
            {
                "entity_id": leg.entity_id,
                "entity_name": leg.entity_name,
                "current_budget": _major(leg.current, brief),
                "proposed_budget": _major(leg.proposed, brief),
            }
            for leg in brief.legs
        ]
    return shape


def _change(leg: BriefLeg) -> float | int | None:
    if leg.current == 0:
        return None
    return number(Decimal(leg.proposed - leg.current) / leg.current)


def _later_json(brief: Brief, later: Later) -> dict[str, Any]:
    return {
        "days": later.days,
        "spend": _of_micros(later.facts.spend_micros),
        "purchases": later.facts.purchases,
        "purchase_value": _of_micros(later.facts.value_micros),
        "roas": number(later.roas),
        "donor_roas": number(later.donor_roas),
        "claim": str(brief.claim),
        "held": later.held,
        "settled": later.is_settled,
        "says": _sentence(brief, later),
    }


def _sentence(brief: Brief, later: Later) -> str:
    """`ROAS 0.60 over the next 7 days → right`."""
    if later.days == 0:
        return "no complete day after it yet"
    length = "day" if later.days == 1 else f"{later.days} days"
    if later.days < LATER_DAYS:
        length += " so far"
    if later.roas is None:
        return f"nothing was spent over the next {length}: can't tell"
    told = f"ROAS {ratio(later.roas)}"
    if brief.claim.side is Side.TIMES:
        told += f" against {ratio(later.donor_roas)}"
    word = {True: "right", False: "wrong", None: "can't tell"}[later.held]
    return f"{told} over the next {length} → {word}"


def _dollars(value: Decimal) -> str:
    return f"{value:.2f}"


def _major(minor: int, brief: Brief) -> str:
    return Money(minor, Currency(brief.currency)).plain()


def _of_micros(amount: int) -> str:
    return f"{Decimal(amount) / MICROS_PER_MAJOR:.2f}"


def backfill_json(done: Backfilled, *, platform: str) -> dict[str, Any]:
    return {
        "platform": platform,
        "days": [day.isoformat() for day in done.days],
        "accounts": list(done.accounts),
        "actions_wanted": done.wanted,
        "days_already_recorded": done.already_recorded,
        "hindsight": HINDSIGHT,
        "errors": [f"account {key}: {message}" for key, message in done.failed.items()],
    }
