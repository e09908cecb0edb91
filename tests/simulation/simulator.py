"""Ticks that are killed, stopped and interleaved over a faulty Meta, replayed from a seed.

Nothing here is real time: one random generator decides who takes the next step, what Meta answers
and when it acts, when people edit, and when a process dies. At the end faults heal, a person
settles what was given to a person, and a few quiet ticks run. What is checked, against what Meta
really did:

    I1  a write is sent under an intent committed at most 30 s before
    I2  an intent is sent once, and an entity with an open intent gets no other write
    I3  an entity is changed by us at most once per cooldown (with the account's lock)
    I4  what is replaced is what was read, or was changed in the last half minute
    I5  what we raise comes to no more than the cap, whatever is in doubt meanwhile
    I6  nothing is begun while the system is stopped, or for an action that has expired
    I7  every attempt's final word is true, and every action's follows from it
    I8  nothing stays open
"""

import types
from collections import Counter
from collections.abc import Awaitable, Coroutine, Generator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.domain.action import Action, ActionStatus, ActionType
from meta_autonomous.domain.entities import Activity, Entity, Level, Status
from meta_autonomous.domain.intent import (
    Attempt,
    AttemptEvent,
    AttemptState,
    Change,
    ChangedField,
)
from meta_autonomous.operations.execute import execute
from meta_autonomous.operations.read_back import SEARCH_BACK, value_of
from meta_autonomous.operations.reconcile import reconcile
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import BadAnswer, Throttled, Unreachable
from meta_autonomous.ports.platform import Answer, AnswerKind
from meta_autonomous.ports.records import AccountRecord
from meta_autonomous.ports.words import WORKER
from tests.fakes.killing import SimulatedKill
from tests.fakes.platform import OUR_APP, FakePlatform, Reply
from tests.fakes.scene import ACCOUNT, a_world, an_adset, pause, reallocate, resume, scale
from tests.fakes.store import FakeStore

COOLDOWN = timedelta(hours=1)
LONGEST_DELAY = 250.0  # seconds until a request takes effect
LONGEST_LAG = 120.0  # seconds until it shows in the log
TURNS = 60
#: What all raises of one schedule may come to; each is 1 or 2 USD.
CAP_USD = Decimal(4)
ENTITIES = ("11", "12", "13")


