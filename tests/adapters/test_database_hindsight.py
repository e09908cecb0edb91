"""What was believed, and what stood, comes back as it was then."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from meta_autonomous.domain.entities import Level
from tests.adapters.database_scene import (
    ACCOUNT,
    NOON,
    a_campaign,
    a_database,
    a_snapshot,
    an_ad,
    an_adset,
    closed_at_the_end,  # noqa: F401
    daily,
    hours,
)

POSTERIOR = ("0.95000", "0.10000", "0.20000", "-1.10000", "0.50000")


def test_of_each_entity_and_day_the_last_estimate_is_told(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    metric = {
        "account_id": ACCOUNT.id,
        "entity_id": "11",
        "level": "adset",
        "campaign_id": "1",
        "window_since": "2026-03-03",
        "window_until": "2026-03-09",
        "currency": "USD",
        "spend_micros": 450_000_000,
        "impressions": 15000,
        "posterior": POSTERIOR,
    }

    def measure(at: float, **changes: object) -> None:
        database.record_decisions(
            ACCOUNT.id, (), (), [metric | changes], tick_id=f"t{at}", at=NOON + hours(at)
        )

    measure(0)
    measure(1, posterior=("0.95000", "0.30000", *POSTERIOR[2:]))
    measure(24, window_until="2026-03-10")
    measure(25, window_until="2026-03-11", posterior=None)  # as rows of older versions are
    first, second = database.past_estimates(ACCOUNT.id)
    assert (first.window_until, second.window_until) == (date(2026, 3, 9), date(2026, 3, 10))
    assert first.posterior == (0.95, 0.3, 0.2, -1.1, 0.5)
    assert first.created_at == NOON + hours(1)
    assert (first.level, first.spend, first.impressions) == (Level.ADSET, Decimal(450), 15000)
    assert database.past_estimates("another") == ()


def test_every_state_of_an_entity_is_told_the_oldest_first(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.record_snapshot(a_snapshot(), tick_id="t1")
    raised = an_adset(budget=daily(70))
    database.record_snapshot(
        a_snapshot(a_campaign(), raised, an_ad(), at=NOON + hours(2)), tick_id="t2"
    )
    states = database.entity_states(ACCOUNT.id)
    of_adset = [state for state in states if state.level is Level.ADSET]
    assert [state.valid_from for state in of_adset] == [NOON, NOON + hours(2)]
    assert of_adset[1].budget_minor == 7000
    (ad,) = [state for state in states if state.level is Level.AD]
    assert (ad.adset_id, ad.campaign_id) == (of_adset[0].entity_id, of_adset[0].campaign_id)
