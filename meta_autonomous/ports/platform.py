"""Meta, as the deeds see it: reads that are whole or fail, writes that are sent once."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from meta_autonomous.domain.condition import AccountFacts, OtherHands, TokenFacts
from meta_autonomous.domain.entities import AccountSnapshot, Activity, Entity, Level
from meta_autonomous.domain.intent import Change


class AnswerKind(StrEnum):
    """What we know after a write was asked for."""

    ACCEPTED = "accepted"  # 200 with success: true. Not yet proof
    REFUSED = "refused"  # a validation code of Meta's: nothing changed
    THROTTLED = "throttled"  # Meta took nothing: later
    NOT_SENT = "not_sent"  # nothing left this machine
    UNKNOWN = "unknown"  # anything else: it may have happened


class Throttle(StrEnum):
    """What a throttled write has to wait for."""

    ACCOUNT = "account"  # its quota: nothing else of the account fares better
    ENTITY = "entity"  # this one entity's own limit, which concerns nothing else
    PENALTY = "penalty"  # the account is blocked for breaking Meta's rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    kind: AnswerKind
    detail: str  # for people; never contains a token
    trace_id: str | None = None
    until: datetime | None = None  # throttled: when Meta will take writes again
    throttle: Throttle = Throttle.ACCOUNT
    is_about_access: bool = (
        False  # refused: the token, or what it may do. No other write fares better
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """How far back one read of an account goes: `days` complete days and today. On the account's
    day `complete_on` all of them were read already; then only the `recent_days` are, which can
    still change. `known_ads`, those that had rows before, say how large the answer will be."""

    days: int
    window_days: int
    recent_days: int | None = None
    complete_on: date | None = None
    with_activities_since: datetime | None = None
    known_ads: int = 0

    def days_on(self, today: date) -> int:
        """The complete days to read; `today` is the account's."""
        if self.recent_days is None or self.complete_on != today:
            return self.days
        return min(self.days, self.recent_days)


class AdsPlatform(Protocol):
    """The one path to Meta (or to the sandbox, which is reached the same way)."""

    name: str  # "meta" or "sandbox"

    async def account_ids(self) -> tuple[str, ...]: ...

    async def trusted_now(self) -> datetime:
        """The platform's clock: its `Date` header plus what has elapsed since. Raises BadAnswer
        when there is no Date, or one more than 120 s from the local clock (Meta only)."""
        ...

    async def read_account(self, account_id: str, plan: ReadPlan) -> AccountSnapshot: ...

    async def read_entity(self, account_id: str, entity_id: str, level: Level) -> Entity: ...

    async def read_activities(
        self, account_id: str, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]: ...

    async def write(self, change: Change) -> Answer:
        """Ask once, on a fresh connection. Never raises for what Meta or the network does."""
        ...

    def requests_made(self) -> int: ...

    def quota_used(self) -> Decimal:
        """The largest share of Meta's quotas that its answers told of; 1 is all of it."""
        ...

    async def token_facts(self) -> TokenFacts:
        """Until when the token holds, as far as Meta tells."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of this run's answers, each once: an API version that ends."""
        ...

    @property
    def application_id(self) -> str | None:
        """Our app's id as the activity log names it; None when unknown."""
        ...


class Patient(Protocol):
    """The platform as `doctor` examines it. Reads only; raises PlatformError."""

    @property
    def warnings(self) -> tuple[str, ...]: ...

    async def trusted_now(self) -> datetime: ...

    async def token_facts(self) -> TokenFacts:
        """Raises AuthFailed for a token that is not taken."""
        ...

    async def permissions(self) -> frozenset[str] | None:
        """What the token may do, asked another way; None where that is not told."""
        ...

    async def account_facts(self, account_id: str) -> AccountFacts: ...

    async def other_hands(
        self, account_id: str, *, since: datetime, our_application_id: str | None
    ) -> OtherHands: ...