class Violation(AssertionError):
    """What must never happen has happened; the message begins with the invariant's name."""


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Here the process may be stopped, overtaken or killed."""
    yield


class SimulatedMeta(FakePlatform):
    """The truth. It knows by the store which intent a write belongs to, and what became of it."""

    def __init__(self, rng: Random, store: FakeStore) -> None:
        super().__init__(*(an_adset(entity_id, budget=50) for entity_id in ENTITIES))
        self.rng = rng
        self.store = store
        self.is_healed = False
        self.stopped_at: datetime | None = None
        self.sent_for: Counter[int] = Counter()
        self.applied: dict[int, datetime] = {}  # attempt id -> when it took effect
        self.touched: dict[str, list[datetime]] = {}
        self._due: list[tuple[datetime, int, Change]] = []

    async def trusted_now(self) -> datetime:
        await turn()
        if self._fails(0.02):
            raise BadAnswer("no Date")
        return self.clock

    async def read_entity(self, account_id: str, entity_id: str, level: Level) -> Entity:
        await turn()
        if self._fails(0.08):
            raise self.rng.choice([Unreachable("net"), BadAnswer("odd"), Throttled("later")])
        found = await super().read_entity(account_id, entity_id, level)
        await turn()
        return found

    async def read_activities(
        self, account_id: str, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]:
        await turn()
        if self._fails(0.08):
            raise Unreachable("log")
        found = await super().read_activities(account_id, since=since, entity_id=entity_id)
        await turn()
        return found

    async def write(self, change: Change) -> Answer:
        """The last check before sending and the sending are one step, here as in the claim."""
        reply = self._reply()
        if reply.kind is not AnswerKind.NOT_SENT:
            attempt = self._intent_of(change)
            if reply.applies:
                self._due.append((self.clock + reply.after, attempt.id, change))
        await turn()
        self._let_due_effects_happen()
        await turn()
        return Answer(kind=reply.kind, detail=reply.detail)

    def _fails(self, chance: float) -> bool:
        return not self.is_healed and self.rng.random() < chance

    def _reply(self) -> Reply:
        if self.is_healed or self.rng.random() < 0.5:
            return Reply()
        kinds = [
            Reply(kind=AnswerKind.UNKNOWN, applies=False),
            Reply(kind=AnswerKind.UNKNOWN),
            Reply(kind=AnswerKind.UNKNOWN, after=self._delay()),
            Reply(kind=AnswerKind.ACCEPTED, after=self._delay()),
            Reply(kind=AnswerKind.ACCEPTED, applies=False),
            Reply(kind=AnswerKind.REFUSED, applies=False),
            Reply(kind=AnswerKind.THROTTLED, applies=False),
            Reply(kind=AnswerKind.NOT_SENT, applies=False),
        ]
        return self.rng.choice(kinds)

    def _delay(self) -> timedelta:
        return timedelta(seconds=self.rng.uniform(0, LONGEST_DELAY))

    def _intent_of(self, change: Change) -> Attempt:
        entity_id = change.entity_id
        known = [one for one in self.store.open_attempts() if one.change.entity_id == entity_id]
        if len(known) != 1 or known[0].change != change:
            raise Violation(f"I1 {change} was sent under {known}")
        attempt = known[0]
        self._check_base(change)
        self._check_leave(attempt)
        if self.clock - attempt.intended_at > timedelta(seconds=30):
            raise Violation(f"I1 sent {self.clock - attempt.intended_at} after its intent")
        self.sent_for[attempt.id] += 1
        if self.sent_for[attempt.id] > 1 or attempt.state is not AttemptState.DISPATCHING:
            raise Violation(f"I2 intent {attempt.id} was sent again")
        return attempt

    def _check_leave(self, attempt: Attempt) -> None:
        """Whether it was begun with leave; a stop in its last moments may come too late."""
        stopped_at = self.stopped_at
        if stopped_at is not None and attempt.intended_at > stopped_at:
            raise Violation(f"I6 {attempt} was begun although stopped at {stopped_at}")
        expires_at = self.store.action(attempt.action_id).expires_at
        if expires_at is not None and attempt.intended_at >= expires_at:
            raise Violation(f"I6 {attempt} was begun although it expired at {expires_at}")

    def _check_base(self, change: Change) -> None:
        """Nobody can exclude an edit in the last moment; an older one must have been seen."""
        self._let_due_effects_happen()
        stands_at = value_of(self._entities[change.entity_id], change.field)
        is_fresh = any(
            line.object_id == change.entity_id and self.clock - line.at <= timedelta(seconds=31)
            for _, line in self._log
        )
        if stands_at != change.old and not is_fresh:
            raise Violation(f"I4 {change} was sent, yet it stood at {stands_at} for long")

    def _let_due_effects_happen(self) -> None:
        for due, attempt_id, change in sorted(self._due, key=lambda item: item[0]):
            if due <= self.clock:
                self._due.remove((due, attempt_id, change))
                self.log_lag = timedelta(seconds=self.rng.uniform(0, LONGEST_LAG))
                self._apply(change, OUR_APP, at=due)
                self.applied[attempt_id] = due
                self.touched.setdefault(change.entity_id, []).append(due)


def _raise_usd(action: Action) -> Decimal:
    """USD per day that a scale-up adds."""
    if action.type is not ActionType.SCALE_UP:
        return Decimal(0)
    (leg,) = action.legs
    return (leg.proposed - leg.current).major


def _raised(change: Change) -> int:
    """Cents."""
    return int(change.new) - int(change.old)


Process = Coroutine[Any, Any, None]


class Simulation:
    """One schedule. Without the account's lock two ticks may run at the same time, and only the
    store's conditions stand between them: they keep intents single and words true, but two ticks
    may then both decide on one entity, so that the cooldown is the lock's to keep."""

    def __init__(self, seed: int, *, locked: bool = True, named: bool = True) -> None:
        """`named`: we know our own name in Meta's log."""
        self.rng = Random(seed)
        self.locked = locked
        self.named = named
        self.store = FakeStore()
        self.meta = SimulatedMeta(self.rng, self.store)
        self.meta.application_id = OUR_APP if named else None
        self.local_offset = timedelta(0)
        self.world: World = replace(
            a_world(self.meta, self.store), clock=lambda: self.meta.clock + self.local_offset
        )
        self.processes: list[Process] = []
        self.edits = 0
        self.kill_in = 0
        self.store.step = self._maybe_killed

    def run(self) -> None:
        for _ in range(TURNS):
            self._one_event()
        self._heal()
        self._check()

    # what may happen

    def _one_event(self) -> None:
        event = self.rng.random()
        if event < 0.08:
            self.meta.passes(seconds=self.rng.choice([1, 5, 20, 60, 400, 1000, 4000]))
        elif event < 0.12:
            self._person_edits()
        elif event < 0.13:
            self.local_offset = timedelta(hours=self.rng.choice([-25, 0, 0, 25]))
        elif event < 0.14:
            self._switch(is_started=not self.store.is_started)
        elif event < 0.17 and self.processes:
            self._kill(self.rng.choice(self.processes))
        elif not self.processes or (not self.locked and len(self.processes) < 2 and event < 0.25):
            self.meta.passes(seconds=self.rng.choice([0, 300, 1800]))
            self.processes.append(self._tick(decides=True))
        else:
            process = self.rng.choice(self.processes)
            for _ in range(self.rng.randint(1, 12)):
                self.meta.passes(seconds=self.rng.choice([0, 0, 0, 0.2, 1]))
                if not self._step(process):
                    break

    def _step(self, process: Process) -> bool:
        """True while it lives."""
        if self.rng.random() < 0.02:
            self.kill_in = self.rng.randint(1, 4)
        try:
            process.send(None)
        except (StopIteration, SimulatedKill):
            self.processes.remove(process)
            return False
        finally:
            self.kill_in = 0
        return True

    def _maybe_killed(self, name: str) -> None:
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                raise SimulatedKill(name)

    def _kill(self, process: Process) -> None:
        self.processes.remove(process)
        process.close()

    def _switch(self, *, is_started: bool) -> None:
        self.store.is_started = is_started
        self.meta.stopped_at = None if is_started else self.meta.clock

    def _person_edits(self) -> None:
        """To amounts that we never send, so that the truth stays tellable."""
        entity_id = self.rng.choice(ENTITIES)
        if self.rng.random() < 0.3:
            status = self.rng.choice([Status.ACTIVE, Status.PAUSED])
            self.meta.person_sets(entity_id, ChangedField.STATUS, status)
        elif self.rng.random() < 0.3:
            self._person_takes_back(entity_id)
        else:
            self.edits += 1
            self.meta.person_sets(entity_id, ChangedField.DAILY_BUDGET, str(self.edits * 1000 + 1))

    def _person_takes_back(self, entity_id: str) -> None:
        """The old value again: the value alone then says that nothing had happened."""
        ours = [one for one in self.store.attempts.values() if one.change.entity_id == entity_id]
        if ours and ours[-1].id in self.meta.applied:
            last = ours[-1].change
            self.meta.person_sets(entity_id, last.field, last.old)

    # the program: settle, then one decision

    async def _tick(self, *, decides: bool) -> None:
        settled = await reconcile(self.world, ACCOUNT)
        if settled.writes_blocked or not decides:
            return
        self._read_the_account()
        for action in self._wishes():
            action_id = self.store.add(
                action,
                at=self.meta.clock,
                tick_id=str(self.meta.clock),
                amount_usd=_raise_usd(action),
                expires_at=self._expiry(),
            )
            await execute(
                self.world,
                action_id,
                action,
                who=WORKER,
                money=self._money(action),
                sleep=self._sleep,
                within=self._within,
            )

    def _read_the_account(self) -> None:
        """What a read leaves for the commits to come: all that was raised and is seen by now."""
        raised = (
            record.amount_usd or Decimal(0)
            for record in self.store.records.values()
            if record.status is ActionStatus.EXECUTED
        )
        self.store.on_record_usd = sum(raised, Decimal(0))
        self.store.accounts[ACCOUNT] = AccountRecord(
            account_id=ACCOUNT, last_read_at=self.meta.clock + timedelta(microseconds=1)
        )

    def _money(self, action: Action) -> MoneyAtCommit:
        raised = _raise_usd(action)
        if not raised:
            return NO_MONEY
        return MoneyAtCommit(
            extra_usd=raised,
            rise_usd=raised,
            projected_usd=self.store.on_record_usd,
            cap_usd=CAP_USD,
        )

    def _expiry(self) -> datetime | None:
        """Some may be executed for a short while only."""
        if self.rng.random() < 0.8:
            return None
        return self.meta.clock + timedelta(seconds=self.rng.choice([1, 5, 20]))

    def _wishes(self) -> list[Action]:
        ready = [
            self.meta.entity(entity_id) for entity_id in ENTITIES if self._is_ready(entity_id)
        ]
        self.rng.shuffle(ready)
        if len(ready) > 1 and self.rng.random() < 0.3:
            return [reallocate(ready[0], ready[1], 5)]
        return [self._wish(entity) for entity in ready[: self.rng.randint(1, 2)]]

    def _wish(self, entity: Entity) -> Action:
        if entity.status == Status.PAUSED:
            return resume(entity)
        assert entity.budget is not None
        step = self.rng.choice([-200, -100, 100, 200, 0])
        if not step:
            return pause(entity)
        return scale(entity, str((entity.budget.amount.minor + step) / 100))

    def _is_ready(self, entity_id: str) -> bool:
        """The cooldown by our own records: nothing open, nothing that took effect of late."""
        for attempt in self.store.attempts.values():
            if attempt.change.entity_id != entity_id:
                continue
            had_effect = attempt.state not in (
                AttemptState.NOT_APPLIED,
                AttemptState.NOT_SENT,
                AttemptState.REFUSED,
                AttemptState.RESOLVED_NOT_APPLIED,
            )
            if had_effect and self.meta.clock - attempt.effect_at < COOLDOWN:
                return False
        return all(one.change.entity_id != entity_id for one in self.store.open_attempts())

    async def _sleep(self, seconds: float) -> None:
        await turn()

    async def _within(self, reading: Awaitable[Any], seconds: float) -> Any:
        """Time passes between turns here; that a look takes too long is one of Meta's faults."""
        if self.meta._fails(0.02):
            reading.close()  # type: ignore[attr-defined]
            raise TimeoutError
        return await reading

    # the end

    def _heal(self) -> None:
        self.meta.is_healed = True
        self._switch(is_started=True)
        self.local_offset = timedelta(0)
        for process in list(self.processes):
            self._kill(process)
        for _ in range(2):
            self._quiet_tick()
        for attempt in self.store.open_attempts():
            if attempt.state is AttemptState.NEEDS_HUMAN:
                self._person_settles(attempt)
        for _ in range(2):
            self._quiet_tick()

    def _quiet_tick(self) -> None:
        """Nobody interferes; it settles what is left, and decides nothing."""
        self.meta.passes(seconds=1000)
        tick = self._tick(decides=False)
        while True:
            try:
                tick.send(None)
            except StopIteration:
                return

    def _person_settles(self, attempt: Attempt) -> None:
        event = (
            AttemptEvent.PERSON_SAYS_APPLIED
            if attempt.id in self.meta.applied
            else AttemptEvent.PERSON_SAYS_NOT_APPLIED
        )
        self.store.record_event(attempt, event, at=self.meta.clock, detail="looked")

    def _check(self) -> None:
        if self.store.open_attempts():
            raise Violation(f"I8 still open: {self.store.open_attempts()}")
        self._check_attempts()
        self._check_actions()
        self._check_cap()
        if self.locked:
            self._check_cooldown()

    def _check_attempts(self) -> None:
        effects = (
            AttemptState.CONFIRMED,
            AttemptState.APPLIED_OVERRIDDEN,
            AttemptState.RESOLVED_APPLIED,
        )
        for attempt in self.store.attempts.values():
            said, true = attempt.state in effects, attempt.id in self.meta.applied
            if said is not true and not self._another_did_it(attempt):
                raise Violation(f"I7 {attempt} says {said}, Meta says {true}")

    def _another_did_it(self, attempt: Attempt) -> bool:
        """A person set the very value that we had asked for in vain: confirmed all the same, since
        the effect equals the intent. Without the lock another tick of ours may have been it, and
        without our name in the log anyone."""
        if not self.named and attempt.state is AttemptState.APPLIED_OVERRIDDEN:
            return self._was_set(attempt, since=attempt.intended_at - SEARCH_BACK, by_us=True)
        if not self.locked and attempt.state is AttemptState.APPLIED_OVERRIDDEN:
            return self._was_set(attempt, since=attempt.intended_at - SEARCH_BACK, by_us=True)
        return attempt.state is AttemptState.CONFIRMED and self._was_set(
            attempt, since=attempt.intended_at, by_us=not self.locked
        )

    def _was_set(self, attempt: Attempt, *, since: datetime, by_us: bool) -> bool:
        return any(
            (line.object_id, line.new) == (attempt.change.entity_id, attempt.change.new)
            and line.at >= since
            and (by_us or line.application_id != OUR_APP)
            for _, line in self.meta._log
        )

    def _check_actions(self) -> None:
        for record in self.store.records.values():
            attempts = self.store.attempts_of(record.id)
            applied = sum(
                one.id in self.meta.applied or self._another_did_it(one) for one in attempts
            )
            wanted = len(record.legs) or 1
            is_true = {
                ActionStatus.EXECUTED: applied == wanted,
                ActionStatus.FAILED: applied < wanted,
                ActionStatus.DEFERRED: applied == 0,
                ActionStatus.SUPERSEDED: applied == 0,
            }.get(record.status, False)
            if not is_true:
                raise Violation(f"I7 action {record.id} is {record.status}, {applied} applied")

    def _check_cap(self) -> None:
        """By what took effect at Meta; a reallocation raises nothing in all."""
        raised = sum(
            _raised(self.store.attempts[attempt_id].change)
            for attempt_id in self.meta.applied
            if self._type_of(attempt_id) is ActionType.SCALE_UP
        )
        if raised > CAP_USD * 100:
            raise Violation(f"I5 {raised} cents were raised under a cap of {CAP_USD} USD")

    def _type_of(self, attempt_id: int) -> ActionType:
        return self.store.action(self.store.attempts[attempt_id].action_id).type

    def _check_cooldown(self) -> None:
        """An effect may come late by as much as Meta delays it; that is not ours to control."""
        slack = timedelta(seconds=LONGEST_DELAY + 60)
        for entity_id, times in self.meta.touched.items():
            for earlier, later in pairwise(sorted(times)):
                if later - earlier < COOLDOWN - slack:
                    raise Violation(f"I3 {entity_id} changed at {earlier} and {later}")
