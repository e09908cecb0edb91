"""How often past probabilities came true, and what acting was worth against leaving alone.

Everything is worked out from the records: what was believed on each day, what the program asked
for, and what the days that followed showed, as last restated.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from meta_autonomous.decision.booking import NO_RESTATEMENTS, Booking
from meta_autonomous.decision.calibration import (
    FEWEST_CLAIMS,
    FEWEST_DAYS,
    FEWEST_ORDERS,
    LATER_DAYS,
    SETTLED_DAYS,
    Later,
    Reliability,
    Scored,
    Share,
    expected_orders,
    reliability,
    scored,
    share_of,
    telling_bins,
)
from meta_autonomous.decision.claim import Side
from meta_autonomous.decision.holdout import FEWEST, PERIOD, Comparison, compare
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.outage import account_days, outages_among
from meta_autonomous.decision.posterior import Posterior
from meta_autonomous.decision.roas_engine import LevelEstimates, estimate_level
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.performance import DayFacts, Days, total
from meta_autonomous.domain.quantities import Currency, Rates
from meta_autonomous.operations.shapes import number
from meta_autonomous.ports.records import AccountRecord, ActionRecord, EntityState, PastEstimate
from meta_autonomous.ports.store import Store

_HISTORY: Final = timedelta(days=28)
#: By UTC a change may seem to have come up to half a day after the account's own day began.
_ZONES: Final = timedelta(hours=12)
#: A budget that moved less than that leaves an entity what it was.
_MOVED: Final = 0.25
_BEFORE: Final = 7
_MICROS: Final = 1e6

#: Why a claim has no answer.
NOT_FINAL: Final = "not_final"
CHANGED: Final = "changed"
TOO_LITTLE: Final = "too_little"
NO_RECORD: Final = "no_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutLevel:
    """The claims about all entities of one level at one threshold, a week apart."""

    level: Level
    threshold: Decimal
    told: Reliability


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutType:
    """What became of one action type's claims, in their own words: P(ROAS on the side it says)."""

    type: ActionType
    decided: int  # distinct actions
    share: Share | None  # of those that have an answer
    unanswered: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All that `calibration` says."""

    levels: tuple[AboutLevel, ...]
    types: tuple[AboutType, ...]
    unanswered: Mapping[str, int]  # of the estimates
    holdout: Comparison
    holdout_share: Decimal
    margin: Decimal | None

    @property
    def agrees(self) -> bool | None:
        """Whether every share with enough claims holds what was predicted. None: none has. The
        intervals are wide enough for all of them to hold together with 95 %."""
        said = [about.told.agrees for about in self.levels]
        said += [about.share.agrees for about in self.types if about.share is not None]
        known = [one for one in said if one is not None]
        return all(known) if known else None

    def to_json(self) -> dict[str, Any]:
        claims = sum(about.told.count for about in self.levels)

        def mean(name: str) -> float | None:
            if not claims:
                return None
            whole = sum(getattr(one.told, name) * one.told.count for one in self.levels)
            return _round(whole / claims)

        return {
            "claims": claims,
            "agrees": self.agrees,
            "brier": mean("brier"),
            "brier_if_right": mean("brier_if_right"),
            "ece": mean("error"),
            "ece_by_luck": mean("error_by_luck"),
            "unanswered": dict(self.unanswered),
            "reliability": [_level_shape(about) for about in self.levels],
            "actions": [_type_shape(about) for about in self.types],
            "holdout": holdout_shape(self),
        }


def calibrate(store: Store, *, limits: Limits, rates: Rates) -> Calibration:
    """What the records say. Reads only."""
    about: dict[tuple[Level, Decimal], list[Scored]] = defaultdict(list)
    by_type: dict[ActionType, list[Scored]] = defaultdict(list)
    missing: Counter[str] = Counter()
    missing_of: dict[ActionType, Counter[str]] = defaultdict(Counter)
    decided: Counter[ActionType] = Counter()
    treated: list[float] = []
    withheld: list[float] = []
    actions = [one for one in store.actions() if one.undoes is None]
    thresholds = sorted(
        {
            limits.pause_roas,
            limits.hard_stop_roas,
            limits.scale_down_roas,
            limits.scale_up_roas,
        }
    )
    for record in store.accounts():
        past = _Past.of(store, record)
        if past is None:
            continue
        for estimate in _a_week_apart(past.estimates, limits, rates):
            found = past.answer(estimate)
            if isinstance(found, str):
                missing[found] += 1
                continue
            posterior, later = found
            for threshold in thresholds:
                about[estimate.level, threshold].append(
                    scored(
                        estimate.entity_id,
                        _claimed_on(estimate),
                        posterior,
                        float(threshold),
                        later,
                    )
                )
        mine = [action for action in actions if action.account_id == record.account_id]
        decided.update(action.type for action in mine)
        for action in _seldom(mine):
            answered = _action_answer(action, past)
            if isinstance(answered, str):
                missing_of[action.type][answered] += 1
            else:
                by_type[action.type].append(answered)
        treated += past.worth(_treated(mine), limits.profit_margin)
        withheld += past.worth(_withheld(mine), limits.profit_margin)
    types = [kind for kind in ActionType if decided[kind]]
    among = sum(telling_bins(claims) for claims in about.values())
    among = max(among + sum(len(by_type[kind]) >= FEWEST_CLAIMS for kind in types), 1)
    return Calibration(
        levels=tuple(
            AboutLevel(level=level, threshold=threshold, told=told)
            for level in Level
            for threshold in thresholds
            if (told := reliability(about[level, threshold], among=among)) is not None
        ),
        types=tuple(
            AboutType(
                type=kind,
                decided=decided[kind],
                share=share_of(by_type[kind], among=among) if by_type[kind] else None,
                unanswered=dict(missing_of[kind]),
            )
            for kind in types
        ),
        unanswered=dict(missing),
        holdout=compare(treated, withheld),
        holdout_share=limits.holdout_pct,
        margin=limits.profit_margin,
    )


# --- one account's past -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Past:
    """What is on record of one account, and what its later days showed."""

    read_on: date  # the account's day of its last read
    since: date
    is_conversion_day: bool
    estimates: tuple[PastEstimate, ...]
    days: Mapping[Level, Mapping[str, Days]]
    changes: Mapping[str, tuple[tuple[date, bool, float], ...]]
    outage: frozenset[date]
    _levels: dict[tuple[Level, date, int], LevelEstimates] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store, record: AccountRecord) -> "_Past | None":
        """None for an account of which nothing was estimated."""
        estimates = store.past_estimates(record.account_id)
        if not estimates or record.last_read_on is None:
            return None
        since = estimates[0].window_until - _HISTORY
        read_on = record.last_read_on
        by_ad = store.stored_days(record.account_id, since=since, until=read_on)
        states = store.entity_states(record.account_id)
        days = _by_level(by_ad, store.ad_parents(record.account_id), states)
        known = store.restatements(record.account_id, today=read_on) or NO_RESTATEMENTS
        first = min((day for one in by_ad.values() for day in one), default=read_on)
        outages = outages_among(
            account_days(by_ad.values(), first_day=first, today=read_on, restatements=known)
        )
        return cls(
            read_on=read_on,
            since=max(since, first),
            is_conversion_day=known.booking() is Booking.CONVERSION_DAY,
            estimates=estimates,
            days=days,
            changes=_changes(states),
            outage=frozenset(day for run in outages for day in run.days),
        )

    @cached_property
    def by_day(self) -> Mapping[tuple[str, date], PastEstimate]:
        return {(one.entity_id, _claimed_on(one)): one for one in self.estimates}

    def answer(self, estimate: PastEstimate) -> tuple[Posterior, Later] | str:
        """The posterior of then and the later days, or why there is no answer."""
        on = _claimed_on(estimate)
        if (self.read_on - on).days < LATER_DAYS - 1 + SETTLED_DAYS:
            return NOT_FINAL
        changed = self._changed_on(estimate.entity_id, on)
        days = LATER_DAYS if changed is None else min((changed - on).days, LATER_DAYS)
        if days < FEWEST_DAYS:
            return CHANGED
        later = self._later(estimate, on, days)
        posterior = Posterior(*estimate.posterior)
        if later is None or expected_orders(posterior, later) < FEWEST_ORDERS:
            return TOO_LITTLE
        return posterior, later

    def _changed_on(self, entity_id: str, on: date) -> date | None:
        """The first day from `on` on whose entity is another: paused, resumed, or its budget or
        its parent's moved by more than a quarter since."""
        budget = 1.0
        for day, is_status, factor in self.changes.get(entity_id, ()):
            if day < on:
                continue
            budget *= factor
            if is_status or abs(budget - 1.0) > _MOVED:
                return day
        return None

    def _later(self, estimate: PastEstimate, on: date, days: int) -> Later | None:
        key = (estimate.level, on, days)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = estimate_level(
                self.days[estimate.level],
                today=on + timedelta(days=days),
                first_day=self.since,
                window_days=days,
                excluded_days=self.outage,
            )
        found = level.estimates.get(estimate.entity_id)
        if found is None or found.orders_at_one <= 0.0:
            return None
        # These days are final. Booked by impression they hold their own spend's orders, whole.
        exposure = found.exposure if self.is_conversion_day else found.spend_micros / _MICROS
        if exposure <= 0.0:
            return None
        return Later(
            value=found.value_micros / _MICROS,
            exposure=exposure,
            orders_at_one=found.orders_at_one * exposure / found.exposure,
            days=days,
            order_variance=level.order_variance,
            day_noise=level.day_noise,
        )

    def worth(
        self, first_actions: Mapping[str, Sequence[date]], margin: Decimal | None
    ) -> Iterator[float]:
        """For each campaign and period: by how much its net result of a day grew in the 14 days
        from the first action on, against the week before, per unit of that week's spend."""
        share = 1.0 if margin is None else float(margin)
        for campaign_id, dates in first_actions.items():
            days = self.days[Level.CAMPAIGN].get(campaign_id, {})
            for on in dates:
                if (self.read_on - on).days < PERIOD.days - 1 + SETTLED_DAYS:
                    continue
                before = total(days, _days(on - timedelta(days=_BEFORE), _BEFORE))
                after = total(days, _days(on, PERIOD.days))
                if before.spend_micros <= 0:
                    continue
                spent = before.spend_micros / _BEFORE
                yield (
                    (share * after.value_micros - after.spend_micros) / PERIOD.days
                    - (share * before.value_micros - before.spend_micros) / _BEFORE
                ) / spent


