"""From situations to a plan: candidates, wanted actions, both engines, route, order, limits.

One pass over all accounts of a tick. What is granted to one action counts for every later one, so
that the sum of a plan obeys the limits as each of its parts does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from meta_autonomous.decision.budgets import SMALLEST_CHANGE
from meta_autonomous.decision.candidates import (
    binding,
    binds_below,
    campaigns_with_any_open,
    gates_of,
    open_entities,
    stops,
    with_parents,
)
from meta_autonomous.decision.context import (
    AutomaticPause,
    Case,
    Evaluation,
    PendingSuggestion,
    Situation,
    Totals,
)
from meta_autonomous.decision.geo import Geography, geography_after
from meta_autonomous.decision.holdout import held_until
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.optimizer import Campaigns, want, want_resume
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.rules import judge, named, percent
from meta_autonomous.decision.safety import BLAST_RADIUS, SAFETY_RULES
from meta_autonomous.decision.safety_spend import extra_usd
from meta_autonomous.domain.action import (
    SCALES,
    Action,
    ActionStatus,
    ActionType,
    BudgetLeg,
    Outcome,
    Route,
)
from meta_autonomous.domain.entities import Ad, BudgetKind, Campaign, Entity, Status
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Flip, Measure, Ruling, Verdict

#: What may ever be made without a person.
AUTOMATIC: Final = frozenset({ActionType.PAUSE, *SCALES})
SAME_SIZE: Final = Decimal("0.02")
RESUME_WITHIN: Final = timedelta(days=14)
#: Being paused is what a resume ends, and it waits for no turn.
_NOT_FOR_RESUME: Final = frozenset({"candidate.status", "candidate.turn"})
_ORDER: Final = (
    ActionType.PAUSE,
    ActionType.SCALE_DOWN,
    ActionType.REALLOCATE,
    ActionType.SCALE_UP,
    ActionType.RESUME,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions of a tick in the order in which they are carried out, and why for the rest."""

    decisions: tuple[Decision, ...]
    gates: Mapping[str, tuple[Verdict, ...]]  # entity id -> what was asked before the rules
    evaluated: frozenset[str]  # campaigns that had their full turn
    totals: Totals


