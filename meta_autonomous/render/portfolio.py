"""Several ad accounts side by side, and where the month leads."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.render.document import Column, Line, Span, Table, Tone, line
from meta_autonomous.render.text import UNKNOWN, clean, percent, ratio, usd

Json = Mapping[str, Any]

_COLUMNS: Final = (
    Column("ad account", may_wrap=True),
    Column("today", is_number=True),
    Column("of cap", is_number=True),
    Column("ROAS", is_number=True),
    Column("waiting", is_number=True),
    Column("alerts", is_number=True),
    Column("month's end", is_number=True),
    Column("currency", below="in {}"),
    Column("id", below="id {}"),
    Column("state", below="{}"),
    Column("other limits", below="{}"),
)


def accounts_table(accounts: Sequence[Json]) -> Iterator[Table]:
    """Nothing for a single account that has no limits of its own: the rest of the view says it
    all."""
    if len(accounts) > 1 or any(account["overrides"] for account in accounts):
        yield Table(_COLUMNS, tuple(_row(account) for account in accounts), empty="")


def _row(account: Json) -> tuple[str | Span, ...]:
    spent, month = account["spend_usd"], account["month"]
    share = _share(spent, account["cap_usd"])
    is_ok = account["state"] == "ok"
    alerts = len(account["alerts"])
    return (
        clean(str(account["name"] or account["account_id"])),
        usd(spent),
        percent(share),
        ratio(account["roas"]),
        f"{account['pending']:,}",
        Span(f"{alerts:,}", Tone.BAD if alerts else Tone.PLAIN),
        UNKNOWN if month is None else usd(Decimal(month["projected_usd"]).quantize(Decimal(1))),
        str(account["currency"] or UNKNOWN),
        str(account["account_id"]),
        "" if is_ok else Span(clean(str(account["state"])), Tone.WARN),
        "; ".join(_own(name, own) for name, own in account["overrides"].items()),
    )


def _own(name: str, own: Json) -> str:
    return f"{name} {own['value']:g} (elsewhere {own['everywhere']:g})"


def _share(spent: str | None, cap: str) -> Decimal | None:
    limit = Decimal(cap)
    if spent is None or not limit:
        return None
    return (Decimal(spent) / limit).quantize(Decimal("0.01"))


def month_line(month: Json) -> Line:
    """`November: $5,377 so far; $129,906 at this pace, 43% of the $300,000 …`, and who is not in
    these sums."""
    first = date.fromisoformat(str(month["first_day"]))
    share = float(month["projected_pct"])
    tone = Tone.BAD if share > 1 else Tone.WARN if month["is_near"] else Tone.PLAIN
    return line(
        f"{first:%B}: {usd(month['spend_usd'])} so far; ",
        Span(f"{usd(month['projected_usd'])} at this pace", tone),
        f", {percent(round(share, 2))} of the {usd(month['allowed_usd'])} that the cap allows",
        *_without(month["left_out"]),
    )


def _without(left_out: Sequence[Json]) -> Iterator[Span]:
    if left_out:
        each = ", ".join(
            f"{clean(str(one['name'] or one['account_id']))} ({one['because']})"
            for one in left_out
        )
        yield Span(f"; without {each}", Tone.WARN)
