"""Months of the ledger that were sealed, and may leave it: a row each, and an entry in the chain.

The row lets the database delete those entries; the entry `segment_sealed`, which stands after
them, is what proves that nobody but `db prune` took them away.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from meta_autonomous.adapters.database.tables import ledger_segments
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.segment import Segment

#: The hash before the first entry.
GENESIS: Final = "0" * 64

_table = ledger_segments


def known(unit: Unit) -> tuple[Segment, ...]:
    """Every one, the oldest first."""
    query = select(_table).where(_table.c.platform == unit.platform)
    return tuple(
        Segment(
            platform=row.platform,
            month=row.month,
            first=row.first_seq,
            last=row.last_seq,
            previous=row.previous,
            head=row.head,
            sha256=row.sha256,
            file=row.file,
            removed_at=row.removed_at,
        )
        for row in unit.connection.execute(query.order_by(_table.c.first_seq))
    )


def floor(unit: Unit) -> tuple[int, str]:
    """Number and hash of the last entry that left: the ledger begins after it."""
    last = (
        select(_table.c.last_seq, _table.c.head)
        .where(_table.c.platform == unit.platform, _table.c.removed_at.is_not(None))
        .order_by(_table.c.last_seq.desc())
        .limit(1)
    )
    row = unit.connection.execute(last).one_or_none()
    return (0, GENESIS) if row is None else (row.last_seq, row.head)


def note(unit: Unit, segment: Segment, *, at: datetime, who: str) -> None:
    """The row of a segment whose file is written. Its entries may be deleted from now on."""
    unit.connection.execute(
        insert(_table).values(
            platform=unit.platform,
            first_seq=segment.first,
            last_seq=segment.last,
            month=segment.month,
            previous=segment.previous,
            head=segment.head,
            sha256=segment.sha256,
            file=segment.file,
            sealed_at=at,
            sealed_by=who,
        )
    )
