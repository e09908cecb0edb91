"""The ROAS engine on a person's own export: rows of any advertiser's daily figures, no account.

The rows are taken as one account at one level. Reading the file is somebody else's work.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from meta_autonomous.decision.booking import Reading, restatements_from
from meta_autonomous.decision.roas_engine import Estimate, estimate_level
from meta_autonomous.domain.performance import DayFacts

DEFAULT_THRESHOLDS = (0.8, 0.9, 1.5, 2.0)

_MICROS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One entity's figures of one day; amounts in major units of one currency."""

    entity_id: str
    on: date
    spend: Decimal
    purchases: int
    purchase_value: Decimal  # refunds may make it negative
    impressions: int | None = None
    seen_on: date | None = None  # the day on which the row was read

    def __post_init__(self) -> None:
        where = f"entity {self.entity_id!r} on {self.on.isoformat()}"
        if not (self.spend.is_finite() and self.purchase_value.is_finite()):
            raise ValueError(f"{where}: spend and purchase_value must be finite numbers")
        if self.spend < 0 or self.purchases < 0 or (self.impressions or 0) < 0:
            raise ValueError(f"{where}: spend, purchases and impressions must not be negative")
        if self.seen_on is not None and self.seen_on < self.on:
            raise ValueError(f"{where}: seen_on {self.seen_on.isoformat()} lies before the day")

    @property
    def facts(self) -> DayFacts:
        return DayFacts(
            _micros(self.spend),
            _micros(self.purchase_value),
            self.purchases,
            self.impressions or 0,
        )


@dataclass(frozen=True, slots=True)
class ExportEstimate:
    """What the window's seven complete days say of one entity; amounts in major units."""

    entity_id: str
    spend: Decimal
    purchases: int
    purchase_value: Decimal
    actual_roas: Decimal | None  # None without spend
    expected_roas: float
    interval: tuple[float, float]  # holds the true ROAS with 90 % probability
    prob_below: Mapping[str, float]  # by the threshold's text ("0.9"): P(true ROAS < threshold)


def estimate_export(
    rows: Iterable[ExportRow],
    *,
    at: date | None = None,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
) -> list[ExportEstimate]:
    """An estimate per entity, in the order of their ids.

    "Today" is `at`, by default the day after the last date; only days before it, as seen up to
    it, are used. Of several readings of a row the latest counts, and the earlier ones show how
    the account's days fill up; a row without `seen_on` is older than any reading.

    Raises ValueError if two rows give one entity different figures for one day and reading.
    """
    readings = _readings(rows)
    if not readings:
        return []
    today = at if at is not None else max(on for _, on, _ in readings) + _ONE_DAY
    visible = {
        key: facts
        for key, facts in readings.items()
        if key[1] <= today and (key[2] is None or key[2] <= today)
    }
    if not visible:
        return []
    entities: dict[str, dict[date, DayFacts]] = {}
    for entity_id, on, seen_on in sorted(visible, key=_oldest_reading_first):
        entities.setdefault(entity_id, {})[on] = visible[entity_id, on, seen_on]
    level = estimate_level(
        entities,
        today=today,
        first_day=min(on for _, on, _ in visible),
        restatements=restatements_from(
            (
                Reading(entity_id, on, seen_on, facts)
                for (entity_id, on, seen_on), facts in visible.items()
                if seen_on is not None
            ),
            today=today,
        ),
        excluded_days=_uncovered_days(visible, today),
    )
    return [_told(estimate, thresholds) for estimate in level.estimates.values()]


_ONE_DAY = timedelta(days=1)
_Key = tuple[str, date, date | None]


def _readings(rows: Iterable[ExportRow]) -> dict[_Key, DayFacts]:
    readings: dict[_Key, DayFacts] = {}
    for row in rows:
        key = (row.entity_id, row.on, row.seen_on)
        if readings.setdefault(key, row.facts) != row.facts:
            raise ValueError(
                f"entity {row.entity_id!r} has two different rows for {row.on.isoformat()}: "
                "add up a breakdown's rows first, or give seen_on if they were read at two times"
            )
    return readings


def _oldest_reading_first(key: _Key) -> tuple[str, date, date]:
    entity_id, on, seen_on = key
    return entity_id, on, date.min if seen_on is None else seen_on


def _uncovered_days(visible: Iterable[_Key], today: date) -> frozenset[date]:
    """The days after the file's end: unknown, where a day inside it without a row is zero.

    A reading shows the days before it even where nothing was delivered.
    """
    covered_until = max(
        on if seen_on is None else max(on, seen_on - _ONE_DAY) for _, on, seen_on in visible
    )
    return frozenset(
        covered_until + timedelta(days=later) for later in range(1, (today - covered_until).days)
    )


def _told(estimate: Estimate, thresholds: Sequence[float]) -> ExportEstimate:
    posterior = estimate.posterior
    return ExportEstimate(
        entity_id=estimate.entity_id,
        spend=estimate.spend_micros / _MICROS,
        purchases=estimate.purchases,
        purchase_value=estimate.value_micros / _MICROS,
        actual_roas=estimate.actual_roas,
        expected_roas=posterior.expected(),
        interval=posterior.interval(),
        prob_below={str(threshold): posterior.prob_below(threshold) for threshold in thresholds},
    )


def _micros(amount: Decimal) -> int:
    return int((amount * _MICROS).to_integral_value(ROUND_HALF_EVEN))
