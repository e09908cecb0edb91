"""What a tick did, collected while it runs, and its JSON."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from meta_autonomous.decision.context import Situation, Totals
from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.margin import break_even_roas
from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.performance import NOTHING
from meta_autonomous.operations.execute import Executed
from meta_autonomous.operations.reconcile import Reconciled
from meta_autonomous.operations.shapes import counts_of, decision_shape, number
from meta_autonomous.operations.token_watch import TokenWatch
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import (
    AuthFailed,
    Penalised,
    PlatformError,
    Throttled,
    Unreachable,
)
from meta_autonomous.ports.records import AlertRecord
from meta_autonomous.ports.words import Json

#: Nothing is wrong with such an account; it could not be worked now.
_LATER = ("throttled", "stopped", "locked")
_GRANTED = (Outcome.QUEUED, Outcome.EXECUTED, Outcome.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Ending:
    """How one decision ended in this tick, in the contract's word and a sentence."""

    outcome: Outcome
    message: str


class Stopped(Unreachable):
    """A person or a signal ended this run before the account was read."""

    code = "stopped"


@dataclass(slots=True)
class AccountState:
    """How one account fared: ``ok``, ``throttled``, ``stopped``, ``failed`` or ``locked``."""

    account_id: str
    name: str = ""
    state: str = "ok"
    error: str | None = None
    code: str | None = None
    currency: str | None = None
    spend_today: Decimal | None = None
    blocked_until: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        until = self.blocked_until
        return {
            "account_id": self.account_id,
            "name": self.name,
            "state": self.state,
            "error": self.error,
            "code": self.code,
            "currency": self.currency,
            "spend_today": None if self.spend_today is None else f"{self.spend_today:.2f}",
            "blocked_until": None if until is None else until.isoformat(timespec="seconds"),
        }


