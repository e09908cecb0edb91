"""Creatives, the ads that run them, and who let them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from meta_autonomous.domain.entities import Status
from meta_autonomous.ports.records import CreativeRecord, CreativeUse
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Block, Column, Document, Line, Span, Table, Tone, line
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import clean, relative

_TONES: Final = {"pending": Tone.STRONG, "approved": Tone.GOOD, "rejected": Tone.BAD}
_FEW: Final = 3


def creative_json(record: CreativeRecord, *, platform: str) -> dict[str, Any]:
    return {
        "id": record.creative_id,
        "account_id": record.account_id,
        "status": record.status,
        "source": record.source,
        "ads": [
            {
                "id": ad.ad_id,
                "name": ad.name,
                "campaign_id": ad.campaign_id,
                "effective_status": ad.status,
            }
            for ad in record.ads
        ],
        "first_seen_at": time_text(record.first_seen_at),
        "decided_by": record.decided_by,
        "decided_at": time_text(record.decided_at),
        "platform": platform,
    }


def creatives_document(
    records: Sequence[CreativeRecord], *, platform: str, now: datetime
) -> Document:
    columns = (
        Column("id"),
        Column("status"),
        Column("first seen"),
        Column("decided by", below="by {}"),
        Column("account", below="account {}"),
        Column("ads that run it", may_wrap=True, below="run by {}"),
    )
    rows = tuple(
        (
            clean(record.creative_id),
            Span(record.status, _TONES.get(record.status, Tone.PLAIN)),
            relative(record.first_seen_at, now),
            clean(record.decided_by or "-"),
            clean(record.account_id),
            _ads(record),
        )
        for record in records
    )
    return Document.of(
        banner(platform),
        Line(),
        Table(columns, rows, empty="No creatives found."),
        *_advice(records),
    )


def _ads(record: CreativeRecord) -> str:
    told = [f"{clean(ad.name)} ({clean(ad.ad_id)}{_state(ad)})" for ad in record.ads[:_FEW]]
    more = len(record.ads) - _FEW
    return ", ".join(told) + (f" and {more} more" if more > 0 else "") or "-"


def _state(ad: CreativeUse) -> str:
    return "" if ad.status == Status.ACTIVE else f", {clean(ad.status.lower().replace('_', ' '))}"


def _advice(records: Sequence[CreativeRecord]) -> Iterator[Block]:
    waiting = [record.creative_id for record in records if record.status == "pending"]
    if waiting:
        yield Line()
        yield line(f"Next: meta-auto creatives approve {clean(waiting[0])}")
