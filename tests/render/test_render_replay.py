"""What a manager reads of a replay and of a backfill."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.decision.claim import Claim, Side
from meta_autonomous.decision.differences import Brief, BriefLeg, Difference
from meta_autonomous.decision.later import Later
from meta_autonomous.domain.action import ActionType, Outcome, Route
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.performance import DayFacts
from meta_autonomous.operations.backfill import Backfilled
from meta_autonomous.operations.replay import PastWish, Replayed, Told
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.replay import backfill_document, replay_document
from meta_autonomous.render.replay_shape import backfill_json, replay_json

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


def brief(to: int = 55_000, **changes: Any) -> Brief:
    made: dict[str, Any] = {
        "account_id": "1001",
        "type": ActionType.SCALE_UP,
        "level": Level.CAMPAIGN,
        "entity_id": "c1",
        "entity_name": "Black \x1b[31mFriday",
        "campaign_id": "c1",
        "outcome": Outcome.EXECUTED,
        "route": Route.AUTO,
        "currency": "USD",
        "legs": (BriefLeg(entity_id="c1", entity_name="x", current=50_000, proposed=to),),
        "amount_usd": Decimal(to - 50_000) / 100,
        "moved_usd": Decimal(abs(to - 50_000)) / 100,
        "roas": Decimal("3.1"),
        "confidence": Decimal("0.97"),
        "claim": Claim(side=Side.AT_LEAST, threshold=Decimal("2.0")),
        "reason": "because",
        "fingerprint": "f",
    }
    return Brief(**(made | changes))


def pause(**changes: Any) -> Brief:
    claim = Claim(side=Side.BELOW, threshold=Decimal("0.9"))
    return brief(type=ActionType.PAUSE, legs=(), amount_usd=None, claim=claim, **changes)


def after(roas: str | None = "1.89", days: int = 7, *, held: bool | None = True) -> Later:
    return Later(
        days=days,
        facts=DayFacts(100_000_000, 189_000_000, 9, 5000),
        roas=None if roas is None else Decimal(roas),
        donor_roas=None,
        held=held,
        is_settled=False,
    )


SETTLED = after()


def told(
    was: Brief | None, would_be: Brief | None, *, later: Later = SETTLED, hours: int = 0
) -> Told:
    at = NOON + timedelta(hours=hours)
    difference = Difference(was=was, would_be=would_be)
    return Told(
        tick_id=f"t{hours}", at=at, is_backfilled=False, difference=difference, later=later
    )


def found(*differing: Told, **changes: Any) -> Replayed:
    made: dict[str, Any] = {
        "since": NOON,
        "ticks": 3,
        "decisions": 20,
        "recorded_usd": Decimal(50),
        "replayed_usd": Decimal(25),
        "differing": list(differing),
    }
    return Replayed(**(made | changes))


def shaped(*differing: Told, setting: str = "0.05", **changes: Any) -> dict[str, Any]:
    changed = {"max_auto_change_pct": setting} if setting else {}
    return replay_json(found(*differing, **changes), changed, platform="sandbox")


def text(*differing: Told, **changes: Any) -> str:
    return plain_text(replay_document(shaped(*differing, **changes)))


def test_the_json_tells_both_sides_the_money_and_what_followed():
    document = shaped(told(brief(), brief(52_500), later=after()))
    assert document["identical"] is False
    assert document["set"] == {"MAX_AUTO_CHANGE_PCT": "0.05"}
    assert document["money_moved_usd"] == {
        "recorded": "50.00",
        "replayed": "25.00",
        "difference": "-25.00",
    }
    (one,) = document["differing"]
    assert (one["tick_id"], one["at"]) == ("t0", "2026-11-04T12:00:00Z")
    assert one["was"]["proposed_budget"] == "550.00"
    assert one["would_be"]["proposed_budget"] == "525.00"
    assert one["would_be"]["change_pct"] == 0.05
    assert one["difference_usd"] == "-25.00"
    assert one["later"]["roas"] == 1.89
    assert one["later"]["claim"] == "at least 2.0"
    assert (one["later"]["held"], one["later"]["about"]) == (True, "would_be")
    assert one["entity_name"] == "Black \x1b[31mFriday"


def test_every_difference_is_a_row_with_the_later_data():
    shown = text(told(brief(), brief(52_500), later=after()))
    assert "1 decision would differ." in shown
    assert "scale up 500.00 → 550.00 USD (+10%): executed" in shown
    assert "scale up 500.00 → 525.00 USD (+5%): executed" in shown
    assert "ROAS 1.89 over the next 7 days → right" in shown
    assert "-25.00" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (after(held=False), "ROAS 1.89 over the next 7 days → wrong"),
        (after(days=3), "ROAS 1.89 over the next 3 days so far → right"),
        (after(days=1), "ROAS 1.89 over the next day so far → right"),
        (after(None, held=None), "nothing was spent over the next 7 days: can't tell"),
        (after(None, days=0, held=None), "no complete day after it yet"),
    ],
)
def test_what_followed_is_a_sentence(later, says):
    assert says in text(told(pause(), None, later=later))


def test_a_reallocation_is_compared_with_its_donor():
    legs = tuple(
        BriefLeg(entity_id=key, entity_name=key, current=100, proposed=100 + by)
        for key, by in (("s1", -10), ("s2", 10))
    )
    claim = Claim(side=Side.TIMES, threshold=Decimal("1.5"))
    move = brief(type=ActionType.REALLOCATE, legs=legs, claim=claim)
    later = Later(
        days=7,
        facts=DayFacts(1, 1, 1, 1),
        roas=Decimal("2.8"),
        donor_roas=Decimal("0.98"),
        held=True,
        is_settled=True,
    )
    shown = text(told(move, None, later=later))
    assert "s1 → s2" in shown
    assert "ROAS 2.80 against 0.98 over the next 7 days → right" in shown
    assert [leg["entity_id"] for leg in shaped(told(move, None))["differing"][0]["was"]["legs"]]


def test_the_same_difference_in_ticks_that_follow_is_one_row():
    rows = [told(brief(), brief(52_500), hours=n) for n in range(3)]
    shown = text(*rows)
    assert "3 decisions would differ." in shown
    assert "2026-11-04 12:00 UTC ×3" in shown
    assert shown.count("Black") == 1


def test_what_would_be_blocked_as_before_is_only_counted():
    blocked = [brief(to, outcome=Outcome.POLICY_BLOCKED) for to in (55_000, 52_500)]
    shown = text(told(*blocked), told(brief(), None))
    assert "1 of them would be blocked or wait as before, at another size" in shown
    assert shown.count("blocked by policy") == 0
    other_type = brief(outcome=Outcome.POLICY_BLOCKED, type=ActionType.SCALE_DOWN)
    assert "scale down" in text(told(blocked[0], other_type))


def test_nothing_on_one_side_is_said():
    shown = text(told(None, brief()), told(brief(), None, hours=1))
    assert shown.count("nothing") == 2
    assert shaped(told(brief(), None))["differing"][0]["later"]["about"] == "was"


def test_without_a_change_it_says_that_all_came_out_as_recorded():
    shown = text(setting="")
    assert "under the limits of that time" in shown
    assert "Every decision came out as recorded, to the last digit." in shown
    assert "Every decision would be the same." in text()


def test_other_numbers_alone_are_called_so():
    document = text(told(brief(), brief(fingerprint="other")), setting="")
    assert "the same, with other numbers in its verdicts" in document


def test_with_nothing_on_record_it_says_what_to_do():
    shown = text(ticks=0, decisions=0)
    assert "Nothing is recorded since then." in shown
    assert "meta-auto backfill --days 30" in shown


def test_backfilled_days_are_told_with_their_hindsight():
    wish = PastWish(at=NOON, days=4, brief=pause(), later=after("0.60"))
    shown = text(backfilled=3, past=[wish], incomplete=2)
    assert "What the backfilled days would have brought" in shown
    assert "pause ACTIVE → PAUSED" in shown
    assert "ROAS 0.60 over the next 7 days → right" in shown
    assert "their numbers are those known now" in shown
    assert "2 ticks left out: pruned in part, or not readable here." in shown
    (past,) = shaped(past=[wish])["past"]
    assert (past["days"], past["type"], past["later"]["held"]) == (4, "pause", True)


def test_a_backfill_says_what_it_recorded_and_how_to_look_at_it():
    done = Backfilled(
        days=[date(2026, 11, 1), date(2026, 11, 2)],
        accounts=["1001"],
        failed={"1002": "refused\x1b"},
        wanted=5,
        already_recorded=1,
    )
    shown = plain_text(backfill_document(done, platform="meta"))
    assert "2 past days of 1 ad account recorded; 5 actions would have been" in shown
    assert "1 day left out" in shown
    assert "account 1002: refused" in shown
    assert "\x1b" not in shown
    assert "with today's budgets and statuses" in shown
    assert "Next: meta-auto replay --since 4d" in shown
    document = backfill_json(done, platform="meta")
    assert document["days"] == ["2026-11-01", "2026-11-02"]
    assert document["errors"] == ["account 1002: refused\x1b"]


def test_a_backfill_without_a_day_offers_no_replay():
    done = Backfilled(accounts=["1001"], already_recorded=3)
    assert "Next:" not in plain_text(backfill_document(done, platform="meta"))
