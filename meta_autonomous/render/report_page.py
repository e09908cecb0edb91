"""The report as one HTML page that needs nothing else: no script, no font, no picture from
anywhere. Its policy allows exactly its own style sheet, so that foreign text in it can do nothing
even if it were not escaped."""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from html import escape
from typing import Any, Final

from meta_autonomous.operations.report import OUTCOMES, CampaignRoas, DayTotal, Report
from meta_autonomous.render import svg
from meta_autonomous.render.calibration import holdout_sentences
from meta_autonomous.render.document import text_of
from meta_autonomous.render.portfolio import accounts_table
from meta_autonomous.render.report_style import STYLE
from meta_autonomous.render.text import clean, counted, moment, percent, ratio, usd
from meta_autonomous.render.tick import decision_words

_MOST_CAMPAIGNS: Final = 20
_MOST_RULES: Final = 10
_NAME: Final = 26  # as many as stand beside the numbers on a phone
_TICKS: Final = 4
_NEARLY_FULL: Final = 0.9
#: The classes of the groups of `OUTCOMES`.
_KINDS: Final = {
    "executed": "executed",
    "waiting": "waiting",
    "rejected or expired": "dropped",
    "blocked": "blocked",
    "failed": "failed",
}


def report_page(report: Report) -> str:
    """The whole document."""
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>meta-auto report, {report.made_at:%Y-%m-%d}</title>"
        f"<style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(_sections(report))
        + "\n</main></body></html>\n"
    )


def _sections(report: Report) -> Iterator[str]:
    yield _head(report)
    yield _tiles(report)
    if report.alerts:
        yield _alerts(report)
    yield _spend(report)
    yield _roas(report)
    accounts = report.accounts()
    if len(accounts) > 1 or any(account["overrides"] for account in accounts):
        yield _accounts(accounts)
    yield f'<div class="pair">{_actions(report)}{_blocks(report)}</div>'
    if report.is_calibration_telling:
        yield _calibration(report)
    if report.holdout is not None:
        about, *found = holdout_sentences(report.holdout)
        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in found)
        yield _section("Hold-out", escape(about), words)
    yield (
        f"<footer>Made by meta-auto at {moment(report.made_at)}; last tick "
        f"{moment(report.last_tick_at)}. Days are those of each ad account; amounts are in "
        "USD.</footer>"
    )


def _head(report: Report) -> str:
    is_sandbox = report.platform == "sandbox"
    badge = "SANDBOX · no real money" if is_sandbox else "META · live"
    return (
        f"<header><h1>Ad budgets, {counted(len(report.days), 'day')} to "
        f"{report.days[-1].day:%d %B %Y}</h1>"
        f'<span class="badge">{badge}</span>'
        f'<span class="soft">{escape(report.mode)} mode</span></header>'
    )


# --- the figures --------------------------------------------------------------------------------