# Without a repr of its fields: asyncio.run makes one of its task's result when it gives SIGINT's
# handler back (signal.signal does, for a handler that is no number), and this holds an account.
@dataclass(slots=True, repr=False)
class TickReport:
    """Mutable while the tick runs, read by everyone after it."""

    tick_id: str
    platform: str
    mode: str
    dry_run: bool
    policy_digest: str
    is_enabled: bool
    is_started: bool
    started_at: datetime
    monotonic: Callable[[], float]
    requests: Callable[[], int]
    began: float
    completed_at: datetime | None = None
    is_read_only: bool = False
    evaluated: int = 0
    accounts: dict[str, AccountState] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)  # account -> why nothing is written there
    totals: Totals = field(default_factory=Totals)
    decided: list[tuple[Decision, int | None, Ending]] = field(default_factory=list)
    situations: dict[str, Situation] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    alerts: tuple[AlertRecord, ...] = ()
    new_alerts: tuple[AlertRecord, ...] = ()
    settled: list[str] = field(default_factory=list)  # what became of earlier doubts
    auth_failures: dict[str, str] = field(default_factory=dict)
    penalties: dict[str, str] = field(default_factory=dict)
    warnings: Callable[[], tuple[str, ...]] = tuple  # of the platform; they stop nothing
    ledger_head: str | None = None  # SEQ:HASH after this tick's last entry
    token: TokenWatch | None = None  # until when the token holds; None when nobody was asked
    break_even_roas: Decimal | None = None  # at PROFIT_MARGIN
    dead_guards: tuple[str, ...] = ()  # that can't fire in auto mode, and nobody accepted

    @classmethod
    def begin(cls, world: World, *, tick_id: str, dry_run: bool) -> Self:
        runtime = world.store.runtime()
        monotonic = asyncio.get_running_loop().time
        return cls(
            tick_id=tick_id,
            platform=world.platform.name,
            mode=runtime.mode or world.system.mode,
            dry_run=dry_run,
            policy_digest=world.system.policy_digest,
            is_enabled=world.system.is_enabled,
            is_started=runtime.is_started,
            started_at=world.clock(),
            monotonic=monotonic,
            began=monotonic(),
            requests=world.platform.requests_made,
            warnings=lambda: world.platform.warnings,
            break_even_roas=break_even_roas(world.book.limits.profit_margin),
        )

    @property
    def is_running(self) -> bool:
        """Both switches are on: the configured one and the stored one."""
        return self.is_enabled and self.is_started

    def elapsed(self) -> float:
        """Seconds since the tick began."""
        return self.monotonic() - self.began

    def complete(self) -> None:
        """Completed after what it took, by a clock that nobody sets."""
        self.completed_at = self.started_at + timedelta(seconds=self.elapsed())

    # what happens to accounts

    def fail(self, account_id: str, problem: PlatformError) -> None:
        text = f"account {account_id}: {problem.told}"
        if text not in self.errors:
            self.errors.append(text)
        state = self.accounts[account_id]
        state.error, state.code = problem.message, problem.code
        if isinstance(problem, Throttled):
            state.state, state.blocked_until = "throttled", problem.until
        elif isinstance(problem, Stopped):
            state.state = "stopped"
        else:
            state.state = "failed"
        if isinstance(problem, AuthFailed):
            self.auth_failures[account_id] = problem.message
        if isinstance(problem, Penalised):
            self.penalties[account_id] = problem.message

    def clock_is_off(self, why: str) -> None:
        self.is_read_only = True
        self.errors.append(
            f"The clock is not to be trusted, so nothing is written to Meta. {why} Check the time "
            "synchronisation of this machine (`timedatectl`)."
        )

    def hold_writes(self, account_id: str, why: str) -> None:
        self.held[account_id] = why

    def account_was_read(self, situation: Situation) -> None:
        snapshot = situation.snapshot
        state = self.accounts[snapshot.account.id]
        state.name = snapshot.account.name
        state.currency = snapshot.account.currency.code
        today = snapshot.today
        micros = sum(
            days.get(today, NOTHING).spend_micros
            for days in snapshot.days.get(Level.AD, {}).values()
        )
        state.spend_today = Decimal(micros) / 1_000_000
        self.situations[snapshot.account.id] = situation

    # what happens to actions

    def add(self, decision: Decision, action_id: int | None, ending: Ending) -> None:
        self.decided.append((decision, action_id, ending))
        if ending.outcome in (Outcome.FAILED, Outcome.IN_DOUBT):
            self.errors.append(f"action {action_id}: {ending.message}")

    def add_planned(self, plan: Plan) -> None:
        """What would be done: in a dry run as planned, under a clock that lies as deferred."""
        for decision in plan.decisions:
            outcome = decision.outcome
            message = ""
            if self.is_read_only and outcome in _GRANTED:
                outcome, message = Outcome.DEFERRED, "The clock is not to be trusted."
            self.add(decision, None, Ending(outcome, message))

    def defer(self, world: World, action_id: int, why: str) -> None:
        """An approved automatic action that this tick will not send after all."""
        world.store.move(
            action_id,
            expected=[ActionStatus.APPROVED],
            to=ActionStatus.DEFERRED,
            at=self.started_at,
            who="autonomous_worker",
            event=None,
            message=f"Not executed: {why}. It is decided afresh in the next tick.",
        )

    def note_execution(self, decision: Decision, done: Executed) -> None:
        """An answer after which further writes to the account would fare no better ends them."""
        if done.stops_account:
            self.hold_writes(decision.account_id, done.message)
        if isinstance(done.problem, PlatformError):
            self.fail(decision.account_id, done.problem)

    def note_settled(self, settled: Reconciled) -> None:
        """What reading back said of writes that an earlier tick left in doubt."""
        self.settled += settled.messages
        self.new_alerts += tuple(settled.new_alerts)

    # the result

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(ending.outcome.value for _, _, ending in self.decided)

    @property
    def success(self) -> bool:
        return self.exit_code == ExitCode.DONE

    @property
    def exit_code(self) -> int:
        states = [state.state for state in self.accounts.values()]
        failed = "failed" in states or self.outcomes["failed"] or self.outcomes["in_doubt"]
        if failed or self.is_read_only:
            return ExitCode.PARTLY
        if states and self._nothing_worked and all(state in _LATER for state in states):
            return ExitCode.LATER
        return ExitCode.DONE

    @property
    def _nothing_worked(self) -> bool:
        """No account could be read; or Meta, asked to write, told every one of them to wait."""
        if not self.is_running:
            return False
        states = {state.state for state in self.accounts.values()}
        return not self.situations or (states == {"throttled"} and not self.outcomes["executed"])

    def to_record(self, *, ended_at: datetime, before: Json | None, quota: Decimal) -> Json:
        """What is kept of the tick: its JSON, and what monitoring asks about. `ended_at` is this
        machine's time, `before` the record of the tick before."""
        known: Json = (before or {}).get("run", {})
        ended = ended_at.isoformat(timespec="seconds")
        return {
            **self.to_json(),
            "run": {
                "exit_code": self.exit_code,
                "ended_at": ended,
                "duration_ms": round(self.elapsed() * 1000),
                "quota_used": str(quota),
                "last_success_at": ended if self.success else known.get("last_success_at"),
                "token": self.token.to_json() if self.token is not None else None,
            },
        }

    def to_json(self) -> dict[str, Any]:
        """The contract's tick JSON."""
        completed = self.completed_at or self.started_at
        return {
            "success": self.success,
            "tick_id": self.tick_id,
            "tick_started_at": self.started_at.isoformat(timespec="seconds"),
            "tick_completed_at": completed.isoformat(timespec="seconds"),
            "platform": self.platform,
            "mode": self.mode,
            "enabled": self.is_enabled,
            "started": self.is_started,
            "dry_run": self.dry_run,
            "policy_digest": self.policy_digest,
            "campaigns_evaluated": self.evaluated,
            **counts_of(self.outcomes),
            "requests": self.requests(),
            # A tick that read no account knows of no spend, which is not zero.
            "spend_today_usd": f"{self.totals.seen_usd:.2f}" if self.situations else None,
            "break_even_roas": number(self.break_even_roas),
            "accounts": [state.to_json() for state in self.accounts.values()],
            "alerts": [
                {"key": alert.key, "severity": alert.severity, "message": alert.message}
                for alert in self.alerts
            ],
            "errors": list(self.errors),
            "warnings": list(self.warnings()),
            "settled": list(self.settled),
            "actions": [
                decision_shape(
                    decision,
                    action_id=action_id,
                    outcome=ending.outcome.value,
                    message=ending.message,
                    currency=self.accounts[decision.account_id].currency or "",
                )
                for decision, action_id, ending in self.decided
            ],
        }
