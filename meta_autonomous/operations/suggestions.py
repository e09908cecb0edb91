"""What a person does with a suggestion: approve it, which executes it, or reject it.

An approval reads the account afresh, asks both engines again, and goes through the same execution
as an automatic action. The fresh read must find every entity as the decision found it; if it does
not, the suggestion is superseded, never adjusted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from meta_autonomous.decision.context import Situation, Totals
from meta_autonomous.decision.geo import Geography, geography_after
from meta_autonomous.decision.judgement import judge_action
from meta_autonomous.decision.money_at_commit import money_at_commit
from meta_autonomous.decision.safety_spend import extra_usd
from meta_autonomous.domain.action import (
    Action,
    ActionStatus,
    Outcome,
    Route,
)
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.quantities import Money
from meta_autonomous.operations.by_person import (
    Handled,
    alone_with,
    by_account,
    exit_code_after,
    find,
    in_order,
    only_managers,
    unreadable,
    why_refused,
)
from meta_autonomous.operations.execute import execute
from meta_autonomous.operations.hard_stop_alerts import follow_hard_stops
from meta_autonomous.operations.judging import case_of, read_afresh, totals_with
from meta_autonomous.operations.record import record_account
from meta_autonomous.operations.shapes import verdict_shape
from meta_autonomous.operations.staleness import renewed
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.records import ActionRecord


async def approve(
    world: World, ids: Sequence[int], *, budget: Decimal | None = None
) -> list[Handled]:
    """Approve and execute suggestions, in the order given; each account is read once.

    `budget` (account's major units per day) asks for a smaller change than proposed.
    Raises Busy when the account's lock does not come free within 30 s; of several accounts the
    others are told of all the same.
    """
    only_managers(world.actor, "approve suggestions")
    found, handled = _pending(world, ids)

    async def deed(account_id: str, records: Sequence[ActionRecord]) -> list[Handled]:
        return await _approve_in_account(world, account_id, records, budget)

    return in_order(await by_account(found, deed, handled=handled), ids)


def reject(world: World, ids: Sequence[int], *, reason: str, at: datetime) -> list[Handled]:
    """Close suggestions. Not proposed again for 24 h; for 7 days not executed automatically."""
    only_managers(world.actor, "reject suggestions")
    found, handled = _pending(world, ids)
    for record in found:
        done = world.store.move(
            record.id,
            expected=[ActionStatus.SUGGESTED],
            to=ActionStatus.REJECTED,
            at=at,
            who=world.actor.name,
            event="optimization_rejected",
            message=reason,
        )
        if done:
            text = "Rejected: not proposed again for 24 hours, not automatic for 7 days."
            handled.append(Handled(id=record.id, status="rejected", message=text))
        else:
            handled.append(_not_pending(world.store.action(record.id)))
    follow_hard_stops(world.store, at=at, who=world.actor.name)
    return handled


def _pending(world: World, ids: Iterable[int]) -> tuple[list[ActionRecord], list[Handled]]:
    """The pending suggestions among the ids, and a refusal for each of the others."""
    found, refused = find(
        world.store, ids, what="suggestion", command="meta-auto suggestions list"
    )
    pending = [record for record in found if record.status is ActionStatus.SUGGESTED]
    return pending, refused + [_not_pending(record) for record in found if record not in pending]


def _not_pending(record: ActionRecord) -> Handled:
    when = record.executed_at or record.decided_at
    by = f" by {record.decided_by}" if record.decided_by else ""
    at = f" at {when:%Y-%m-%d %H:%M} UTC" if when else ""
    text = f"Already {record.status}{by}{at}: nothing was done."
    return Handled(
        id=record.id, status=record.status.value, message=text, exit_code=ExitCode.REFUSED
    )


# --- one account --------------------------------------------------------------------------------


async def _approve_in_account(
    world: World, account_id: str, records: Sequence[ActionRecord], budget: Decimal | None
) -> list[Handled]:
    with alone_with(world.store, account_id):
        # Whoever waited for the lock may find it done: that needs no reading.
        pending, handled = _pending(world, [record.id for record in records])
        if not pending:
            return handled
        try:
            now, seen = await read_afresh(world, account_id)
        except PlatformError as problem:
            return handled + [unreadable(record, problem) for record in pending]
        record_account(world, seen, tick_id="")
        granted = _Granted(await totals_with(world, seen.situation, now))
        for record in pending:
            handled.append(
                await _approve_one(world, record, seen.situation, granted, now=now, budget=budget)
            )
        follow_hard_stops(world.store, at=now, who=world.actor.name)
        return handled


@dataclass(slots=True)
class _Granted:
    """What this run has approved so far: it counts in every total of what comes after."""

    totals: Totals
    increases: tuple[Action, ...] = ()
    done: tuple[Action, ...] = ()  # cuts and pauses too

    def add(self, action: Action, extra: Mapping[str, Decimal]) -> None:
        self.totals = self.totals.granting(extra)
        self.done = (*self.done, action)
        if action.raises_spend:
            self.increases = (*self.increases, action)

    def geography_ahead(self, situation: Situation, now: datetime) -> Geography | None:
        if all(action.raises_spend for action in self.done):
            return None
        return geography_after(situation.snapshot, self.done, now)


async def _approve_one(
    world: World,
    record: ActionRecord,
    situation: Situation,
    granted: _Granted,
    *,
    now: datetime,
    budget: Decimal | None,
) -> Handled:
    """One suggestion, judged again on what was just read."""
    if record.expires_at is not None and record.expires_at <= now:
        _close(world, record, ActionStatus.EXPIRED, "optimization_expired", at=now)
        return _refused(record, "expired", "It has expired; the next tick looks afresh.")
    action, stale = renewed(world.book, record, situation.snapshot, now)
    if action is None:
        _close(
            world,
            record,
            ActionStatus.SUPERSEDED,
            "optimization_superseded",
            at=now,
            message=stale,
        )
        return _refused(record, "superseded", f"Nothing was done: {stale}")
    if budget is not None:
        smaller = _with_budget(action, budget)
        if isinstance(smaller, str):
            return _refused(record, "suggested", smaller)
        action = smaller
    case = case_of(world, situation, granted.totals, action, route=Route.PERSON, now=now)
    ahead = granted.geography_ahead(situation, now)
    case = replace(case, granted_geo=granted.increases, geography_ahead=ahead)
    judged = judge_action(action, case)
    if judged.outcome_if_stopped is not None or judged.clamped:
        return _refused(record, "suggested", why_refused(judged))
    approved = world.store.move(
        record.id,
        expected=[ActionStatus.SUGGESTED],
        to=ActionStatus.APPROVED,
        at=now,
        who=world.actor.name,
        event="optimization_approved",
        message=_approval_note(action, budget),
        after={"verdicts": [verdict_shape(verdict) for verdict in judged.verdicts]},
    )
    if not approved:
        return _not_pending(world.store.action(record.id))
    extra = extra_usd(action, situation, now)
    done = await execute(
        world,
        record.id,
        action,
        who=world.actor.name,
        money=money_at_commit(action, case),
    )
    if done.outcome in (Outcome.EXECUTED, Outcome.IN_DOUBT):
        granted.add(action, extra)
    return Handled(
        id=record.id,
        status=done.status.value,
        message=f"{done.message}{_although_stopped(world)}",
        exit_code=exit_code_after(done),
    )


def _although_stopped(world: World) -> str:
    if world.system.is_enabled and world.store.runtime().is_started:
        return ""
    return " The system is stopped; what a person approves is done all the same."


def _with_budget(action: Action, budget: Decimal) -> Action | str:
    """The same change, but smaller; or why that amount is none."""
    if len(action.legs) != 1:
        return "--budget goes with a raise or a cut of one budget only."
    leg = action.legs[0]
    wished = Money.of_major(budget, leg.current.currency)
    if wished.major != budget:
        return f"{budget} is finer than the smallest unit of {leg.current.currency}."
    low, high = sorted((leg.current, leg.proposed), key=lambda money: money.minor)
    if not low <= wished <= high or wished == leg.current:
        return (
            f"--budget must lie between the present {leg.current} and the proposed "
            f"{leg.proposed}; {wished} does not."
        )
    return action.with_budget(wished)


def _approval_note(action: Action, budget: Decimal | None) -> str:
    return "" if budget is None else f"approved for {action.proposed_budget} instead"


def _refused(record: ActionRecord, status: str, message: str) -> Handled:
    return Handled(id=record.id, status=status, message=message, exit_code=ExitCode.REFUSED)


def _close(
    world: World,
    record: ActionRecord,
    to: ActionStatus,
    event: str,
    *,
    at: datetime,
    message: str = "",
) -> None:
    world.store.move(
        record.id,
        expected=[ActionStatus.SUGGESTED],
        to=to,
        at=at,
        who=world.actor.name,
        event=event,
        message=message,
    )