def _tiles(report: Report) -> str:
    today = report.days[-1]
    share = today.spent_usd / report.cap_usd if report.cap_usd else 1
    roas = report.window_roas
    totals = report.totals
    tiles = [
        _tile(
            usd(today.spent_usd),
            f"spent today, {percent(share)} of {usd(report.cap_usd)}",
            _meter(min(float(share), 1)),
        ),
        _tile(ratio(roas), f"ROAS of {counted(report.window_days, 'complete day')}"),
        _tile(f"{report.pending:,}", "suggestions wait for a person"),
        _tile(f"{totals['executed']:,}", "actions executed"),
        _tile(f"{len(report.alerts):,}", "open alerts"),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(figure: str, words: str, below: str = "") -> str:
    return (
        f'<div class="card tile"><p class="figure">{escape(figure)}</p>'
        f'<p class="soft">{escape(words)}</p>{below}</div>'
    )


def _meter(share: float) -> str:
    kind = "bad" if share >= 1 else "low" if share > _NEARLY_FULL else "bar"
    parts = (
        svg.element("rect", x=0, y=0, width="100%", height=6, rx=3, class_="track"),
        svg.element("rect", x=0, y=0, width=svg.percent(share), height=6, rx=3, class_=kind),
    )
    return str(svg.Drawing(6, f"{share:.0%} of the cap", parts))


def _alerts(report: Report) -> str:
    lines = "".join(
        f'<li class="{"critical" if alert.severity == "critical" else "warning"}">'
        f"{escape(clean(alert.message, 500))} <code>{escape(clean(alert.key))}</code></li>"
        for alert in report.alerts
    )
    return f'<section class="card"><h2>Open alerts</h2><ul class="alerts">{lines}</ul></section>'


# --- spend --------------------------------------------------------------------------------------


def _spend(report: Report) -> str:
    most_spent = max((float(each.spent_usd) for each in report.days), default=0)
    cap = float(report.cap_usd)
    is_near = cap <= 4 * most_spent
    most, ticks = _scale(max(most_spent, cap if is_near else 0))
    drawn = svg.columns(
        [_day_column(each) for each in report.days],
        label="Spend of each day in USD, against the daily cap",
        most=most,
        ticks=[(value, _short_usd(value)) for value in ticks],
        line=(cap, f"cap {_short_usd(cap)}") if is_near else None,
    )
    far = "" if is_near else f" The cap of {usd(report.cap_usd)} is far above this scale."
    unpriced = (
        f" Without {', '.join(report.unpriced)}, whose currency has no rate."
        if report.unpriced
        else ""
    )
    table = _table(
        ("day", "spend", "purchase value", "ROAS"),
        [
            (each.day.isoformat(), usd(each.spent_usd), usd(each.value_usd), ratio(each.roas))
            for each in reversed(report.days)
        ],
    )
    return _section(
        "Spend against the cap",
        f"All ad accounts, day by day. Today is not over.{escape(far + unpriced)}",
        str(drawn) + table,
    )


def _day_column(each: DayTotal) -> svg.Column:
    kind = "today" if each.is_today else "spend"
    return svg.Column(
        _short_day(each.day),
        (svg.Piece(float(each.spent_usd), kind),),
        f"{each.day:%a %d %b}: {usd(each.spent_usd)} spent, ROAS {ratio(each.roas)}",
    )


def _scale(most: float) -> tuple[float, list[float]]:
    """The top of an axis a little above the most, and round steps up to it."""
    if most <= 0:
        return 1.0, [0.0, 1.0]
    rough = most / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    count = math.ceil(most / step)
    top = step * count
    return top * (1.04 if most > top * 0.97 else 1), [step * n for n in range(count + 1)]


def _short_usd(value: float) -> str:
    if value >= 10_000:  # noqa: PLR2004 - four digits are short enough
        return f"${value / 1000:g}k"
    return f"${value:,.0f}" if value >= 1 or not value else f"${value:.2f}"


def _short_day(day: date) -> str:
    return f"{day.day} {day:%b}"


# --- ROAS ---------------------------------------------------------------------------------------


def _roas(report: Report) -> str:
    shown = report.campaigns[:_MOST_CAMPAIGNS]
    if not shown:
        return _section("ROAS by campaign", "No campaign with spend was read yet.", "")
    most = max((*(each.high for each in shown), *report.thresholds.values())) * 1.02
    most = min(most, 3 * max(report.thresholds.values()) or most)
    drawn = svg.intervals(
        [_interval(each, report) for each in shown],
        label="ROAS of each campaign with its 90 % interval",
        most=most,
        marks=_marks(report, most),
    )
    more = len(report.campaigns) - len(shown)
    table = _table(
        ("campaign", "spend", "ROAS", "expected", "90 % interval", "last decision"),
        [
            (
                clean(each.name),
                usd(each.spend_usd),
                ratio(each.roas),
                ratio(each.expected),
                f"{ratio(each.low)} to {ratio(each.high)}",
                decision_words(each.decision),
            )
            for each in report.campaigns
        ],
    )
    return _section(
        "ROAS by campaign",
        f"Of {counted(report.window_days, 'complete day')}, largest spend first"
        + (f"; {more} more below" if more else "")
        + ". The dot is what was measured, the line where the true ROAS lies nine times out of "
        "ten, once late purchases have come in. Marks: "
        + ", ".join(f"{name} {value:g}" for name, value in report.thresholds.items())
        + "."
        + _break_even(report),
        str(drawn) + table,
    )


def _break_even(report: Report) -> str:
    if report.break_even is None:
        return ""
    return f" Break-even at your margin: {ratio(report.break_even)}."


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> str:
    """Open at once, since no drawing says it."""
    (shown,) = accounts_table(accounts)
    rows = [tuple(text_of(cell) for cell in row) for row in shown.rows]
    table = _table([column.title for column in shown.columns], rows)
    return _section(
        "Ad accounts",
        "Today against the daily cap in force for each, and where the month leads at this pace.",
        table.replace("<details>", "<details open>", 1),
    )


def _interval(each: CampaignRoas, report: Report) -> svg.Interval:
    return svg.Interval(
        words=clean(each.name, _NAME),
        low=each.low,
        high=each.high,
        point=each.roas,
        told=f"{ratio(each.roas)} ({ratio(each.low)}–{ratio(each.high)})",
        kind=_kind(each, report),
        hint=f"{clean(each.name)}: {usd(each.spend_usd)} spent; last decision: "
        + decision_words(each.decision),
    )


def _kind(each: CampaignRoas, report: Report) -> str:
    """Coloured by where the expected ROAS lies."""
    value = each.expected if each.expected is not None else (each.low + each.high) / 2
    for name, kind in (("hard stop", "bad"), ("scale down", "low"), ("scale up", "mid")):
        if value < report.thresholds[name]:
            return kind
    return "good"


def _marks(report: Report, most: float) -> list[tuple[float, str]]:
    """Thresholds by their numbers; two that nearly meet are one."""
    marks: list[tuple[float, str]] = []
    for value in sorted(set(report.thresholds.values())):
        if value < most and (not marks or value - marks[-1][0] > most * 0.07):
            marks.append((value, f"{value:g}"))
    return marks


# --- actions ------------------------------------------------------------------------------------


def _actions(report: Report) -> str:
    days = [each.day for each in report.days]
    totals = {day: report.outcomes.get(day, {}) for day in days}
    most, ticks = _scale(max((sum(counts.values()) for counts in totals.values()), default=0))
    drawn = svg.columns(
        [
            svg.Column(
                _short_day(day),
                tuple(svg.Piece(counts.get(group, 0), _KINDS[group]) for group in OUTCOMES),
                f"{day:%a %d %b}: "
                + (
                    ", ".join(f"{counts[group]} {group}" for group in OUTCOMES if group in counts)
                    or "nothing"
                ),
            )
            for day, counts in totals.items()
        ],
        label="Actions of each day by what became of them",
        most=most,
        ticks=[(value, f"{value:g}") for value in ticks if value == int(value)],
    )
    legend = "".join(_swatch(group, report.totals[group]) for group in OUTCOMES)
    table = _table(
        ("day", *OUTCOMES),
        [
            (day.isoformat(), *(str(counts.get(group, 0)) for group in OUTCOMES))
            for day, counts in reversed(totals.items())
        ],
    )
    return _section(
        "Actions by outcome",
        "Each action once, on the last day it was wanted or made, as it stands now.",
        f'<ul class="legend">{legend}</ul>{drawn}{table}',
    )


def _swatch(group: str, count: int) -> str:
    square = svg.element("rect", width=10, height=10, rx=2, class_=_KINDS[group])
    return (
        f"<li>{svg.element('svg', square, width=10, height=10, aria_hidden='true')}"
        f"{escape(group)} {count:,}</li>"
    )


def _blocks(report: Report) -> str:
    if not report.blocks:
        return _section("Held back, by rule", "No rule stopped anything in this time.", "")
    shown = report.blocks[:_MOST_RULES]
    drawn = svg.rows(
        [
            svg.Row(each.rule, each.count, f"{each.count:,}", "blocked", each.sentence)
            for each in shown
        ],
        label="Blocked actions by the rule that stopped them",
    )
    table = _table(
        ("rule", "says", "actions"),
        [(each.rule, each.sentence, f"{each.count:,}") for each in report.blocks],
    )
    return _section(
        "Held back, by rule",
        "Each blocked action counts for the first rule that stopped it.",
        str(drawn) + table,
    )


def _calibration(report: Report) -> str:
    drawn = svg.agreement(
        [(each.stated, each.observed, each.count) for each in report.calibration],
        label="How often stated confidences came true",
    )
    table = _table(
        ("stated", "came true", "predictions"),
        [
            (percent(each.stated), percent(each.observed), f"{each.count:,}")
            for each in report.calibration
        ],
    )
    return _section(
        "How often confidences came true",
        "On the line, what was called 80 % sure came true eight times out of ten. Larger dots "
        "rest on more predictions.",
        str(drawn) + table,
    )


# --- parts --------------------------------------------------------------------------------------


def _section(title: str, note: str, inside: str) -> str:
    head = f'<h2>{escape(title)}</h2><p class="note">{note}</p>'
    return f'<section class="card">{head}{inside}</section>'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same as numbers, for who can't see the drawing or wants to copy."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(clean(cell, 300))}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return (
        '<details><summary>Numbers</summary><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )
