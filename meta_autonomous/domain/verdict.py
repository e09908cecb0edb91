"""What one rule says of one action, with the numbers it saw."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from meta_autonomous.domain.quantities import Money

#: What a rule measured or compares with. Text for words and dates, never a float.
Measure = Decimal | int | str | bool | None


class Ruling(StrEnum):
    """A rule's word, as the contract's JSON spells it."""

    PASS = "pass"  # noqa: S105 - a word, not a secret
    WARN = "warn"
    CLAMP = "clamp"
    BLOCK = "block"


class Effect(StrEnum):
    """What the ruling does to the action, beyond its word."""

    NONE = "none"
    BLOCKS = "blocks"
    DEFERS = "defers"  # not now: the action waits for a later tick
    DEMOTES = "demotes"  # not automatically: the action is queued for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """The smallest change with which a gate would have let the action go on.

    `fact` is what would have to be different: something measured, a setting's variable, or
    "time"; `needed` is the value that it would have to have. `words` end the sentence "It would
    go ahead …": ``"with MAX_DAILY_SPEND_USD of at least 5,230 (it is 5,000)"``. `would` is what
    it would do instead of going ahead: ``"be raised"``.
    """

    fact: str
    needed: Measure
    words: str
    would: str = ""

    @property
    def change(self) -> tuple[str, Measure]:
        """What has to change, in whatever words."""
        return self.fact, self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One rule's word on one action. True when the rule lets the action go on.

    `allowed` is set by rules about size: the daily budget nearest to the wanted one that the rule
    would pass. `eligible_at` is set when waiting alone would make the rule pass. `flip` is set
    where something is known that would.
    """

    rule: str
    ruling: Ruling
    effect: Effect
    observed: Measure
    limit: Measure
    message: str
    sentence: str = ""
    allowed: Money | None = None
    eligible_at: datetime | None = None
    flip: Flip | None = None

    def __bool__(self) -> bool:
        return self.effect not in (Effect.BLOCKS, Effect.DEFERS)

    @property
    def reason(self) -> str:
        return self.message
