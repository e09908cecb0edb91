"""Who may get an action at all, asked before anything is computed (contract section 4, step 2).

Each gate is a verdict, so that `explain` can say of every entity of an account why it was, or was
not, looked at. A gate about one entity never speaks of its parents: `open_entities` and
`with_parents` do.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.rules import waiting
from meta_autonomous.domain.entities import (
    LEGACY_ADVANTAGE,
    PURCHASE_EVENTS,
    PURCHASE_GOALS,
    SALES_OBJECTIVES,
    AccountSnapshot,
    Ad,
    AdSet,
    Campaign,
    Entity,
    Status,
)
from meta_autonomous.domain.verdict import Effect, Flip, Measure, Ruling, Verdict

Gates = Mapping[str, tuple[Verdict, ...]]

#: The one gate that binds nothing below: an ad set may be in scope where its campaign is not.
SCOPE: Final = "candidate.scope"
IN_SCOPE: Final = Flip(
    fact="[scope]", needed=True, words="once [scope] in the configuration covers it"
)


def passes(rule: str, *, observed: Measure, limit: Measure, message: str) -> Verdict:
    return Verdict(
        rule=rule,
        ruling=Ruling.PASS,
        effect=Effect.NONE,
        observed=observed,
        limit=limit,
        message=message,
    )


def stops(
    rule: str,
    *,
    observed: Measure,
    limit: Measure,
    message: str,
    eligible_at: datetime | None = None,
    flip: Flip | None = None,
) -> Verdict:
    return Verdict(
        rule=rule,
        ruling=Ruling.BLOCK,
        effect=Effect.BLOCKS,
        observed=observed,
        limit=limit,
        message=message,
        eligible_at=eligible_at,
        flip=flip,
    )


def binding(gate: Verdict) -> bool:
    return gate.effect in (Effect.BLOCKS, Effect.DEFERS)


def binds_below(gate: Verdict) -> bool:
    """Whether a parent's gate keeps its children from being acted on, too."""
    return binding(gate) and gate.rule != SCOPE


def gates_of(
    entity: Entity, limits: Limits, book: PolicyBook, situation: Situation, now: datetime
) -> tuple[Verdict, ...]:
    """Every gate of one entity, in the order they are told to a person."""
    campaign = situation.snapshot.campaigns.get(entity.campaign_id)
    return (
        _account(situation),
        _purchases(situation),
        _scope(entity, situation, book),
        _status(entity),
        _age(entity, limits, now),
        _measured(entity, campaign, situation),
        _readable(entity, situation),
        _editable(entity, campaign, now),
    )


def open_entities(gates: Gates, situation: Situation) -> frozenset[str]:
    """Ids of the entities whose own gates, and those of all parents, let them be acted on."""
    closed = {
        entity_id for entity_id, verdicts in gates.items() if any(binding(v) for v in verdicts)
    }
    closing = {entity_id for entity_id in closed if any(map(binds_below, gates[entity_id]))}
    return frozenset(
        entity.id
        for entity in situation.snapshot.entities()
        if entity.id not in closed
        and all(parent.id not in closing for parent in situation.snapshot.parents_of(entity))
    )


def campaigns_with_any_open(opened: frozenset[str], snapshot: AccountSnapshot) -> frozenset[str]:
    """The campaigns in which anything may be acted on, themselves or something below them."""
    return frozenset(entity.campaign_id for entity in snapshot.entities() if entity.id in opened)


def with_parents(gates: Gates, situation: Situation) -> Gates:
    """The same gates, and for what a parent alone closes the word that says so."""
    told = dict(gates)
    for entity in situation.snapshot.entities():
        if any(map(binding, gates[entity.id])):
            continue
        for parent in situation.snapshot.parents_of(entity):
            closed = next((gate for gate in gates[parent.id] if binds_below(gate)), None)
            if closed is not None:
                told[entity.id] = (*gates[entity.id], _under(parent, closed))
                break
    return told


def _under(parent: Entity, closed: Verdict) -> Verdict:
    level = "ad set" if parent.level == "adset" else str(parent.level)
    flip = closed.flip
    return stops(
        "candidate.parent",
        observed=parent.id,
        limit=closed.rule,
        message=f"Its {level} {parent.name!r} is left alone: {closed.message}",
        eligible_at=closed.eligible_at,
        flip=flip and replace(flip, words=f"as soon as its {level} is: {flip.words}"),
    )


