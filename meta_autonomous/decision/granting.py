"""One wanted action after the other: judged, routed, granted, or left for later.

What is granted to one counts for every later one, so that the sum of a plan obeys the limits as
each of its parts does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.amount import amount_usd
from meta_autonomous.decision.context import (
    AutomaticPause,
    Case,
    Evaluation,
    PendingSuggestion,
    Situation,
    Totals,
)
from meta_autonomous.decision.geo import Geography, geography_after
from meta_autonomous.decision.judgement import Judged, judge_action
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.routing import may_run_unasked, why_asked
from meta_autonomous.decision.safety import BLAST_RADIUS
from meta_autonomous.decision.safety_spend import extra_usd
from meta_autonomous.decision.waiting import held_out, in_doubt, too_late
from meta_autonomous.domain.action import (
    SCALES,
    Action,
    ActionStatus,
    ActionType,
    BudgetLeg,
    Outcome,
    Route,
)
from meta_autonomous.domain.entities import Ad, BudgetKind, Campaign, Entity
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Verdict

SAME_SIZE: Final = Decimal("0.02")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One action and what is to become of it. `executes` is True when nobody else is asked."""

    account_id: str
    action: Action
    outcome: Outcome
    route: Route
    verdicts: tuple[Verdict, ...]
    reason: str
    is_urgent: bool = False
    unchanged_id: int | None = None
    amount_usd: Decimal | None = None
    expires_at: datetime | None = None

    @property
    def executes(self) -> bool:
        return self.outcome is Outcome.EXECUTED

    @property
    def status(self) -> ActionStatus:
        """The status in which the action is recorded, before anything is executed."""
        return _RECORDED_AS.get(self.outcome, ActionStatus.APPROVED)


_RECORDED_AS: Final[Mapping[Outcome, ActionStatus]] = {
    Outcome.POLICY_BLOCKED: ActionStatus.BLOCKED,
    Outcome.SAFETY_BLOCKED: ActionStatus.BLOCKED,
    Outcome.QUEUED: ActionStatus.SUGGESTED,
    Outcome.UNCHANGED: ActionStatus.SUGGESTED,
    Outcome.DEFERRED: ActionStatus.DEFERRED,
}