def _claimed_on(estimate: PastEstimate) -> date:
    return estimate.window_until + timedelta(days=1)


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=step) for step in range(count)]


def _by_level(
    by_ad: Mapping[str, Days],
    parents: Mapping[str, tuple[str, str]],
    states: Sequence[EntityState],
) -> Mapping[Level, Mapping[str, Days]]:
    """Each level's days, from those of the ads. An ad that was gone before the first read has
    rows all the same, and `parents` names what they belong to."""
    above: dict[str, tuple[str | None, str]] = {
        state.entity_id: (state.adset_id, state.campaign_id)
        for state in states
        if state.level is Level.AD
    }
    above |= parents
    sums: dict[Level, dict[str, dict[date, DayFacts]]] = {
        level: defaultdict(dict) for level in Level
    }
    for ad_id, days in by_ad.items():
        adset_id, campaign_id = above.get(ad_id, (None, None))
        for level, entity_id in (
            (Level.AD, ad_id),
            (Level.ADSET, adset_id),
            (Level.CAMPAIGN, campaign_id),
        ):
            if entity_id is None:
                continue
            held = sums[level][entity_id]
            for day, facts in days.items():
                held[day] = held[day].plus(facts) if day in held else facts
    return sums


def _changes(states: Sequence[EntityState]) -> dict[str, tuple[tuple[date, bool, float], ...]]:
    """By entity its changes and its parents', oldest first: the day, whether the status changed,
    and by what the budget was multiplied."""
    own: dict[str, list[tuple[date, bool, float]]] = defaultdict(list)
    for earlier, later in pairwise(states):
        if earlier.entity_id != later.entity_id:
            continue
        is_status = (earlier.status, earlier.effective_status) != (
            later.status,
            later.effective_status,
        )
        factor = 1.0
        if earlier.budget_minor and later.budget_minor:
            factor = later.budget_minor / earlier.budget_minor
        own[later.entity_id].append(((later.valid_from - _ZONES).date(), is_status, factor))
    return {
        state.entity_id: tuple(
            sorted(
                change
                for one in {state.entity_id, state.adset_id, state.campaign_id} - {None}
                for change in own.get(str(one), ())
            )
        )
        for state in states
    }


