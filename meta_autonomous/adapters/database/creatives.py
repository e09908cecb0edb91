"""Creatives and who approved them."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update

from meta_autonomous.adapters.database import ledger
from meta_autonomous.adapters.database.tables import creative_approvals, entity_snapshots
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.entities import AccountSnapshot
from meta_autonomous.ports.records import CreativeRecord, CreativeUse, LedgerEvent

APPROVED: Final = "approved"
REJECTED: Final = "rejected"
PENDING: Final = "pending"

_table = creative_approvals


def record(unit: Unit, snapshot: AccountSnapshot, *, is_baseline: bool, tick_id: str) -> None:
    """Note creatives seen for the first time. Those of the account's first read are approved."""
    on_record = set(
        unit.connection.execute(
            select(_table.c.creative_id).where(
                _table.c.platform == unit.platform, _table.c.account_id == snapshot.account.id
            )
        ).scalars()
    )
    new = sorted(
        {ad.creative_id for ad in snapshot.ads.values() if ad.creative_id is not None} - on_record
    )
    if not new:
        return
    at = unit.at(snapshot.observed_at)
    status, source = (APPROVED, "baseline") if is_baseline else (PENDING, "seen")
    decided = (at, "baseline") if is_baseline else (None, None)
    unit.insert_many(
        _table,
        (
            "creative_id",
            "account_id",
            "status",
            "source",
            "first_seen_at",
            "decided_at",
            "decided_by",
        ),
        [(creative, snapshot.account.id, status, source, at, *decided) for creative in new],
    )
    if is_baseline:
        ledger.append(
            unit,
            LedgerEvent(
                event="creative_approved",
                who="autonomous_worker",
                at=snapshot.observed_at,
                tick_id=tick_id,
                why="baseline: in use when the account was first read",
                after={"account_id": snapshot.account.id, "creatives": len(new)},
            ),
        )


def decided(unit: Unit, account_id: str) -> tuple[frozenset[str], frozenset[str]]:
    """Approved and rejected creatives of an account."""
    query = select(_table.c.creative_id, _table.c.status).where(
        _table.c.platform == unit.platform, _table.c.account_id == account_id
    )
    by_status: dict[str, set[str]] = {APPROVED: set(), REJECTED: set(), PENDING: set()}
    for creative_id, status in unit.connection.execute(query):
        by_status[status].add(creative_id)
    return frozenset(by_status[APPROVED]), frozenset(by_status[REJECTED])


def listed(unit: Unit, *, account_id: str | None) -> tuple[CreativeRecord, ...]:
    """Pending first, then the newest, each with the ads that run it."""
    query = select(_table).where(_table.c.platform == unit.platform)
    if account_id is not None:
        query = query.where(_table.c.account_id == account_id)
    rows = unit.connection.execute(
        query.order_by(
            _table.c.status != PENDING, _table.c.first_seen_at.desc(), _table.c.creative_id
        )
    )
    ads = _ads_by_creative(unit, account_id=account_id)
    return tuple(
        CreativeRecord(
            creative_id=row.creative_id,
            account_id=row.account_id,
            status=row.status,
            source=row.source,
            first_seen_at=row.first_seen_at,
            decided_at=row.decided_at,
            decided_by=row.decided_by,
            ads=tuple(ads[row.creative_id]),
        )
        for row in rows
    )


def _ads_by_creative(unit: Unit, *, account_id: str | None) -> Mapping[str, list[CreativeUse]]:
    """As the last read of each ad found it."""
    columns = entity_snapshots.c
    query = select(
        columns.creative_id,
        columns.entity_id,
        columns.name,
        columns.campaign_id,
        columns.effective_status,
    ).where(
        columns.platform == unit.platform,
        columns.replaced_at.is_(None),
        columns.creative_id.is_not(None),
    )
    if account_id is not None:
        query = query.where(columns.account_id == account_id)
    found: defaultdict[str, list[CreativeUse]] = defaultdict(list)
    for row in unit.connection.execute(query.order_by(columns.entity_id)):
        found[row.creative_id].append(
            CreativeUse(
                ad_id=row.entity_id,
                name=row.name,
                campaign_id=row.campaign_id,
                status=row.effective_status,
            )
        )
    return found


def decide(
    unit: Unit,
    creative_id: str,
    *,
    account_id: str,
    is_approved: bool,
    at: datetime,
    who: str,
    why: str,
) -> str | None:
    """Approve or reject a creative, seen or not yet seen; its status before, if it had one. What
    stands so already is left alone."""
    where: tuple[Any, ...] = (
        _table.c.platform == unit.platform,
        _table.c.creative_id == creative_id,
    )
    before = unit.connection.execute(select(_table.c.status).where(*where)).scalar_one_or_none()
    status = APPROVED if is_approved else REJECTED
    if before == status:
        return status
    values = {"status": status, "source": "person", "decided_at": at, "decided_by": who}
    if before is None:
        unit.connection.execute(
            insert(_table).values(
                values
                | {
                    "platform": unit.platform,
                    "creative_id": creative_id,
                    "account_id": account_id,
                    "first_seen_at": at,
                }
            )
        )
    else:
        unit.connection.execute(update(_table).where(*where).values(values))
    ledger.append(
        unit,
        LedgerEvent(
            event=f"creative_{status}",
            who=who,
            at=at,
            why=why,
            before={"creative_id": creative_id, "status": before or "unseen"},
            after={"creative_id": creative_id, "status": status},
        ),
    )
    return before