def _account(situation: Situation) -> Verdict:
    account = situation.snapshot.account
    rule, needed = "candidate.account", "1, 8 or 9"
    told = f"Ad account {account.id} has status {account.status}"
    if account.can_deliver:
        return passes(rule, observed=account.status, limit=needed, message=f"{told}: ads can run.")
    return stops(
        rule,
        observed=account.status,
        limit=needed,
        message=f"{told}: its ads can't run, so nothing is done.",
        flip=Flip(
            fact="account_status",
            needed=needed,
            words=f"once the ad account can run ads again (status {needed}; it is "
            f"{account.status})",
        ),
    )


def _purchases(situation: Situation) -> Verdict:
    count = situation.purchases_28d
    told = f"{count:,} purchases in the account within 28 days."
    if count > 0:
        return passes("candidate.purchases", observed=count, limit=1, message=told)
    return stops(
        "candidate.purchases",
        observed=count,
        limit=1,
        message=f"{told} Without any, ROAS means nothing: check the pixel first.",
        flip=Flip(
            fact="purchases_28d",
            needed=1,
            words="with the first purchase in the account (there was none in 28 days)",
        ),
    )


def in_scope(entity: Entity, snapshot: AccountSnapshot, book: PolicyBook) -> bool:
    name = snapshot.campaign_name_of(entity)
    above = (parent.id for parent in snapshot.parents_of(entity))
    return book.scope.covers(name, entity.id, entity.campaign_id, *above)


def _scope(entity: Entity, situation: Situation, book: PolicyBook) -> Verdict:
    if in_scope(entity, situation.snapshot, book):
        return passes(SCOPE, observed=True, limit=True, message="Inside the configured scope.")
    return stops(
        SCOPE,
        observed=False,
        limit=True,
        message="Outside the configured scope: this system leaves it alone.",
        flip=IN_SCOPE,
    )


def _status(entity: Entity) -> Verdict:
    if entity.is_active:
        return passes(
            "candidate.status",
            observed=entity.effective_status,
            limit=Status.ACTIVE.value,
            message=f"Meta reports it {entity.effective_status}.",
        )
    return stops(
        "candidate.status",
        observed=entity.effective_status,
        limit=Status.ACTIVE.value,
        message=f"Meta reports it {entity.effective_status}: only what can deliver is worked on.",
        flip=Flip(
            fact="effective_status",
            needed=Status.ACTIVE.value,
            words=f"once Meta reports it ACTIVE (it is {entity.effective_status})",
        ),
    )


def _age(entity: Entity, limits: Limits, now: datetime) -> Verdict:
    rule = "candidate.age"
    created_at = entity.created_at
    if created_at is None:
        return stops(
            rule,
            observed=None,
            limit=limits.min_age_hours,
            message="Meta told no creation time, so it counts as too young.",
            flip=Flip(
                fact="created_time", needed=None, words="once Meta tells when it was created"
            ),
        )
    hours = Decimal(int((now - created_at).total_seconds())) / 3600
    ready_at = created_at + timedelta(hours=float(limits.min_age_hours))
    if now < ready_at:
        grown = f"{limits.min_age_hours.normalize():f} h"
        told = f"Created {hours:.0f} h ago" if created_at <= now else "Created in the future"
        return stops(
            rule,
            observed=hours.quantize(Decimal("0.1")),
            limit=limits.min_age_hours,
            message=f"{told}; for its first {grown} it is left to itself, until "
            f"{ready_at:%Y-%m-%d %H:%M} UTC.",
            eligible_at=ready_at,
            flip=waiting(ready_at, f"it is {grown} old"),
        )
    return passes(
        rule,
        observed=hours.quantize(Decimal("0.1")),
        limit=limits.min_age_hours,
        message=f"Created {hours / 24:.0f} days ago.",
    )


def _measured(entity: Entity, campaign: Campaign | None, situation: Situation) -> Verdict:
    """Measured by purchases: otherwise it has no ROAS and must never be paused for one."""
    reason = _why_unmeasured(entity, campaign, situation)
    objective = campaign.objective if campaign is not None else None
    if reason is not None:
        return stops(
            "candidate.measured",
            observed=objective,
            limit="purchases",
            message=reason,
            flip=Flip(
                fact="measured by",
                needed="purchases",
                words="with a sales objective and ad sets that optimise for purchases or their "
                "value",
            ),
        )
    return passes(
        "candidate.measured",
        observed=objective,
        limit="purchases",
        message="Measured by purchases.",
    )


