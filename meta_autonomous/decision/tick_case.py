"""All that one tick decides on: the case that is heard now, recorded, and can be heard again.

What `TickCase` holds is complete by construction: `deliberate` is given nothing else, and nothing
it calls looks anything up. So a recorded case, decided again under the same policy, gives the same
decisions to the last digit; under another policy it shows what that one would have decided.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import Evaluation, Memory, Situation, Totals
from meta_autonomous.decision.decide import Plan, decide
from meta_autonomous.decision.evaluate import evaluate, pause_windows
from meta_autonomous.decision.granting import Deciding
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.safety_spend import UnreadAccount, daily_spend_totals
from meta_autonomous.domain.entities import AccountSnapshot, Entity
from meta_autonomous.domain.quantities import Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a tick decides under, beside its accounts: the clock, the policy in force, and the
    money that other hands hold."""

    now: datetime
    is_auto: bool
    book: PolicyBook
    rates: Rates
    unread: tuple[UnreadAccount, ...] = ()  # accounts that stand by their last known day
    reserved_usd: Mapping[str, Decimal] = field(default_factory=dict)  # by entity, per day


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCase:
    """One account as the tick found it: the read, our own records, its restatements so far."""

    snapshot: AccountSnapshot
    memory: Memory
    restatements: Restatements | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickCase:
    circumstances: Circumstances
    accounts: tuple[AccountCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An account's case, computed once: its situation, and how a paused entity is looked at."""

    case: AccountCase
    situation: Situation
    pause_window: Callable[[Entity], Evaluation | None]


def prepare(case: AccountCase, *, limits: Limits, rates: Rates) -> Prepared:
    situation = evaluate(
        case.snapshot, case.memory, rates=rates, limits=limits, restatements=case.restatements
    )
    return Prepared(
        case=case,
        situation=situation,
        pause_window=pause_windows(situation, limits, case.restatements),
    )


def totals_of(situations: Sequence[Situation], circumstances: Circumstances) -> Totals:
    """The day's money before anything is granted."""
    return daily_spend_totals(
        situations,
        book=circumstances.book,
        now=circumstances.now,
        unread=circumstances.unread,
        granted_usd=circumstances.reserved_usd,
    )


def decide_prepared(
    prepared: Sequence[Prepared], circumstances: Circumstances, totals: Totals
) -> Plan:
    return decide(
        [one.situation for one in prepared],
        Deciding(
            now=circumstances.now,
            book=circumstances.book,
            is_auto=circumstances.is_auto,
            totals=totals,
            pause_windows={
                one.situation.snapshot.account.id: one.pause_window for one in prepared
            },
        ),
    )


def deliberate(case: TickCase) -> tuple[Plan, tuple[Situation, ...]]:
    """The plan of a tick, and the situations it was made of, from nothing but its case."""
    around = case.circumstances
    prepared = [
        prepare(account, limits=around.book.limits, rates=around.rates)
        for account in case.accounts
    ]
    situations = tuple(one.situation for one in prepared)
    return decide_prepared(prepared, around, totals_of(situations, around)), situations
