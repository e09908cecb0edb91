"""The store's execution half in memory, with the semantics that its Protocol's docstrings give."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.domain.action import STATUS_TRANSITIONS, Action, ActionStatus, Route
from meta_autonomous.domain.intent import (
    OPEN_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    Change,
    next_state,
)
from meta_autonomous.ports.errors import NotFound, RefusedByGuard, StoreUnavailable
from meta_autonomous.ports.records import AccountRecord, ActionRecord, AlertRecord, LedgerEvent
from meta_autonomous.ports.words import WORKER, Json
from tests.fakes.killing import Step, no_steps

_UNFINISHED = (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.IN_DOUBT)
_NO_EFFECT = {
    AttemptState.NOT_SENT,
    AttemptState.REFUSED,
    AttemptState.NOT_APPLIED,
    AttemptState.RESOLVED_NOT_APPLIED,
}


class FakeStore:
    def __init__(self, *, step: Step = no_steps) -> None:
        self.step = step
        self.is_started = True
        self.breaks_at: set[str] = set()  # methods that find the disk full
        self.on_record_usd = Decimal(0)  # the projected day by the latest reads
        self.records: dict[int, ActionRecord] = {}
        self.attempts: dict[int, Attempt] = {}
        self.details: dict[int, list[str]] = {}
        self.blocked_until: dict[int, datetime | None] = {}
        self.accounts: dict[str, AccountRecord] = {}
        self.alerts: dict[str, AlertRecord] = {}
        self.events: list[LedgerEvent] = []
        self._actions: dict[int, Action] = {}

    # what the test does to it

    def add(
        self,
        action: Action,
        *,
        at: datetime,
        status: ActionStatus = ActionStatus.APPROVED,
        decided_by: str | None = WORKER,
        route: str = Route.AUTO,
        tick_id: str | None = "t1",
        amount_usd: Decimal | None = None,
        expires_at: datetime | None = None,
        undoes: int | None = None,
    ) -> int:
        action_id = len(self.records) + 1
        entity, current, proposed = action.entity, action.current_budget, action.proposed_budget
        self._actions[action_id] = action
        self.records[action_id] = ActionRecord(
            id=action_id,
            status=status,
            type=action.type,
            level=entity.level,
            entity_id=entity.id,
            entity_name=entity.name,
            campaign_id=entity.campaign_id,
            ad_id=None,
            account_id=entity.account_id,
            currency="USD",
            current_budget=current.plain() if current else None,
            proposed_budget=proposed.plain() if proposed else None,
            change_pct=action.change_pct,
            amount_usd=amount_usd,
            roas=None,
            expected_roas=None,
            confidence=None,
            reason=action.reason,
            is_urgent=False,
            is_hard_stop=False,
            route=route,
            legs=tuple({"entity_id": leg.entity.id} for leg in action.legs),
            verdicts=(),
            evidence={},
            created_at=at,
            last_seen_at=at,
            expires_at=expires_at,
            decided_at=at,
            decided_by=decided_by,
            executed_at=None,
            tick_id=tick_id,
            undoes=undoes,
        )
        return action_id

    def status(self, action_id: int) -> ActionStatus:
        return self.records[action_id].status

    def states(self, action_id: int) -> list[AttemptState]:
        return [attempt.state for attempt in self.attempts_of(action_id)]

    def told(self) -> list[str]:
        return [event.event for event in self.events]

    # the port

    def latest_time(self) -> datetime | None:
        return max((event.at for event in self.events), default=None)

    def account(self, account_id: str) -> AccountRecord:
        return self.accounts.get(account_id, AccountRecord(account_id=account_id))

    def save_account(self, record: AccountRecord) -> None:
        self._begin("save_account")
        self.accounts[record.account_id] = record

    def action(self, action_id: int) -> ActionRecord:
        if action_id not in self.records:
            raise NotFound(f"there is no action {action_id}")
        return self.records[action_id]

    def unfinished_actions(self, account_id: str | None = None) -> tuple[ActionRecord, ...]:
        return tuple(
            record
            for record in self.records.values()
            if record.status in _UNFINISHED and account_id in (None, record.account_id)
        )

    def move(
        self,
        action_id: int,
        *,
        expected: Sequence[ActionStatus],
        to: ActionStatus,
        at: datetime,
        who: str,
        event: str | None,
        message: str = "",
        before: Json | None = None,
        after: Json | None = None,
    ) -> bool:
        self._begin("move")
        legal = [status for status in expected if to in STATUS_TRANSITIONS[status]]
        if not legal:
            raise ValueError(f"no action goes from {expected} to {to}")
        record = self.records[action_id]
        if record.status not in legal:
            return False
        executed_at = at if to is ActionStatus.EXECUTED else record.executed_at
        self.records[action_id] = replace(
            record, status=to, message=message, executed_at=executed_at
        )
        if event is not None:
            self.events.append(
                LedgerEvent(
                    event=event,
                    who=who,
                    at=at,
                    entity_id=record.entity_id,
                    action_id=action_id,
                    why=message,
                    before=before,
                    after=after,
                )
            )
        self.step("moved")
        return True

    def commit_intent(
        self,
        action_id: int,
        change: Change,
        *,
        at: datetime,
        who: str,
        money: MoneyAtCommit = NO_MONEY,
    ) -> Attempt:
        self._begin("commit_intent")
        record = self.records[action_id]
        mine = self.attempts_of(action_id)
        if record.status is not ActionStatus.APPROVED and not (
            record.status is ActionStatus.EXECUTING and mine
        ):
            raise RefusedByGuard(f"action {action_id} is {record.status}")
        if record.expires_at is not None and record.expires_at <= at:
            raise RefusedByGuard(f"action {action_id} has expired")
        if not self.is_started and who == WORKER:
            raise RefusedByGuard("the system was stopped")
        if any(one.change.entity_id == change.entity_id for one in self.open_attempts()):
            raise RefusedByGuard(f"{change.entity_id} has a change in doubt")
        if any(
            one.change.entity_id == change.entity_id and one.state not in _NO_EFFECT
            for one in mine
        ):
            raise RefusedByGuard(f"action {action_id} was sent already")
        over = money.why_over(
            elsewhere_usd=self._reserved(action_id), on_record_usd=self.on_record_usd
        )
        if over is not None:
            raise RefusedByGuard(over)
        self.records[action_id] = replace(record, status=ActionStatus.EXECUTING)
        attempt = Attempt(
            id=len(self.attempts) + 1,
            action_id=action_id,
            change=change,
            state=AttemptState.DISPATCHING,
            intended_at=at,
            effect_at=at,
        )
        self.attempts[attempt.id] = attempt
        self.details[attempt.id] = []
        self.step("intent committed")
        return attempt

    def record_event(
        self,
        attempt: Attempt,
        event: AttemptEvent,
        *,
        at: datetime,
        detail: str,
        blocked_until: datetime | None = None,
    ) -> Attempt:
        self._begin("record_event")
        known = self.attempts[attempt.id]
        if known.state is not attempt.state:
            raise RefusedByGuard(f"attempt {attempt.id} was settled by another process")
        effect_at = known.effect_at
        if event in (AttemptEvent.ANSWERED_YES, AttemptEvent.NO_CLEAR_ANSWER):
            effect_at = max(effect_at, at)
        moved = replace(
            known,
            state=next_state(known.state, event),
            effect_at=effect_at,
            unsettled_reads=known.unsettled_reads + (event is AttemptEvent.UNREADABLE),
        )
        self.attempts[attempt.id] = moved
        self.details[attempt.id].append(detail)
        self.blocked_until[attempt.id] = blocked_until
        self.step(f"{event} committed")
        return moved

    def attempts_of(self, action_id: int) -> tuple[Attempt, ...]:
        return tuple(one for one in self.attempts.values() if one.action_id == action_id)

    def open_attempts(self, account_id: str | None = None) -> tuple[Attempt, ...]:
        return tuple(
            one
            for one in self.attempts.values()
            if one.state in OPEN_STATES and account_id in (None, one.change.account_id)
        )

    def supersede_others(self, entity_ids: Sequence[str], *, keep: int, at: datetime) -> None:
        self._begin("supersede_others")
        for other, action in self._actions.items():
            if other != keep and set(action.entity_ids) & set(entity_ids):
                record = self.records[other]
                if record.status is ActionStatus.SUGGESTED:
                    self.records[other] = replace(record, status=ActionStatus.SUPERSEDED)
        self.step("others superseded")

    def raise_alert(self, alert: AlertRecord, *, who: str) -> bool:
        self._begin("raise_alert")
        is_new = alert.key not in self.alerts
        self.alerts.setdefault(alert.key, alert)
        self.step("alert raised")
        return is_new

    def clear_alert(self, key: str, *, at: datetime, who: str) -> bool:
        return self.alerts.pop(key, None) is not None

    def open_alerts(self) -> tuple[AlertRecord, ...]:
        return tuple(self.alerts.values())

    # inside

    def _begin(self, method: str) -> None:
        self.step(f"before {method}")
        if method in self.breaks_at:
            raise StoreUnavailable("No space left on device")

    def _reserved(self, besides: int) -> Decimal:
        return sum(
            (
                max(record.amount_usd or Decimal(0), Decimal(0))
                for record in self.records.values()
                if record.id != besides
                and (record.status in _UNFINISHED or self._is_unseen(record))
            ),
            Decimal(0),
        )

    def _is_unseen(self, record: ActionRecord) -> bool:
        """Executed since its account was last read."""
        read_at = self.account(record.account_id).last_read_at
        return (
            record.status is ActionStatus.EXECUTED
            and record.executed_at is not None
            and read_at is not None
            and record.executed_at >= read_at
        )