# --- which claims count -------------------------------------------------------------------------


def _a_week_apart(
    estimates: Iterable[PastEstimate], limits: Limits, rates: Rates
) -> Iterator[PastEstimate]:
    """Those with minimum data, each entity's a week apart: no later day answers two of them."""
    last: dict[str, date] = {}
    for estimate in estimates:
        on = _claimed_on(estimate)
        before = last.get(estimate.entity_id)
        if before is not None and (on - before).days < LATER_DAYS:
            continue
        rate = rates.rate(Currency(estimate.currency))
        if (
            rate is None
            or estimate.spend * rate < limits.min_spend_usd
            or estimate.impressions < limits.min_impressions
        ):
            continue
        last[estimate.entity_id] = on
        yield estimate


def _seldom(actions: Iterable[ActionRecord]) -> Iterator[ActionRecord]:
    """Each entity's actions of one type a week apart, whatever became of them."""
    last: dict[tuple[str, ActionType], datetime] = {}
    for action in sorted(actions, key=lambda one: (one.created_at, one.id)):
        key = (action.entity_id, action.type)
        before = last.get(key)
        if before is None or action.created_at - before >= timedelta(days=LATER_DAYS):
            last[key] = action.created_at
            yield action


def _action_answer(action: ActionRecord, past: _Past) -> Scored | str:
    claim, window = action.evidence.get("claim"), action.evidence.get("window")
    if claim is None or not window or action.confidence is None:
        return NO_RECORD
    if claim["side"] == Side.TIMES:  # it compares two ad sets
        return NO_RECORD
    on = date.fromisoformat(window[-1]) + timedelta(days=1)
    estimate = past.by_day.get((action.entity_id, on))
    if estimate is None:
        return NO_RECORD
    found = past.answer(estimate)
    if isinstance(found, str):
        return found
    below = scored(action.entity_id, on, found[0], float(claim["threshold"]), found[1])
    if claim["side"] == Side.AT_LEAST:
        below = below._replace(
            predicted=1.0 - below.predicted,
            came_true=not below.came_true,
        )
    return below._replace(claimed=float(action.confidence))


