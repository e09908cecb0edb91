"""Meta as a test wants it: entities, an activity log that may lag, and scripted answers."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from meta_autonomous.domain.entities import Activity, Budget, Entity, Level
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.domain.quantities import Money
from meta_autonomous.ports.errors import Gone, PlatformError
from meta_autonomous.ports.platform import Answer, AnswerKind, Throttle
from tests.fakes.killing import Step, no_steps

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OUR_APP = "1234567890"
SOMEONE = "999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How Meta behaves to one write: what it does, when, and what it answers."""

    kind: AnswerKind = AnswerKind.ACCEPTED
    applies: bool = True
    after: timedelta = timedelta(0)
    detail: str = "ok"
    until: datetime | None = None
    throttle: Throttle = Throttle.ACCOUNT
    then: Callable[["FakePlatform"], None] | None = None  # what happens right after it


APPLIED = Reply()
APPLIED_UNHEARD = Reply(kind=AnswerKind.UNKNOWN, detail="connection reset")
LOST = Reply(kind=AnswerKind.UNKNOWN, applies=False, detail="timeout")
IGNORED = Reply(applies=False)
REFUSED = Reply(kind=AnswerKind.REFUSED, applies=False, detail="(#100) Budget is too low")
THROTTLED = Reply(
    kind=AnswerKind.THROTTLED,
    applies=False,
    detail="(#80004) too many calls",
    until=NOON + timedelta(hours=1),
)
TOO_OFTEN = replace(THROTTLED, detail="(#613) 4 times per hour", throttle=Throttle.ENTITY)
PENALISED = replace(THROTTLED, detail="(#368) temporarily blocked", throttle=Throttle.PENALTY)
NEVER_LEFT = Reply(kind=AnswerKind.NOT_SENT, applies=False, detail="connection refused")


def late(seconds: float, kind: AnswerKind = AnswerKind.UNKNOWN) -> Reply:
    return Reply(kind=kind, after=timedelta(seconds=seconds), detail="timeout")


@dataclass(frozen=True, slots=True)
class _Effect:
    due: datetime
    change: Change
    application_id: str | None


class FakePlatform:
    """`clock` is what its Date headers say. Everything that reaches it is on record."""

    name = "sandbox"
    warnings: tuple[str, ...] = ()

    def __init__(
        self,
        *entities: Entity,
        now: datetime = NOON,
        application_id: str | None = OUR_APP,
        log_lag: timedelta = timedelta(0),
        step: Step = no_steps,
    ) -> None:
        self.clock = now
        self.application_id = application_id
        self.logs_as: str | None = OUR_APP  # how our writes show in the log
        self.log_lag = log_lag
        self.step = step
        self.replies: deque[Reply] = deque()
        self.sent: list[Change] = []  # every write that reached Meta
        self.asked: list[str] = []
        self.read_errors: dict[str, deque[PlatformError]] = defaultdict(deque)
        self.log_errors: deque[PlatformError] = deque()
        self.clock_errors: deque[PlatformError | None] = deque()
        self.on_read: Callable[[], None] | None = None
        self._entities = {entity.id: entity for entity in entities}
        self._log: list[tuple[datetime, Activity]] = []
        self._pending: list[_Effect] = []

    # what the test does to it

    def passes(self, **duration: float) -> None:
        self.clock += timedelta(**duration)

    def will(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def entity(self, entity_id: str) -> Entity:
        self._let_due_effects_happen()
        return self._entities[entity_id]

    def put(self, entity: Entity) -> None:
        self._entities[entity.id] = entity

    def remove(self, entity_id: str) -> None:
        del self._entities[entity_id]

    def person_sets(self, entity_id: str, field: ChangedField, value: str) -> None:
        """Somebody changes it in Ads Manager."""
        self._let_due_effects_happen()
        entity = self._entities[entity_id]
        change = Change(
            account_id=entity.account_id,
            entity_id=entity_id,
            level=entity.level,
            field=field,
            old="",
            new=value,
        )
        self._apply(change, SOMEONE)

    # the port

    async def trusted_now(self) -> datetime:
        self.step("clock")
        error = self.clock_errors.popleft() if self.clock_errors else None
        if error is not None:
            raise error
        return self.clock

    async def read_entity(self, account_id: str, entity_id: str, level: Level) -> Entity:
        self.asked.append(f"entity {entity_id}")
        self.step("read entity")
        self._let_due_effects_happen()
        if self.read_errors[entity_id]:
            raise self.read_errors[entity_id].popleft()
        if entity_id not in self._entities:
            raise Gone(f"{level} {entity_id} does not exist.")
        found = self._entities[entity_id]
        if self.on_read is not None:
            self.on_read()
        self.step("entity was read")
        return found

    async def read_activities(
        self, account_id: str, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]:
        self.asked.append(f"log {entity_id}")
        self.step("read log")
        self._let_due_effects_happen()
        if self.log_errors:
            raise self.log_errors.popleft()
        return tuple(
            line
            for visible_at, line in self._log
            if visible_at <= self.clock
            and line.at >= since
            and entity_id in (None, line.object_id)
        )

    async def write(self, change: Change) -> Answer:
        self.step("before sending")
        reply = self.replies.popleft() if self.replies else APPLIED
        if reply.kind is not AnswerKind.NOT_SENT:
            self.sent.append(change)
            self.asked.append(f"write {change.entity_id} {change.field}={change.new}")
        self.step("sent")
        if reply.applies:
            self._pending.append(_Effect(self.clock + reply.after, change, self.logs_as))
            self._let_due_effects_happen()
        if reply.then is not None:
            reply.then(self)
        self.step("answered")
        return Answer(
            kind=reply.kind, detail=reply.detail, until=reply.until, throttle=reply.throttle
        )

    def requests_made(self) -> int:
        return len(self.asked)

    # inside

    def _let_due_effects_happen(self) -> None:
        for effect in [effect for effect in self._pending if effect.due <= self.clock]:
            self._pending.remove(effect)
            self._apply(effect.change, effect.application_id, at=effect.due)

    def _apply(self, change: Change, by: str | None, *, at: datetime | None = None) -> None:
        at = at or self.clock
        entity = self._entities[change.entity_id]
        if change.field is ChangedField.STATUS:
            changed = replace(entity, status=change.new, effective_status=change.new)
            old = entity.status
        else:
            budget = entity.budget
            assert budget is not None
            old = str(budget.amount.minor)
            changed = replace(entity, budget=_with_amount(budget, int(change.new)))
        self._entities[entity.id] = changed
        line = Activity(
            object_id=entity.id,
            event_type=f"update_{change.level}_{change.field}",
            at=at,
            actor_id="1",
            application_id=by,
            old=old,
            new=change.new,
        )
        self._log.append((at + self.log_lag, line))


def _with_amount(budget: Budget, minor: int) -> Budget:
    amount = Money(minor, budget.amount.currency)
    if budget.remaining is None:
        return replace(budget, amount=amount)
    return replace(budget, amount=amount, remaining=budget.remaining + (amount - budget.amount))
