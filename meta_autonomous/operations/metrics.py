"""The program in numbers, as Prometheus reads them from a file. All of it is on record, so that
`alerts check` can write the file too.

No names of campaigns are labels, no line has a time stamp: node_exporter refuses the latter, and
the former would grow without end.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.domain.version import VERSION
from meta_autonomous.operations.alert_kinds import ALERT_KINDS, kind_of
from meta_autonomous.ports.people import System
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import Json

Number = int | Decimal
Labels = tuple[tuple[str, str], ...]

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge and its samples. Without samples it is not shown."""

    name: str
    help: str
    samples: tuple[tuple[Labels, Number], ...]

    @classmethod
    def of(cls, name: str, help_text: str, value: Number | None) -> "Metric":
        return cls(name, help_text, () if value is None else (((), value),))

    @classmethod
    def by(cls, label: str, name: str, help_text: str, values: Mapping[str, Number]) -> "Metric":
        samples = tuple((((label, key),), value) for key, value in sorted(values.items()))
        return cls(name, help_text, samples)


def metrics_text(store: Store, system: System, book: PolicyBook, *, now: datetime) -> str:
    """The whole file. `now` is the local clock; on the sandbox its own."""
    return written(_metrics(store, system, book, now))


def written(metrics: Iterable[Metric]) -> str:
    """Prometheus's text format, ending in a line feed."""
    lines: list[str] = []
    for metric in metrics:
        if not metric.samples:
            continue
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
        lines += [f"{metric.name}{_labels(labels)} {value}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    told = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{told}}}" if told else ""


def _metrics(store: Store, system: System, book: PolicyBook, now: datetime) -> Iterator[Metric]:
    runtime = store.runtime()
    yield Metric(
        "meta_auto_info",
        "What runs: platform, mode and version.",
        (
            (
                (
                    ("platform", system.platform),
                    ("mode", runtime.mode or system.mode),
                    ("version", VERSION),
                ),
                1,
            ),
        ),
    )
    yield Metric.of(
        "meta_auto_enabled", "Whether META_AUTO_ENABLED is true.", int(system.is_enabled)
    )
    yield Metric.of("meta_auto_started", "Whether nobody has stopped it.", int(runtime.is_started))
    yield Metric.of(
        "meta_auto_interval_seconds",
        "How often a tick is due (META_AUTO_INTERVAL_SECONDS).",
        system.interval_seconds,
    )
    last = store.last_tick()
    if last is not None:
        yield from _of_tick(last, book)
        yield from _of_accounts(last, now)
    yield from _of_doubts(store, now)
    head = store.ledger(limit=1)
    yield Metric.of(
        "meta_auto_ledger_seq",
        "The number of the ledger's last entry; it never falls.",
        head[-1].seq if head else 0,
    )
    standing = {kind_of(alert.key) for alert in store.open_alerts()}
    yield Metric.by(
        "alert",
        "meta_auto_alert_active",
        "Whether an alert of this kind is open.",
        {kind: int(kind in standing) for kind in (*ALERT_KINDS, *standing)},
    )


def _of_tick(last: Json, book: PolicyBook) -> Iterator[Metric]:
    run: Json = last.get("run", {})
    yield Metric.of(
        "meta_auto_last_run_timestamp_seconds",
        "When the last tick ended.",
        _seconds(run.get("ended_at") or last.get("tick_completed_at")),
    )
    yield Metric.of(
        "meta_auto_last_success_timestamp_seconds",
        "When the last tick that exited with 0 ended.",
        _seconds(run.get("last_success_at")),
    )
    yield Metric.of(
        "meta_auto_last_run_exit_code", "The last tick's exit code.", run.get("exit_code")
    )
    duration = run.get("duration_ms")
    yield Metric.of(
        "meta_auto_tick_duration_seconds",
        "How long the last tick took.",
        None if duration is None else Decimal(int(duration)) / 1000,
    )
    yield Metric.by(
        "outcome",
        "meta_auto_actions",
        "The last tick's actions by outcome.",
        {word.value: int(last.get(f"actions_{word}", 0)) for word in Outcome},
    )
    yield Metric.of("meta_auto_api_requests", "Requests of the last tick.", last.get("requests"))
    quota = run.get("quota_used")
    yield Metric.of(
        "meta_auto_api_usage_ratio",
        "The largest share of Meta's quotas in use, by its own headers.",
        None if quota is None else Decimal(quota),
    )
    cap = book.limits.max_daily_spend_usd
    spent = last.get("spend_today_usd")
    yield Metric.of(
        "meta_auto_cap_used_ratio",
        "Today's spend as a share of MAX_DAILY_SPEND_USD.",
        (Decimal(spent) / cap).quantize(Decimal("0.0001")) if cap and spent is not None else None,
    )


def _of_accounts(last: Json, now: datetime) -> Iterator[Metric]:
    yield Metric.by(
        "account",
        "meta_auto_circuit_open",
        "Whether Meta wants this ad account to be left alone for now.",
        {
            str(account["account_id"]): int(_is_blocked(account.get("blocked_until"), now))
            for account in last.get("accounts", ())
        },
    )


def _is_blocked(until: str | None, now: datetime) -> bool:
    return until is not None and datetime.fromisoformat(until) > now


def _of_doubts(store: Store, now: datetime) -> Iterator[Metric]:
    attempts = store.open_attempts()
    stuck = [one for one in attempts if one.state is AttemptState.NEEDS_HUMAN]
    ages = [int((now - one.effect_at).total_seconds()) for one in attempts]
    yield Metric.of("meta_auto_in_doubt", "Changes whose outcome is unknown.", len(attempts))
    yield Metric.of(
        "meta_auto_in_doubt_oldest_seconds",
        "How long the oldest of them is in doubt; 0 without one.",
        max(ages, default=0),
    )
    yield Metric.of(
        "meta_auto_needs_resolving", "Changes that only a person can settle.", len(stuck)
    )


def _seconds(at: str | None) -> int | None:
    return None if at is None else int(datetime.fromisoformat(at).timestamp())
