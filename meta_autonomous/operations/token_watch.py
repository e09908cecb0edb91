"""Until when the access token holds. Meta is asked once a day; in between the record answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.words import Json

ASKED_EVERY: Final = timedelta(days=1)
EXPIRES_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWatch:
    """What Meta said at `asked_at`; `expires_at` is None for a token that never expires, and where
    Meta did not tell."""

    asked_at: datetime
    expires_at: datetime | None
    is_told: bool = True

    def expires_soon(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at - now <= EXPIRES_SOON

    @classmethod
    def of_record(cls, tick: Json | None) -> Self | None:
        kept = ((tick or {}).get("run") or {}).get("token")
        if not kept:
            return None
        expires_at = kept["expires_at"]
        return cls(
            asked_at=datetime.fromisoformat(kept["asked_at"]),
            expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
            is_told=kept.get("is_told", True),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "asked_at": self.asked_at.isoformat(timespec="seconds"),
            "expires_at": None
            if self.expires_at is None
            else self.expires_at.isoformat(timespec="seconds"),
            "is_told": self.is_told,
        }


def _still_holds(known: TokenWatch, now: datetime) -> bool:
    """A new token may have taken the place of one that expires: then it is worth asking."""
    is_fresh = timedelta(0) <= now - known.asked_at < ASKED_EVERY
    return is_fresh and not known.expires_soon(now)


async def watch_token(world: World, *, now: datetime) -> TokenWatch | None:
    """None when Meta was never reached about it: then the next tick asks. A token that is refused
    shows in every other read too."""
    known = TokenWatch.of_record(world.store.last_tick())
    if known is not None and _still_holds(known, now):
        return known
    try:
        facts = await world.platform.token_facts()
    except PlatformError:
        return known
    return TokenWatch(asked_at=now, expires_at=facts.expires_at, is_told=facts.knows_expiry)
