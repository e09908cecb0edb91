"""Who stands at the server: sees every write before it is worked, and knows what is true.

Nothing of the product's reasoning is used here. What a write was meant to be (its type, whose
undo it is) is read from the committed record with plain SQL; everything it is judged by is the
shop's own past and the operator's settings, in whole numbers and fractions.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tests.worlds.description import Settings
from tests.worlds.graph import Mishap
from tests.worlds.shop import PERSON, SYSTEM, Account, Shop, Thing, Turn, daily_equivalent

INTERVAL_SECONDS: Final = 1_800
SETTLE_SECONDS: Final = 900
_HIGHER_IS_LOOSER: Final = {"max_daily_change_pct": True, "action_cooldown_hours": False}


@dataclass(frozen=True, slots=True)
class Intent:
    """The committed record of what is about to be sent."""

    attempt_id: int
    action_id: int
    field: str
    new: str
    type: str
    confidence: Fraction | None
    is_hard_stop: bool
    undoes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What the product was told to do when it wrote."""

    number: int
    kind: str  # tick, approve, undo
    mode: str
    is_on: bool
    is_dry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One POST, before it is worked."""

    at: int
    thing: Thing
    field: str  # budget, status
    name: str  # as the API calls it
    old: Any
    new: Any
    deed: Deed
    intent: Intent | None

    @property
    def is_undo(self) -> bool:
        return self.deed.kind == "undo"

    @property
    def is_pause(self) -> bool:
        return self.new == "PAUSED"

    @property
    def is_resume(self) -> bool:
        return self.new == "ACTIVE"

    @property
    def is_raise(self) -> bool:
        return self.field == "budget" and self.new > self.old

    @property
    def is_cut(self) -> bool:
        return self.field == "budget" and self.new < self.old

    @property
    def gives_more(self) -> bool:
        return self.is_raise or self.is_resume

    @property
    def is_of_a_move(self) -> bool:
        return self.intent is not None and self.intent.type == "reallocate"

    @property
    def kind(self) -> str:
        """For the table of what was seen."""
        what = "pause" if self.is_pause else "resume" if self.is_resume else "raise"
        what = "cut" if self.is_cut else what
        return f"{what}{' of a move' if self.is_of_a_move else ''} by {self.deed.kind}"

    def __str__(self) -> str:
        thing = self.thing
        return (
            f"{self.kind} ({self.deed.mode}) of {thing.level} {thing.id} in {thing.campaign.name!r}"
            f": {self.name} {self.old} -> {self.new} at {self.at}"
        )


@dataclass(frozen=True, slots=True)
class Read:
    """What an account came to when it was read to the last page, in USD."""

    at: int
    deed: int
    projected: Fraction
    budgets: Fraction


@dataclass(slots=True)
class Look:
    """A moment at which the product read an account, and whether it read the activity log too."""

    at: int
    deed: int
    has_log: bool = False


@dataclass(slots=True)
class Witness:
    shop: Shop
    settings: Settings
    rates: dict[str, str]
    begins: int
    deed: Deed
    file: Path | None = None
    reads: dict[str, Read] = field(default_factory=dict)
    looks: dict[str, list[Look]] = field(default_factory=dict)  # of accounts
    approved: set[str] = field(default_factory=set)  # creatives
    known_accounts: set[str] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    doubts: dict[str, int] = field(default_factory=dict)  # entity -> since
    used_intents: set[int] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)
    _records: sqlite3.Connection | None = None

    # --- what happens ---

    def saw(self, thing: Thing, name: str, value: str, mishap: Mishap | None) -> Write:
        is_status = name == "status"
        write = Write(
            at=self.shop.now,
            thing=thing,
            field="status" if is_status else "budget",
            name=name,
            old=thing.status if is_status else thing.budget,
            new=value if is_status else int(value),
            deed=self.deed,
            intent=self._intent(thing),
        )
        self.seen[write.kind] += 1
        return write

    def remember(self, write: Write, mishap: Mishap | None) -> None:
        self.writes.append(write)
        if write.intent is not None:
            self.used_intents.add(write.intent.attempt_id)
        # What was applied all the same may show at once; that nothing was takes its time to prove.
        if mishap in (Mishap.NEVER_CAME, Mishap.BROKE_BEFORE, Mishap.FORGOTTEN):
            self.doubts[write.thing.id] = write.at

    def log_was_read(self, account: Account) -> None:
        if not self.deed.is_dry:
            self._look(account).has_log = True

    def _look(self, account: Account) -> Look:
        looks = self.looks.setdefault(account.id, [])
        if not looks or looks[-1].deed != self.deed.number:
            looks.append(Look(self.shop.now, self.deed.number))
        return looks[-1]

    def could_be_seen(self, thing: Thing) -> list[Turn]:
        """Changes of an entity's budget and status that the product had a way to know: its own,
        those that the activity log told of, and the difference between two reads. What was changed
        twice between two reads less than an hour apart, when its own record reaches back far
        enough for the log not to be read, shows as one change, and as none if it was taken back.
        """
        looks = self.looks.get(thing.account.id, [])
        logged = max((look.at for look in looks if look.has_log), default=-1)
        found: list[Turn] = []
        for name in ("budget", "status"):
            turns = thing.turns(name, after=0)
            found += [turn for turn in turns if turn.by == SYSTEM or turn.at <= logged]
            hidden = [turn for turn in turns if turn.by == PERSON and turn.at > logged]
            for earlier, later in pairwise([None, *looks]):
                between = [
                    turn
                    for turn in hidden
                    if (earlier is None or turn.at >= earlier.at) and turn.at <= later.at
                ]
                if between and between[0].old != between[-1].new:
                    found.append(replace(between[-1], old=between[0].old))
        return sorted(found, key=lambda turn: turn.at)

    def was_read(self, account: Account) -> None:
        if self.deed.is_dry:
            return
        self._look(account)
        if account.id not in self.known_accounts:
            self.known_accounts.add(account.id)
            self.approved |= {
                ad.creative
                for ad in account.things()
                if ad.level == "ad" and ad.effective_status not in ("ARCHIVED", "DELETED")
            }
        projected, budgets = self.projected(account), self.budgets(account)
        if projected is not None and budgets is not None:
            self.reads[account.id] = Read(self.shop.now, self.deed.number, projected, budgets)

    def close(self) -> None:
        if self._records is not None:
            self._records.close()
            self._records = None

    def _intent(self, thing: Thing) -> Intent | None:
        if self.file is None:
            return None
        if self._records is None:
            self._records = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        row = self._records.execute(
            "SELECT a.id, a.action_id, a.field, a.new, o.action_type, o.confidence, "
            "o.is_hard_stop, o.undoes FROM attempts a "
            "JOIN optimization_actions o ON o.id = a.action_id "
            "WHERE a.entity_id = ? AND a.state = 'dispatching'",
            (thing.id,),
        ).fetchone()
        if row is None:
            return None
        confidence = None if row[5] is None else Fraction(str(row[5]))
        return Intent(*row[:5], confidence, bool(row[6]), row[7])

    # --- the settings, as the contract reads them ---

    def limit(self, name: str, thing: Thing) -> Fraction:
        """The value in force for an entity: an override counts when it is stricter, or said to be
        allowed to be looser."""
        value = everywhere = getattr(self.settings.limits, name)
        for override in self.settings.overrides:
            if name not in override.values or not fnmatchcase(
                thing.campaign.name, override.match or "*"
            ):
                continue
            other = override.values[name]
            looser = other > everywhere if _HIGHER_IS_LOOSER[name] else other < everywhere
            if override.allow_looser or not looser:
                value = other
        return Fraction(value)

    def change_limit(self, write: Write) -> Fraction:
        most = self.limit("max_daily_change_pct", write.thing)
        if write.deed.kind == "tick":
            return min(most, Fraction(self.settings.limits.max_auto_change_pct))
        return most

    # --- money ---

    def usd(self, minor: Fraction | int, account: Account) -> Fraction | None:
        """None when the currency has no rate."""
        rate = "1" if account.currency == "USD" else self.rates.get(account.currency)
        return None if rate is None else Fraction(minor) / account.per_unit * Fraction(rate)

    def known(self, thing: Thing, name: str) -> Any:
        """A field as it stood when the deed under way began to read: what a person does at that
        very moment to something else, no program can know."""
        value = getattr(thing, name)
        for turn in reversed(thing.past):
            if turn.deed != self.deed.number:
                break
            if turn.by == PERSON and turn.field == name:
                value = turn.old
        return value

    def runs(self, thing: Thing, at: int) -> bool:
        return all(
            self.known(one, "status") == "ACTIVE" and not one.has_ended(at)
            for one in thing.lineage
        )

    def per_day(self, thing: Thing, after: "dict[Thing, Any] | None" = None) -> Fraction:
        amount = self.known(thing, "budget")
        if after and thing in after and not isinstance(after[thing], str):
            amount = after[thing]
        return daily_equivalent(thing, self.shop.now, amount)

    def spent_today(self, account: Account) -> int:
        today = account.day_of(self.shop.now)
        return sum(one.total(today, today).spend for one in account.campaigns)

    def budgets(self, account: Account) -> Fraction | None:
        holders = [one for one in account.holders() if self.runs(one, self.shop.now)]
        return self.usd(sum((self.per_day(one) for one in holders), Fraction(0)), account)

    def projected(
        self, account: Account, after: "dict[Thing, Any] | None" = None
    ) -> Fraction | None:
        """The day's spend of an account, with a write done: budgets of all that runs, or what
        they have spent already where that is more, and what the rest has spent."""
        now, after = self.shop.now, after or {}
        today = account.day_of(now)
        factor = Fraction(self.settings.limits.daily_overspend_factor)
        whole = Fraction(self.spent_today(account))
        for holder in account.holders():
            if not self._runs_after(holder, after):
                continue
            spent = holder.total(today, today).spend
            whole += max(self.per_day(holder, after) * factor - spent, Fraction(0))
        return self.usd(whole, account)

    def _runs_after(self, thing: Thing, after: "dict[Thing, Any]") -> bool:
        return all(
            (after[one] if isinstance(after.get(one), str) else self.known(one, "status"))
            == "ACTIVE"
            and not one.has_ended(self.shop.now)
            for one in thing.lineage
        )

    def slack(self, account: Account) -> Fraction:
        """Rounding: a lifetime budget's daily equivalent is held in whole minor units."""
        count = sum(one.kind == "lifetime" for one in account.holders())
        return self.usd(count + 1, account) or Fraction(0)

    # --- evidence ---

    def window(self, thing: Thing, at: int | None = None) -> tuple[Fraction | None, int, int, int]:
        """(spend in USD, impressions, purchases, value in minor units) of the window."""
        account = thing.account
        first, last = account.window(
            self.shop.now if at is None else at, self.settings.limits.lookback_days
        )
        found = thing.total(first, last)
        spend = self.usd(found.spend, account)
        return spend, found.impressions, found.purchases, found.value

    def roas(self, thing: Thing, at: int | None = None) -> Fraction | None:
        first, last = thing.account.window(
            self.shop.now if at is None else at, self.settings.limits.lookback_days
        )
        found = thing.total(first, last)
        return Fraction(found.value, found.spend) if found.spend else None

    def paused_at(self, thing: Thing) -> int | None:
        """When the system's own pause, which still holds it, was made."""
        for turn in reversed(thing.past):
            if turn.field == "status":
                return turn.at if turn.new == "PAUSED" else None
        return None

    def evidence_at(self, write: Write) -> int:
        """The moment whose window a write rests on."""
        paused_at = self.paused_at(write.thing) if write.is_resume else None
        return write.at if paused_at is None else paused_at

    def ads_that_would_run(self, thing: Thing) -> Iterator[Thing]:
        """Ads that spend the entity's money once it is active itself."""
        for ad in thing.ads:
            between = [one for one in ad.lineage if one in _below(thing)]
            if ad is thing or all(self.known(one, "status") == "ACTIVE" for one in between):
                yield ad


def _below(thing: Thing) -> list[Thing]:
    found = list(thing.children)
    for child in thing.children:
        found += _below(child)
    return found


def decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
