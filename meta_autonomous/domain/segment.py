"""Months of the ledger that leave it: before they are sealed, sealed, and proven."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Consecutive entries of the ledger that are all older than the end of a month."""

    month: str  # 2026-03, UTC
    first: int
    last: int
    previous: str  # hash of the entry before the first

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Month):
    """A month that is written to an archive file, and may leave the ledger."""

    platform: str
    head: str  # hash of the last entry
    sha256: str  # of the archive file
    file: str  # its name
    removed_at: datetime | None = None  # None: its entries are in the ledger still


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFault:
    """Why an archive file is not what was sealed."""

    seq: int  # the first entry that is not proven
    message: str
