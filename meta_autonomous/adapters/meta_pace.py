"""How much of Meta's quota is used, from the headers of its answers, and when to leave off.

Percentages come in four headers, per account or per app; all are read, the highest counts. From
75 % on, optional reads are left out. From 95 % on nothing new is begun, except the single reads
that settle a write; once Meta itself names a waiting time or refuses, nothing at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from meta_autonomous.adapters.meta_json import NotJson, strict_json

_BUSY_PERCENT: Final = 75
_FULL_PERCENT: Final = 95
_DEFAULT_WAIT_SECONDS: Final = 300.0
_LONGEST_WAIT_SECONDS: Final = 24 * 3600.0

_PERCENT_FIELDS: Final = frozenset(
    {"call_count", "total_time", "total_cputime", "acc_id_util_pct", "app_id_util_pct"}
)
#: One flat object each; the business header holds lists of such objects by business object.
_FLAT_HEADERS: Final = ("x-app-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle")
_BUSINESS_HEADER: Final = "x-business-use-case-usage"


@dataclass(slots=True)
class _State:
    percent: float = 0.0
    full_until: float = 0.0  # by the percentages
    blocked_until: float = 0.0  # by Meta's own word


class Pace:
    """Keeps one state per ad account (and one, under None, for calls that concern none)."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._states: dict[str | None, _State] = {}

    def observe(self, account_id: str | None, headers: Mapping[str, str]) -> None:
        usages = list(_usages(headers))
        if not usages:
            return
        now = self._monotonic()
        state = self._states.setdefault(account_id, _State())
        state.percent = max(usage.percent for usage in usages)
        regain = max(usage.regain_seconds for usage in usages)
        if regain > 0:
            state.blocked_until = max(state.blocked_until, now + regain)
        full = [usage.reset_seconds for usage in usages if usage.percent >= _FULL_PERCENT]
        state.full_until = now + (max(full) or _DEFAULT_WAIT_SECONDS) if full else 0.0

    def block(self, account_id: str | None, seconds: float, *, at_least: bool = False) -> None:
        """Meta refused a call. A wait that its headers named stands, unless it is `at_least` so
        long."""
        state = self._states.setdefault(account_id, _State())
        now = self._monotonic()
        if state.blocked_until <= now or at_least:
            until = now + min(seconds, _LONGEST_WAIT_SECONDS)
            state.blocked_until = max(state.blocked_until, until)

    def wait_seconds(self, account_id: str | None, *, settles: bool = False) -> float:
        """Seconds for which nothing should be asked of Meta; 0.0 when it may be. Reads that
        settle a write only stop at Meta's own word."""
        state = self._states.get(account_id)
        if state is None:
            return 0.0
        until = state.blocked_until if settles else max(state.blocked_until, state.full_until)
        return max(until - self._monotonic(), 0.0)

    @property
    def quota_used(self) -> Decimal:
        """The largest share of any quota that the latest answers told of; 1 is all of it."""
        most = max((state.percent for state in self._states.values()), default=0.0)
        return (Decimal(str(most)) / 100).quantize(Decimal("0.0001"))

    def is_busy(self, account_id: str | None) -> bool:
        state = self._states.get(account_id)
        return state is not None and state.percent >= _BUSY_PERCENT


@dataclass(frozen=True, slots=True)
class _Usage:
    percent: float
    regain_seconds: float
    reset_seconds: float


def _usages(headers: Mapping[str, str]) -> Iterator[_Usage]:
    for name in _FLAT_HEADERS:
        fields = _object(headers.get(name))
        if fields is not None:
            yield _usage(fields)
    for entries in (_object(headers.get(_BUSINESS_HEADER)) or {}).values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield _usage(entry)


def _object(header: str | None) -> dict[str, object] | None:
    if header is None:
        return None
    try:
        value = strict_json(header.encode())
    except (NotJson, UnicodeEncodeError):
        return None
    return value if isinstance(value, dict) else None


def _usage(fields: Mapping[str, object]) -> _Usage:
    return _Usage(
        percent=max((_number(fields.get(name)) for name in _PERCENT_FIELDS), default=0.0),
        regain_seconds=_seconds(fields.get("estimated_time_to_regain_access"), unit=60),
        reset_seconds=_seconds(fields.get("reset_time_duration"), unit=1),
    )


def _seconds(value: object, *, unit: int) -> float:
    return min(_number(value) * unit, _LONGEST_WAIT_SECONDS)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return 0.0
    return float(min(max(value, 0), 1_000_000))
