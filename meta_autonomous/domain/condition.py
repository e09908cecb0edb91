"""What an examination of the system finds: of the token, the accounts, and this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What Meta says of our token. `scopes` is None where it did not say; `expires_at` is None
    for a token that never expires, and where `knows_expiry` is False."""

    scopes: frozenset[str] | None
    knows_expiry: bool
    expires_at: datetime | None = None
    application_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """One ad account as the token sees it. `tasks` is what its holder may do there, if told."""

    account_id: str
    name: str
    currency: str
    status: int
    can_deliver: bool
    tasks: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHands:
    """Who else acts on an ad account: Meta's own enabled rules by name, and how many changes of
    budgets and statuses other applications made, by their name."""

    rules: tuple[str, ...] = ()
    applications: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """In bytes; `free` is what this account may still use."""

    free: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file or folder as the system knows it. `is_ours`: of the account that runs this."""

    path: str
    permissions: int
    owner: str
    is_ours: bool
    is_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TickTimer:
    """A systemd timer that runs ticks; `every` is None where that can't be told."""

    name: str
    is_active: bool
    is_enabled: bool
    every: timedelta | None