def _why_unmeasured(entity: Entity, campaign: Campaign | None, situation: Situation) -> str | None:
    if campaign is None:
        return "Its campaign is not in the read."
    if campaign.objective not in SALES_OBJECTIVES:
        return f"Its campaign's objective is {campaign.objective}, not sales: it has no ROAS."
    snapshot = situation.snapshot
    match entity:
        case AdSet():
            adsets: tuple[AdSet, ...] = (entity,)
        case Ad():
            adsets = tuple(a for a in (snapshot.adsets.get(entity.of_adset),) if a is not None)
        case _:
            adsets = tuple(a for a in snapshot.adsets_of(campaign.id) if _counts(a, situation))
    other = next((adset for adset in adsets if not _buys_purchases(adset)), None)
    if not adsets:
        return "It has no active ad set that optimises for purchases."
    if other is not None:
        goal = other.purchase_event or other.optimization_goal
        return f"Ad set {other.id} optimises for {goal}, not for purchases or their value."
    return None


def _counts(adset: AdSet, situation: Situation) -> bool:
    """Set to run, or paused by us: what we paused must stay known, or it could not be resumed."""
    paused_by_us = situation.memory.of(adset.id).paused_by_us_at is not None
    return adset.status == Status.ACTIVE or paused_by_us


def _buys_purchases(adset: AdSet) -> bool:
    return adset.optimization_goal in PURCHASE_GOALS and (
        adset.purchase_event is None or adset.purchase_event in PURCHASE_EVENTS
    )


def _readable(entity: Entity, situation: Situation) -> Verdict:
    """Without all of its purchases an entity's ROAS is too low, whatever it is."""
    oddity = situation.snapshot.skipped.get(entity.id)
    if oddity is None:
        told = "What Meta said of it could be read."
        return passes("candidate.readable", observed=True, limit=True, message=told)
    return unreadable(oddity)


def unreadable(oddity: str) -> Verdict:
    """Why nothing is done to an entity of which this was odd."""
    return stops(
        "candidate.readable",
        observed=False,
        limit=True,
        message=f"It was skipped: what Meta said of it could not all be read: {oddity}.",
        flip=Flip(fact="readable", needed=True, words="once Meta's answer of it can be read"),
    )


def _editable(entity: Entity, campaign: Campaign | None, now: datetime) -> Verdict:
    """What the API can't change, or what a schedule changes by itself, is read only."""
    reason = _why_read_only(entity, campaign, now)
    if reason is None:
        return passes(
            "candidate.editable", observed=True, limit=True, message="It may be changed."
        )
    return stops(
        "candidate.editable",
        observed=False,
        limit=True,
        message=reason,
        flip=_editable_again(entity, campaign),
    )


def _editable_again(entity: Entity, campaign: Campaign | None) -> Flip | None:
    """What a person could change; nothing helps a legacy campaign, or what is archived."""
    is_legacy = campaign is not None and campaign.smart_promotion_type in LEGACY_ADVANTAGE
    if is_legacy or entity.status in (Status.ARCHIVED, Status.DELETED):
        return None
    if isinstance(entity, Campaign | AdSet) and entity.has_budget_schedule:
        return Flip(fact="budget_schedule", needed=False, words="without its budget schedule")
    return Flip(fact="end_time", needed=None, words="with an end that still lies ahead")


def _why_read_only(entity: Entity, campaign: Campaign | None, now: datetime) -> str | None:
    if campaign is not None and campaign.smart_promotion_type in LEGACY_ADVANTAGE:
        return (
            f"A legacy Advantage+ campaign ({campaign.smart_promotion_type}): Meta's API no "
            "longer changes it."
        )
    if entity.status in (Status.ARCHIVED, Status.DELETED):
        return f"It is {entity.status.lower()}."
    match entity:
        case Campaign(stops_at=ends_at) | AdSet(ends_at=ends_at):
            if ends_at is not None and ends_at <= now:
                return f"It ended at {ends_at:%Y-%m-%d %H:%M} UTC."
            if entity.has_budget_schedule:
                return "Its budget follows a schedule in Ads Manager."
        case _:
            pass
    return None
