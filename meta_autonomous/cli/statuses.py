"""Statuses and times as people type them."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from meta_autonomous.cli.usage import WrongUsage

if TYPE_CHECKING:
    from meta_autonomous.domain.action import ActionStatus

STATUS_HELP: Final = "Only this status, such as suggested or executed; may be repeated."
SINCE_HELP: Final = (
    "From this time on: a date, a date and time (UTC), or an age such as 24h or 7d."
)

_AGE: Final = re.compile(r"(\d{1,5})([mhdw])")
#: Other words, of ours too, for what a suggestion is while it waits.
_WAITING: Final = ("pending", "queued")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def statuses(words: Sequence[str]) -> "list[ActionStatus]":
    from meta_autonomous.domain.action import ActionStatus
    from meta_autonomous.domain.likeness import nearest

    known = {status.value for status in ActionStatus}
    for word in words:
        if word not in known:
            near = (
                f"what waits for a person is {ActionStatus.SUGGESTED}"
                if nearest(word, _WAITING, likeness=80)
                else nearest(word, known)
            )
            raise WrongUsage(
                f"No such status: {word!r}; {near}".rstrip("; "),
                remedy=f"Use one of {', '.join(sorted(known))}.",
            )
    return [ActionStatus(word) for word in words]


def since(text: str | None, now: Callable[[], datetime]) -> datetime | None:
    if text is None:
        return None
    if age := _AGE.fullmatch(text):
        return now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            f"{text!r} is not a time.",
            remedy="Use a date such as 2026-11-01, a time such as 2026-11-01T08:00, or 24h, 7d.",
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