PauseWindows = Callable[[Entity], Evaluation | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """The circumstances of a whole tick's decisions."""

    now: datetime
    book: PolicyBook
    is_auto: bool
    totals: Totals
    pause_windows: Mapping[str, PauseWindows]  # by account


@dataclass(slots=True)
class Granting:
    """Decides one action after the other, counting what the earlier ones were granted."""

    deciding: Deciding
    totals: Totals = field(init=False)
    pauses: list[AutomaticPause] = field(default_factory=list)
    increases: dict[str, list[Action]] = field(default_factory=dict)  # by account
    unasked: dict[str, list[Action]] = field(default_factory=dict)  # what will be done, likewise
    spent_actions: int = 0
    wanted_actions: int = 0  # those that came too late included
    _ahead: dict[str, tuple[int, Geography | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.totals = self.deciding.totals

    def decide(self, situation: Situation, action: Action) -> Decision:
        limits = self.deciding.book.limits_of(action.entity, situation.snapshot)
        auto = may_run_unasked(action, limits, is_auto=self.deciding.is_auto)
        route = Route.AUTO if auto else Route.PERSON
        judged = judge_action(action, self._case(situation, action, limits, route))
        demoted: tuple[Verdict, ...] = ()
        if self.deciding.is_auto and not auto:
            demoted = (why_asked(action, limits),)
        if route is Route.AUTO and judged.demoting:
            demoted, route = judged.demoting, Route.PERSON
            judged = judge_action(action, self._case(situation, action, limits, route))
        return self._settle(situation, limits, route, judged, demoted)

    def _geography_ahead(self, situation: Situation, action: Action) -> Geography | None:
        """Where this tick's own cuts and pauses will leave the account's countries. Worked out
        when a raise asks for it: by then all of them are known."""
        account_id = situation.snapshot.account.id
        done = self.unasked.get(account_id, [])
        lowered = [one for one in done if not one.raises_spend]
        if not action.raises_spend or not lowered:
            return None
        count, ahead = self._ahead.get(account_id, (0, None))
        if ahead is None or count != len(lowered):
            ahead = geography_after(situation.snapshot, lowered, self.deciding.now)
            self._ahead[account_id] = (len(lowered), ahead)
        return ahead.granting(one for one in done if one.raises_spend)

    def _case(self, situation: Situation, action: Action, limits: Limits, route: Route) -> Case:
        return Case(
            now=self.deciding.now,
            route=route,
            limits=limits,
            book=self.deciding.book,
            situation=situation,
            totals=self.totals,
            granted_pauses=tuple(self.pauses),
            granted_geo=tuple(self.increases.get(situation.snapshot.account.id, ())),
            geography_ahead=self._geography_ahead(situation, action),
        )

    def _settle(
        self,
        situation: Situation,
        limits: Limits,
        route: Route,
        judged: Judged,
        demoted: tuple[Verdict, ...],
    ) -> Decision:
        action = judged.action
        decision = Decision(
            account_id=situation.snapshot.account.id,
            action=action,
            outcome=Outcome.EXECUTED if route is Route.AUTO else Outcome.QUEUED,
            route=route,
            verdicts=(*demoted, *judged.verdicts),
            reason=action.reason,
            is_urgent=action.is_hard_stop or any(v.rule == BLAST_RADIUS.id for v in demoted),
            amount_usd=amount_usd(action, situation),
        )
        stopped = judged.outcome_if_stopped
        if stopped is not None:
            cause = (*judged.blocking, *judged.deferring)[0]
            reason = cause.sentence or cause.message
            return replace(decision, outcome=stopped, reason=reason, is_urgent=False)
        waits = in_doubt(action, situation)
        if waits is None:
            waits = held_out(action, limits, self.deciding.now)
        if waits is not None:
            return _deferred(decision, waits)
        pending = situation.memory.of(action.entity.id).pending
        if route is Route.PERSON and pending is not None and _is_same(action, pending):
            self._grant(situation, _as_offered(action, pending), decision)
            return replace(decision, outcome=Outcome.UNCHANGED, unchanged_id=pending.action_id)
        most = self.deciding.book.limits.max_actions_per_tick
        self.wanted_actions += 1
        if self.spent_actions >= most:
            return _deferred(decision, too_late(self.spent_actions, self.wanted_actions, most))
        self.spent_actions += 1
        self._grant(situation, action, decision)
        hours = float(limits.suggestion_ttl_hours)
        return replace(decision, expires_at=self.deciding.now + timedelta(hours=hours))

    def _grant(self, situation: Situation, action: Action, decision: Decision) -> None:
        self.totals = self.totals.granting(extra_usd(action, situation, self.deciding.now))
        account_id = situation.snapshot.account.id
        if action.raises_spend:
            self.increases.setdefault(account_id, []).append(action)
        if decision.executes:
            self.unasked.setdefault(account_id, []).append(action)
        crossed = any(
            v.rule == BLAST_RADIUS.id and v.effect is Effect.DEMOTES for v in decision.verdicts
        )
        if action.type is ActionType.PAUSE and (decision.route is Route.AUTO or crossed):
            # One that crossed the line counts as well, so that those after it wait with it.
            self.pauses.append(_automatic_pause(action.entity, self.deciding.now))


def _deferred(decision: Decision, verdict: Verdict) -> Decision:
    return replace(
        decision,
        outcome=Outcome.DEFERRED,
        verdicts=(*decision.verdicts, verdict),
        reason=verdict.sentence,
        is_urgent=False,
    )


def _is_same(action: Action, pending: PendingSuggestion) -> bool:
    """Whether a pending suggestion says the same: type, base budget, size within two points."""
    if action.type is not pending.type or action.entity_ids != pending.entity_ids:
        return False
    if action.type not in SCALES and action.type is not ActionType.REALLOCATE:
        return True
    leg, base, proposed = action.legs[0], pending.base, pending.proposed
    if base is None or proposed is None or not _is_same_base(leg, base):
        return False
    return abs(leg.proposed / leg.current - proposed / base) <= SAME_SIZE


def _is_same_base(leg: BudgetLeg, then: Money) -> bool:
    """Per day a lifetime budget is another one at every tick: spend and time move it a little."""
    held = leg.entity.budget
    if held is not None and held.kind is BudgetKind.LIFETIME:
        is_near = leg.current.currency == then.currency and then.minor > 0
        return is_near and abs(leg.current / then - 1) <= SAME_SIZE
    return leg.current == then


def _as_offered(action: Action, pending: PendingSuggestion) -> Action:
    """The action at the size that a person was offered, and may approve."""
    if action.type in SCALES and pending.proposed is not None:
        return action.with_budget(pending.proposed)
    return action


def _automatic_pause(entity: Entity, at: datetime) -> AutomaticPause:
    adset_id = entity.parent_id if isinstance(entity, Ad) else None
    if adset_id is None and not isinstance(entity, Campaign):
        adset_id = entity.id
    return AutomaticPause(
        entity_id=entity.id, campaign_id=entity.campaign_id, adset_id=adset_id, at=at
    )
