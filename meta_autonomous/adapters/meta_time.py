"""Trusted time: Meta's clock, as the `Date` of its latest answer plus what has elapsed since.

The local clock is only a witness. Limits and day buckets that followed it could be moved by
whoever can set it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from meta_autonomous.ports.errors import BadAnswer

MAX_CLOCK_SKEW: Final = timedelta(seconds=120)


class TrustedTime:
    """`clock` is the local wall clock (aware), `monotonic` counts seconds.

    `checks_clock` is for the world's time. A simulated server's `Date` is taken as it stands:
    its clock has nothing to do with ours, and time only passes there when it says so.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        checks_clock: bool,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._checks_clock = checks_clock
        self._date: datetime | None = None
        self._seen_at = 0.0
        self._has_answer = False

    @property
    def has_answer(self) -> bool:
        return self._has_answer

    def observe(self, date: str | None) -> None:
        """Take the `Date` header of an answer that has just arrived; None when it had none."""
        self._has_answer = True
        self._seen_at = self._monotonic()
        self._date = _parse(date)

    def now(self) -> datetime:
        """Raises BadAnswer when the latest answer can't vouch for the time."""
        if self._date is None:
            raise BadAnswer(
                "Meta's latest answer has no usable Date header, so the time can't be trusted",
                remedy="look for a proxy between here and Meta that removes headers",
            )
        now = self._elapsed(self._date)
        local = self._clock().astimezone(UTC)
        if self._checks_clock and abs(now - local) > MAX_CLOCK_SKEW:
            raise BadAnswer(
                f"this machine's clock says {local:%Y-%m-%d %H:%M:%S} UTC, Meta's says "
                f"{now:%Y-%m-%d %H:%M:%S} UTC",
                remedy="set the clock (timedatectl set-ntp true)",
            )
        return now

    def best(self) -> datetime:
        """For reading only: Meta's time when it is known, else the local clock's."""
        if self._date is None:
            return self._clock().astimezone(UTC)
        return self._elapsed(self._date)

    def _elapsed(self, date: datetime) -> datetime:
        if not self._checks_clock:
            return date
        return date + timedelta(seconds=max(self._monotonic() - self._seen_at, 0.0))


def _parse(date: str | None) -> datetime | None:
    if date is None:
        return None
    try:
        at = parsedate_to_datetime(date)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