_UNFIT: Final = frozenset({ActionStatus.BLOCKED, ActionStatus.DEFERRED})


def _treated(actions: Iterable[ActionRecord]) -> dict[str, list[date]]:
    """What was done or suggested, since there is a hold-out to compare it with."""
    told = list(actions)
    began = min((one.created_at for one in told if _is_withheld(one)), default=None)
    if began is None:
        return {}
    return _first_of_periods(
        one
        for one in told
        if one.created_at >= began and one.status not in _UNFIT and not one.is_hard_stop
    )


def _withheld(actions: Iterable[ActionRecord]) -> dict[str, list[date]]:
    return _first_of_periods(one for one in actions if _is_withheld(one))


def _is_withheld(action: ActionRecord) -> bool:
    return any(verdict["rule"] == "limits.holdout" for verdict in action.verdicts)


def _first_of_periods(actions: Iterable[ActionRecord]) -> dict[str, list[date]]:
    """By campaign the first day of each period in which there was something to do."""
    found: dict[str, list[date]] = defaultdict(list)
    for action in sorted(actions, key=lambda one: (one.created_at, one.id)):
        on = _accounts_day(action)
        held = found[action.campaign_id]
        if not held or on - held[-1] >= PERIOD:
            held.append(on)
    return found


def _accounts_day(action: ActionRecord) -> date:
    """The account's own day on which the action was decided: the one after its window. Where an
    outage shortened the window, or none is on record, it is the day by UTC."""
    by_utc, window = action.created_at.date(), action.evidence.get("window")
    if not window:
        return by_utc
    own = date.fromisoformat(window[-1]) + timedelta(days=1)
    return own if abs(own - by_utc) <= timedelta(days=1) else by_utc


# --- shapes -------------------------------------------------------------------------------------


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _share_shape(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "claimed": _round(share.claimed),
        "predicted": _round(share.predicted),
        "observed": _round(share.observed),
        "interval": [_round(end) for end in share.interval],
        "agrees": share.agrees,
    }


def _level_shape(about: AboutLevel) -> dict[str, Any]:
    told = about.told
    return {
        "level": about.level.value,
        "threshold": number(about.threshold),
        "count": told.count,
        "brier": _round(told.brier),
        "brier_if_right": _round(told.brier_if_right),
        "ece": _round(told.error),
        "ece_by_luck": _round(told.error_by_luck),
        "agrees": told.agrees,
        "bins": [
            {"low": one.low, "high": one.high, **_share_shape(one.share)} for one in told.bins
        ],
    }


def _type_shape(about: AboutType) -> dict[str, Any]:
    empty = {"count": 0, "claimed": None, "predicted": None, "observed": None}
    share = (
        {**empty, "interval": None, "agrees": None}
        if about.share is None
        else _share_shape(about.share)
    )
    return {
        "type": about.type.value,
        "decided": about.decided,
        **share,
        "unanswered": dict(about.unanswered),
    }


def holdout_shape(calibration: Calibration) -> dict[str, Any]:
    """The hold-out's scorecard. Results are per unit of the spend of the week before."""
    told = calibration.holdout
    interval = told.interval
    return {
        "share": number(calibration.holdout_share),
        "period_days": PERIOD.days,
        "margin": number(calibration.margin),
        "treated": told.treated,
        "withheld": told.withheld,
        "fewest": FEWEST,
        "treated_mean": _round(told.treated_mean),
        "withheld_mean": _round(told.withheld_mean),
        "difference": _round(told.difference),
        "interval": None if interval is None else [_round(end) for end in interval],
        "is_telling": told.is_telling,
    }