PauseWindows = Callable[[Entity], Evaluation | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """The circumstances of a whole tick's decisions."""

    now: datetime
    book: PolicyBook
    is_auto: bool
    totals: Totals
    pause_windows: Mapping[str, PauseWindows]  # by account


def decide(situations: Sequence[Situation], deciding: Deciding) -> Plan:
    """The plan of one tick."""
    gates: dict[str, list[Verdict]] = {}
    proposals: list[tuple[Situation, Action]] = []
    opened = {
        situation.snapshot.account.id: _ask_gates(situation, deciding, gates)
        for situation in situations
    }
    turns = _turns(situations, deciding, opened, gates)
    for situation in situations:
        may_act = opened[situation.snapshot.account.id]
        proposals += _proposals(situation, deciding, may_act, turns, gates)
    proposals.sort(key=lambda pair: _priority(pair[1]))
    granting = Granting(deciding)
    decisions = tuple(
        _with_warnings(granting.decide(situation, action), gates)
        for situation, action in proposals
    )
    return Plan(
        decisions=decisions,
        gates={entity_id: tuple(verdicts) for entity_id, verdicts in gates.items()},
        evaluated=turns,
        totals=granting.totals,
    )


def _with_warnings(decision: Decision, gates: Mapping[str, Sequence[Verdict]]) -> Decision:
    """What the numbers warn of is told beside what the rules say."""
    warnings = [
        gate
        for entity_id in decision.action.entity_ids
        for gate in gates[entity_id]
        if gate.ruling is Ruling.WARN
    ]
    return replace(decision, verdicts=(*warnings, *decision.verdicts))


# --- proposals ----------------------------------------------------------------------------------


def _ask_gates(
    situation: Situation, deciding: Deciding, gates: dict[str, list[Verdict]]
) -> frozenset[str]:
    """Asks every entity's gates; the ids of those that may be acted on."""
    mine = {
        entity.id: gates_of(
            entity,
            _limits(entity, situation, deciding.book),
            deciding.book,
            situation,
            deciding.now,
        )
        for entity in situation.snapshot.entities()
    }
    told = with_parents(mine, situation)
    gates.update({entity_id: list(verdicts) for entity_id, verdicts in told.items()})
    return open_entities(mine, situation)


def _turns(
    situations: Sequence[Situation],
    deciding: Deciding,
    opened: Mapping[str, frozenset[str]],
    gates: dict[str, list[Verdict]],
) -> frozenset[str]:
    """The candidate campaigns whose full evaluation is now: the longest-unevaluated first."""
    waiting: list[tuple[float, str]] = []
    for situation in situations:
        may_act = opened[situation.snapshot.account.id]
        alive = campaigns_with_any_open(may_act, situation.snapshot)
        for campaign_id in situation.snapshot.campaigns:
            if campaign_id in alive:
                seen_at = situation.memory.of(campaign_id).last_evaluated_at
                waiting.append((seen_at.timestamp() if seen_at else 0.0, campaign_id))
    waiting.sort()
    most = deciding.book.limits.max_campaigns_per_tick
    late = {
        campaign_id: _waits(place, len(waiting), most)
        for place, (_, campaign_id) in enumerate(waiting[most:], start=most + 1)
    }
    for situation in situations:
        for entity in situation.snapshot.entities():
            if entity.campaign_id in late:
                gates[entity.id].append(late[entity.campaign_id])
    return frozenset(campaign_id for _, campaign_id in waiting[:most])


def _waits(place: int, waiting: int, most: int) -> Verdict:
    return stops(
        "candidate.turn",
        observed=waiting,
        limit=most,
        message=f"{waiting:,} campaigns are candidates and {most:,} are evaluated per tick, the "
        "longest-unevaluated first: its turn comes. Hard stops are looked for all the same.",
        flip=Flip(
            fact="MAX_CAMPAIGNS_PER_TICK",
            needed=place,
            words=f"with MAX_CAMPAIGNS_PER_TICK of at least {place:,} (it is {most:,}), or as "
            "soon as its turn comes",
        ),
    )


def _proposals(
    situation: Situation,
    deciding: Deciding,
    opened: frozenset[str],
    turns: frozenset[str],
    gates: dict[str, list[Verdict]],
) -> list[tuple[Situation, Action]]:
    look = Campaigns(
        situation=situation,
        now=deciding.now,
        open_ids=opened,
        pause_window=deciding.pause_windows[situation.snapshot.account.id],
    )
    actions: list[Action] = []
    alive = campaigns_with_any_open(opened, situation.snapshot)
    for campaign in situation.snapshot.campaigns.values():
        limits = _limits(campaign, situation, deciding.book)
        if campaign.id not in alive:
            continue
        wanted = want(campaign, limits, look, only_hard_stops=campaign.id not in turns)
        for entity_id, verdicts in wanted.gates.items():
            gates[entity_id].extend(verdicts)
        actions += _scales_before_reallocation(
            wanted.actions, wanted.replaced, situation, deciding
        )
    falling = {action.entity.id for action in actions if action.type is ActionType.PAUSE}
    for entity in _paused_by_us(situation, deciding, gates):
        if any(parent.id in falling for parent in situation.snapshot.parents_of(entity)):
            continue  # nothing is done below what is to be paused
        wanted = want_resume(entity, _limits(entity, situation, deciding.book), look)
        for entity_id, verdicts in wanted.gates.items():
            gates[entity_id].extend(verdicts)
        actions += wanted.actions
    return [(situation, action) for action in actions]


def _scales_before_reallocation(
    actions: list[Action], replaced: list[Action], situation: Situation, deciding: Deciding
) -> list[Action]:
    """A reallocation stands in for two scale actions, unless auto mode would execute one now."""
    if not replaced or not deciding.is_auto:
        return actions
    trial = Granting(deciding)
    if any(trial.decide(situation, scale).executes for scale in replaced):
        kept = [action for action in actions if action.type is not ActionType.REALLOCATE]
        return kept + replaced
    return actions


def _paused_by_us(
    situation: Situation, deciding: Deciding, gates: Mapping[str, list[Verdict]]
) -> Iterable[Entity]:
    """Entities that this system paused within 14 days, still paused, otherwise workable."""
    for entity_id, memory in sorted(situation.memory.entities.items()):
        paused_at = memory.paused_by_us_at
        entity = situation.snapshot.entity(entity_id)
        if entity is None or paused_at is None or entity.status != Status.PAUSED:
            continue
        if deciding.now - paused_at > RESUME_WITHIN:
            continue
        parents = situation.snapshot.parents_of(entity)
        closed = [
            gate
            for gate in (
                *filter(binding, gates[entity.id]),
                *(gate for one in parents for gate in filter(binds_below, gates[one.id])),
            )
            if gate.rule.startswith("candidate.")
        ]
        reported = {parent.effective_status for parent in parents}
        if {gate.rule for gate in closed} <= _NOT_FOR_RESUME and reported <= {Status.ACTIVE}:
            yield entity


def _priority(action: Action) -> tuple[bool, int, Decimal, str]:
    return (
        not action.is_hard_stop,
        _ORDER.index(action.type),
        -action.stake_usd,
        action.entity.id,
    )


def _limits(entity: Entity, situation: Situation, book: PolicyBook) -> Limits:
    campaign = situation.snapshot.campaigns.get(entity.campaign_id)
    name = campaign.name if campaign is not None else entity.name
    return book.limits_for(situation.snapshot.account.id, name)


# --- judging ------------------------------------------------------------------------------------


def may_run_unasked(action: Action, limits: Limits, *, is_auto: bool) -> bool:
    """The seed's `is_safe_for_auto`, but for size: that is settled by the route afterwards."""
    if action.type not in limits.auto_action_types:
        return False
    if not is_auto:
        return action.is_hard_stop and limits.hard_stop_executes_in_suggest
    if action.type is ActionType.PAUSE:
        return True
    is_sure = action.confidence is not None and action.confidence >= limits.min_auto_confidence
    return action.type in SCALES and is_sure


def _why_asked(action: Action, limits: Limits) -> Verdict:
    """Why auto mode leaves an action to a person, before any rule is asked."""
    if action.type not in AUTOMATIC:
        told = f"A {action.type} is never made without a person."
        return _asks("auto.action_types", action.type.value, _listed(AUTOMATIC), told)
    if action.type not in limits.auto_action_types:
        known = _listed(limits.auto_action_types)
        told = f"AUTO_ACTION_TYPES leaves out {action.type}: a person decides."
        allowed = Flip(
            fact="AUTO_ACTION_TYPES",
            needed=action.type.value,
            words=f"with {action.type} among AUTO_ACTION_TYPES",
        )
        return _asks("auto.action_types", action.type.value, known, told, allowed)
    needed, sure = limits.min_auto_confidence, action.confidence
    shown = "unknown" if sure is None else percent(sure.quantize(SMALLEST_CHANGE, ROUND_FLOOR))
    surer = Flip(
        fact="confidence",
        needed=needed,
        words=f"once that is {percent(needed)} sure (now {shown})",
    )
    told = f"The confidence is {shown}; to act without a person takes {percent(needed)}."
    return _asks("auto.confidence", sure, needed, told, surer)


def _asks(
    rule: str, observed: Measure, limit: Measure, message: str, flip: Flip | None = None
) -> Verdict:
    verdict = stops(rule, observed=observed, limit=limit, message=message, flip=flip)
    return replace(verdict, ruling=Ruling.WARN, effect=Effect.DEMOTES)


def _listed(types: Iterable[ActionType]) -> str:
    return ",".join(sorted(kind.value for kind in types))


@dataclass(frozen=True, slots=True)
class Judged:
    """An action at the size at which both engines were asked last, and all that they said."""

    action: Action
    policy: tuple[Verdict, ...]
    safety: tuple[Verdict, ...]
    clamped: tuple[Verdict, ...] = ()  # what refused the wanted size, before the retry

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return (*self.clamped, *self.policy, *self.safety)

    @property
    def blocking(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.BLOCKS)

    @property
    def deferring(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.DEFERS)

    @property
    def demoting(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.DEMOTES)

    @property
    def outcome_if_stopped(self) -> Outcome | None:
        if any(verdict.effect is Effect.BLOCKS for verdict in self.policy):
            return Outcome.POLICY_BLOCKED
        if self.blocking:
            return Outcome.SAFETY_BLOCKED
        return Outcome.DEFERRED if self.deferring else None


def judge_action(action: Action, case: Case) -> Judged:
    """Both engines on one action; too large for a rule that leaves room, once more at the largest
    size with which all such rules agree. What refuses it then refuses more than its size."""
    first = _judge(action, case)
    fitting = [
        (verdict, smaller)
        for verdict in first.blocking
        if verdict.allowed is not None
        and (smaller := _resized(action, verdict.allowed)) is not None
    ]
    if not fitting:
        return first
    clamped = tuple(
        replace(verdict, ruling=Ruling.CLAMP, effect=Effect.NONE) for verdict, _ in fitting
    )
    smallest = min((smaller for _, smaller in fitting), key=_step)
    return replace(_judge(smallest, case), clamped=clamped)


def _judge(action: Action, case: Case) -> Judged:
    return Judged(action, judge(POLICY_RULES, action, case), judge(SAFETY_RULES, action, case))


def _step(action: Action) -> int:
    leg = action.legs[0]
    return abs(leg.proposed.minor - leg.current.minor)


def _resized(action: Action, allowed: Money) -> Action | None:
    """The action at that daily budget (a reallocation: that amount); None below one percent."""
    leg = action.legs[0]
    if leg.current.minor <= 0:
        return None
    if action.type is ActionType.REALLOCATE:
        small = allowed.minor <= 0 or allowed / leg.current < SMALLEST_CHANGE
        return None if small else action.moving(allowed)
    away = allowed - leg.current if leg.is_increase else leg.current - allowed
    return None if away / leg.current < SMALLEST_CHANGE else action.with_budget(allowed)


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
        limits = _limits(action.entity, situation, self.deciding.book)
        auto = may_run_unasked(action, limits, is_auto=self.deciding.is_auto)
        route = Route.AUTO if auto else Route.PERSON
        judged = judge_action(action, self._case(situation, action, limits, route))
        demoted: tuple[Verdict, ...] = ()
        if self.deciding.is_auto and not auto:
            demoted = (_why_asked(action, limits),)
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
        doubt = _in_doubt(action, situation)
        if doubt is not None:
            return replace(
                decision,
                outcome=Outcome.DEFERRED,
                verdicts=(*decision.verdicts, doubt),
                reason=doubt.sentence,
                is_urgent=False,
            )
        held = held_out(action, limits, self.deciding.now)
        if held is not None:
            return replace(
                decision,
                outcome=Outcome.DEFERRED,
                verdicts=(*decision.verdicts, held),
                reason=held.sentence,
                is_urgent=False,
            )
        pending = situation.memory.of(action.entity.id).pending
        if route is Route.PERSON and pending is not None and _is_same(action, pending):
            self._grant(situation, _as_offered(action, pending), decision)
            return replace(decision, outcome=Outcome.UNCHANGED, unchanged_id=pending.action_id)
        most = self.deciding.book.limits.max_actions_per_tick
        self.wanted_actions += 1
        if self.spent_actions >= most:
            late = replace(
                stops(
                    "limits.actions_per_tick",
                    observed=self.spent_actions,
                    limit=most,
                    message=f"MAX_ACTIONS_PER_TICK ({most:,}) is used up: it waits for the next "
                    "tick.",
                    flip=Flip(
                        fact="MAX_ACTIONS_PER_TICK",
                        needed=self.wanted_actions,
                        words=f"with MAX_ACTIONS_PER_TICK of at least {self.wanted_actions:,} (it "
                        f"is {most:,}), or in a later tick",
                    ),
                ),
                effect=Effect.DEFERS,
                sentence="MAX_ACTIONS_PER_TICK is reached; it waits for the next tick.",
            )
            return replace(
                decision,
                outcome=Outcome.DEFERRED,
                verdicts=(*decision.verdicts, late),
                reason=late.sentence,
                is_urgent=False,
            )
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


def _in_doubt(action: Action, situation: Situation) -> Verdict | None:
    """While the outcome of an earlier write is open, its entity gets no other."""
    for entity_id in action.entity_ids:
        since = situation.memory.of(entity_id).in_doubt_since
        if since is not None:
            return replace(
                stops(
                    "limits.in_doubt",
                    observed=since.isoformat(timespec="seconds"),
                    limit=None,
                    message=f"A change of the {_known(entity_id, situation)} was sent at "
                    f"{since:%Y-%m-%d %H:%M} UTC, and it is not known yet whether it took effect: "
                    "nothing else is sent to it.",
                    flip=Flip(
                        fact="in_doubt",
                        needed=False,
                        words="once that change is settled, by a later tick or by `meta-auto "
                        "actions resolve`",
                    ),
                ),
                effect=Effect.DEFERS,
                sentence="An earlier change is in doubt; it waits until that is settled.",
            )
    return None


def _known(entity_id: str, situation: Situation) -> str:
    entity = situation.snapshot.entity(entity_id)
    return entity_id if entity is None else named(entity)


def held_out(action: Action, limits: Limits, now: datetime) -> Verdict | None:
    """Stops what is fit to be done, where the campaign is left alone to measure the rest by."""
    campaign_id = action.entity.campaign_id
    until = None if action.is_hard_stop else held_until(campaign_id, limits.holdout_pct, now)
    if until is None:
        return None
    return replace(
        stops(
            "limits.holdout",
            observed=campaign_id,
            limit=limits.holdout_pct,
            message=f"Campaign {campaign_id} is held out until {until:%Y-%m-%d %H:%M} UTC: "
            f"{limits.holdout_pct:.0%} of the campaigns are left alone, to measure what the "
            "program is worth. Hard stops are not held back.",
            eligible_at=until,
        ),
        effect=Effect.DEFERS,
        sentence="Its campaign is held out, to measure what the program is worth.",
    )


def amount_usd(action: Action, situation: Situation) -> Decimal | None:
    """New less old budgets per day in USD, signed: a pause takes away those that it stops, a
    resume brings those that begin to count. None where no budget is touched, or none is known."""
    if action.legs:
        return _sum([situation.usd(leg.proposed - leg.current) for leg in action.legs])
    if action.type is ActionType.RESUME:
        try:
            extra = extra_usd(action, situation, situation.snapshot.observed_at)
        except ValueError:  # a budget or a rate is unknown: then it is blocked, too
            return None
        return sum(extra.values(), Decimal(0))
    stopped = _sum([situation.usd(budget) for budget in _stopped_budgets(action, situation)])
    return None if stopped is None else -stopped


def _stopped_budgets(action: Action, situation: Situation) -> Iterable[Money]:
    """The budgets per day that nobody spends any more once the entity is paused."""
    holders: tuple[Entity, ...] = (action.entity,)
    if isinstance(action.entity, Campaign) and action.entity.budget is None:
        adsets = situation.snapshot.adsets_of(action.entity.id)
        holders = tuple(adset for adset in adsets if adset.is_active)
    for holder in holders:
        budget = holder.budget
        daily = None if budget is None else budget.daily(situation.snapshot.observed_at)
        if daily is not None:
            yield daily


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _automatic_pause(entity: Entity, at: datetime) -> AutomaticPause:
    adset_id = entity.parent_id if isinstance(entity, Ad) else None
    if adset_id is None and not isinstance(entity, Campaign):
        adset_id = entity.id
    return AutomaticPause(
        entity_id=entity.id, campaign_id=entity.campaign_id, adset_id=adset_id, at=at
    )
