"""Retention: old rows go, and old months of the ledger move to an archive that links up with it.

    verify -> for each month: write its file -> seal it (an entry) -> check the file -> delete

Each step is whole or not at all, and each looks first at what an earlier run left, so that a run
that died anywhere is completed by the next.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from meta_autonomous.domain.segment import ArchiveFault, Month, Segment
from meta_autonomous.ports.errors import Busy, RefusedByGuard
from meta_autonomous.ports.records import LedgerCheck, LedgerLine
from meta_autonomous.ports.store import Store

#: What limits, cooldowns, undo and the estimator look at is younger.
LEAST_DAYS: Final = 35
USUAL_DAYS: Final = 365


class Records(Protocol):
    """What retention needs of the database, beside `Store`. Every method is one transaction, with
    its ledger entry in it."""

    def latest_time(self) -> datetime | None: ...
    def verify_ledger(self, *, expect: str | None = None) -> LedgerCheck: ...
    def prune_lock(self) -> AbstractContextManager[bool]:
        """Yields whether this process is the only one that prunes."""
        ...

    def segments(self) -> tuple[Segment, ...]: ...
    def months_before(self, end: datetime) -> tuple[Month, ...]:
        """Whole months that ended by then and are not sealed, the oldest first."""
        ...

    def lines_between(self, first: int, last: int) -> Iterator[LedgerLine]: ...
    def seal(self, segment: Segment, *, at: datetime, who: str) -> None: ...
    def remove_sealed(self, segment: Segment, *, at: datetime, who: str) -> int:
        """Delete the entries of a sealed segment; how many."""
        ...

    def count_stale(self, end: datetime) -> Mapping[str, int]:
        """Rows by table that no check, replay or undo needs when nothing before `end` is asked
        for any more."""
        ...

    def remove_stale(self, end: datetime, *, at: datetime, who: str) -> Mapping[str, int]: ...


class Archive(Protocol):
    """Where months of the ledger go: a file of JSON lines each, and a manifest beside it."""

    @property
    def location(self) -> str: ...

    def write(self, month: Month, lines: Iterable[LedgerLine], *, platform: str) -> Segment:
        """Whole and on disk when it returns; the same again changes nothing. Raises
        RefusedByGuard when the lines are no chain, or the file exists with other content."""
        ...

    def check(self, segment: Segment, *, expect: str | None = None) -> ArchiveFault | None:
        """Whether the file still holds exactly what was sealed; `expect` may name an entry of it
        as SEQ:HASH."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went, or would go. `end` is None when nothing is on record yet."""

    end: datetime | None
    dry_run: bool
    rows: Mapping[str, int] = field(default_factory=dict)
    months: tuple[Month, ...] = ()

    @property
    def entries(self) -> int:
        return sum(month.count for month in self.months)


def prune(
    records: Records,
    archive: Archive,
    *,
    platform: str,
    older_than: timedelta,
    now: datetime,
    who: str,
    dry_run: bool = False,
) -> Pruned:
    """`older_than` is at least LEAST_DAYS. Raises Busy while another process prunes,
    RefusedByGuard when the ledger is broken."""
    with records.prune_lock() as is_mine:
        if not is_mine:
            raise Busy("Another process is pruning.", remedy="Nothing to do: it does the work.")
        latest = records.latest_time()
        if latest is None:
            return Pruned(end=None, dry_run=dry_run)
        # A local clock that runs ahead must not make everything old.
        now = min(now, latest)
        end = now - older_than
        _require_whole(records.verify_ledger())
        months: tuple[Month, ...] = (*_left_over(records), *records.months_before(end))
        if dry_run:
            return Pruned(end=end, dry_run=True, rows=records.count_stale(end), months=months)
        moved = tuple(
            _move(records, archive, month, platform=platform, at=now, who=who) for month in months
        )
        rows = records.remove_stale(end, at=now, who=who)
        return Pruned(end=end, dry_run=False, rows=rows, months=moved)


def _require_whole(check: LedgerCheck) -> None:
    if not check.ok:
        raise RefusedByGuard(
            f"The ledger is broken, so nothing is removed: {check.message}.",
            remedy="Run `meta-auto ledger verify`, keep a copy, and find out who wrote to it.",
        )


def _left_over(records: Records) -> tuple[Segment, ...]:
    """Sealed by a run that died before it deleted them."""
    return tuple(segment for segment in records.segments() if segment.removed_at is None)


def _move(
    records: Records,
    archive: Archive,
    month: Month,
    *,
    platform: str,
    at: datetime,
    who: str,
) -> Segment:
    """One month into the archive, and out of the ledger."""
    span = Month(month=month.month, first=month.first, last=month.last, previous=month.previous)
    segment = archive.write(span, records.lines_between(span.first, span.last), platform=platform)
    if isinstance(month, Segment):
        _require_the_same(segment, month)
    else:
        records.seal(segment, at=at, who=who)
    fault = archive.check(segment)
    if fault is not None:
        raise RefusedByGuard(
            f"The archive does not hold what was written: {fault.message}.",
            remedy=f"Check the disk of {archive.location}; the entries are in the ledger still.",
        )
    records.remove_sealed(segment, at=at, who=who)
    return segment


def _require_the_same(written: Segment, sealed: Segment) -> None:
    if written != replace(sealed, removed_at=None):
        raise RefusedByGuard(
            f"{sealed.month} is not what it was when it was sealed.",
            remedy="Run `meta-auto ledger verify`.",
        )


# --- proving both together ----------------------------------------------------------------------


def verify_with_archive(store: Store, archive: Archive, *, expect: str | None) -> LedgerCheck:
    """The archived months, that each follows the one before it, and the ledger after them."""
    segments = store.segments()
    checked = 0
    for before, segment in zip((None, *segments), segments, strict=False):
        fault = _gap(before, segment) or archive.check(segment, expect=expect)
        if fault is not None:
            return LedgerCheck(
                ok=False,
                entries=0,
                head=None,
                first_broken=fault.seq,
                message=fault.message,
                archived=checked,
            )
        checked += segment.count
    gone = [segment for segment in segments if segment.removed_at is not None]
    wanted = (expect or "").partition(":")[0].strip()
    is_archived = bool(gone) and wanted.isdecimal() and 0 < int(wanted) <= gone[-1].last
    check = store.verify_ledger(expect=None if is_archived else expect)
    return replace(check, archived=checked)


def _gap(before: Segment | None, segment: Segment) -> ArchiveFault | None:
    first, previous = (1, "0" * 64) if before is None else (before.last + 1, before.head)
    if (segment.first, segment.previous) == (first, previous):
        return None
    message = f"{segment.file} does not follow: entry {first} should be its first"
    return ArchiveFault(seq=first, message=message)
