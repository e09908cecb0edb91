"""What wants a person's attention."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from meta_autonomous.ports.records import AlertRecord
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Column, Document, Line, Span, Table, Tone
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import clean, relative
from meta_autonomous.render.tick import visible_sentence


def alert_json(alert: AlertRecord, *, platform: str) -> dict[str, Any]:
    return {
        "key": alert.key,
        "severity": alert.severity,
        "message": alert.message,
        "raised_at": time_text(alert.raised_at),
        "cleared_at": time_text(alert.cleared_at),
        "acknowledged_by": alert.acknowledged_by,
        "entity_id": alert.entity_id,
        "platform": platform,
    }


def alerts_document(alerts: Sequence[AlertRecord], *, platform: str, now: datetime) -> Document:
    columns = (
        Column("severity"),
        Column("raised"),
        Column("alert", may_wrap=True),
        Column("message", may_wrap=True, below="{}"),
        Column("acknowledged by", below="acknowledged by {}"),
    )
    rows = tuple(
        (
            Span(alert.severity, Tone.BAD if alert.severity == "critical" else Tone.WARN),
            relative(alert.raised_at, now),
            clean(alert.key),
            visible_sentence(alert.message),
            clean(alert.acknowledged_by or "-"),
        )
        for alert in alerts
    )
    return Document.of(banner(platform), Line(), Table(columns, rows, empty="No open alerts."))
