"""What people are told of a tick, whatever way it takes to them."""

from dataclasses import dataclass

from meta_autonomous.domain.action import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """One action that people should hear of. `change` is ``500.00 USD -> 600.00 USD``, or empty
    for a change of status."""

    id: int | None
    outcome: Outcome
    is_urgent: bool
    what: str  # type, level and the entity's name, which is foreign text
    change: str
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """All that one tick, or one look for alerts, has to tell people."""

    platform: str
    about: str  # where it is from: "tick …, suggest mode"
    alerts: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    items: tuple[NewsItem, ...] = ()
    is_urgent: bool = False
    ledger_head: str | None = None  # SEQ:HASH, out of reach of whoever may rewrite the ledger

    @property
    def is_empty(self) -> bool:
        return not (self.alerts or self.settled or self.items)
