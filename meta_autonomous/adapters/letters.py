"""News as a letter: a subject, plain text, and HTML for those who read mail.

Names come from whoever may edit a campaign. In the text every sign that a terminal or a mail
header would act on is spelt out; in the HTML it is escaped besides. A letter is short: past a
hundred actions it names the command that lists them all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.news import News, NewsItem
from meta_autonomous.domain.text import clean

_MOST_ITEMS: Final = 100
_MOST_IDS: Final = 25
_LONGEST: Final = 600

_OUTCOMES: Final = {
    Outcome.QUEUED: "waits for approval",
    Outcome.EXECUTED: "executed",
    Outcome.FAILED: "failed",
    Outcome.IN_DOUBT: "in doubt",
}
_COLOURS: Final = {
    Outcome.QUEUED: "#8a5a00",
    Outcome.EXECUTED: "#1a7f37",
    Outcome.FAILED: "#b42318",
    Outcome.IN_DOUBT: "#b42318",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`html` is the inside of a page's body."""

    subject: str
    text: str
    html: str
    is_urgent: bool = False


def letter(news: News) -> Letter:
    items = news.items[:_MOST_ITEMS]
    return Letter(
        subject=_subject(news),
        text="\n".join(_text(news, items)) + "\n",
        html="".join(_html(news, items)),
        is_urgent=news.is_urgent,
    )


def joined(letters: Sequence[Letter]) -> Letter:
    """One letter of several: the first is the news, the others come late."""
    first, *late = letters
    if not late:
        return first
    count = f"{len(late)} earlier, not delivered then"
    return Letter(
        subject=f"{first.subject} (and {count})",
        text=f"\n{'-' * 72}\nNot delivered before:\n\n".join(one.text for one in letters),
        html=f'<hr><p style="{_QUIET}">Not delivered before:</p>'.join(o.html for o in letters),
        is_urgent=any(one.is_urgent for one in letters),
    )


# --- what stands in it --------------------------------------------------------------------------


def _subject(news: News) -> str:
    outcomes = Counter(item.outcome for item in news.items)
    parts = [
        _counted(len(news.alerts), "alert"),
        _counted(outcomes[Outcome.QUEUED], "suggestion"),
        _counted(outcomes[Outcome.EXECUTED], "executed", "executed"),
        _counted(outcomes[Outcome.FAILED], "failed", "failed"),
        _counted(outcomes[Outcome.IN_DOUBT], "in doubt", "in doubt"),
        _counted(len(news.settled), "settled", "settled"),
    ]
    told = ", ".join(part for part in parts if part) or "test message"
    return f"{_where(news)}meta-auto: {'URGENT: ' if news.is_urgent else ''}{told}"


def _where(news: News) -> str:
    return "SANDBOX " if news.platform == "sandbox" else ""


def _counted(number: int, singular: str, plural: str = "") -> str:
    if not number:
        return ""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def _commands(news: News) -> Iterator[tuple[str, str]]:
    """What to run, and what for."""
    waiting = [str(item.id) for item in news.items if item.outcome is Outcome.QUEUED and item.id]
    if waiting:
        ids = " ".join(waiting[:_MOST_IDS])
        yield f"meta-auto suggestions approve {ids}", "approve these"
        yield f"meta-auto suggestions reject {waiting[0]}", "no, and not again for 24 hours"
        yield f"meta-auto suggestions show {waiting[0]}", "all the evidence for one"
        yield "meta-auto suggestions review", "one after the other, by one key"
    done = [str(item.id) for item in news.items if item.outcome is Outcome.EXECUTED and item.id]
    if done:
        yield f"meta-auto actions undo {' '.join(done[:_MOST_IDS])}", "take back what was executed"
    if news.alerts:
        yield "meta-auto alerts list", "what is open, and its keys"
        yield "meta-auto alerts ack KEY", "took note: do not repeat it"


def _left_out(news: News, items: Sequence[NewsItem]) -> str:
    more = len(news.items) - len(items)
    return f"… and {more} more: meta-auto suggestions list" if more else ""


# --- as text ------------------------------------------------------------------------------------


def _text(news: News, items: Sequence[NewsItem]) -> Iterator[str]:
    yield f"{_where(news)}meta-auto, {clean(news.about)}"
    yield ""
    for alert in news.alerts:
        yield f"ALERT {clean(alert, _LONGEST)}"
    for message in news.settled:
        yield f"SETTLED {clean(message, _LONGEST)}"
    if news.alerts or news.settled:
        yield ""
    for item in items:
        number = f"#{item.id} " if item.id is not None else ""
        urgent = "URGENT, " if item.is_urgent else ""
        yield f"{number}{clean(item.what, _LONGEST)} {item.change}".rstrip()
        yield f"    {urgent}{_OUTCOMES.get(item.outcome, item.outcome)}. {_why(item)}"
    left_out = _left_out(news, items)
    if left_out:
        yield left_out
    commands = list(_commands(news))
    if commands:
        width = max(len(command) for command, _ in commands)
        yield ""
        yield "What to run:"
        yield from (f"    {command:<{min(width, 60)}}  {what}" for command, what in commands)
    if news.ledger_head is not None:
        yield ""
        yield f"Ledger: {news.ledger_head}"


def _why(item: NewsItem) -> str:
    said = [clean(text, _LONGEST).rstrip(".") for text in (item.reason, item.message) if text]
    return f"{'. '.join(said)}." if said else ""


# --- as HTML ------------------------------------------------------------------------------------

_FONT: Final = "font:15px/1.5 -apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"
_QUIET: Final = "color:#667085;font-size:13px;margin:2px 0 0"
_CODE: Final = "font:13px/1.6 ui-monospace,Menlo,Consolas,monospace"


def _html(news: News, items: Sequence[NewsItem]) -> Iterator[str]:
    yield f'<div style="{_FONT};max-width:680px">'
    yield f'<p style="{_QUIET}">{escape(_where(news) + "meta-auto, " + clean(news.about))}</p>'
    yield from _boxes(news.alerts, "Alert", "#b42318")
    yield from _boxes(news.settled, "Settled", "#175cd3")
    yield from map(_item, items)
    left_out = _left_out(news, items)
    if left_out:
        yield f'<p style="{_QUIET}">{escape(left_out)}</p>'
    commands = list(_commands(news))
    if commands:
        yield '<p style="margin:20px 0 4px"><b>What to run</b></p>'
        for command, what in commands:
            yield f'<div style="{_CODE}">{escape(command)}</div>'
            yield f'<p style="{_QUIET};margin-bottom:6px">{escape(what)}</p>'
    if news.ledger_head is not None:
        yield f'<p style="{_QUIET}">Ledger: <span style="{_CODE}">{news.ledger_head}</span></p>'
    yield "</div>"


def _boxes(texts: Iterable[str], word: str, colour: str) -> Iterator[str]:
    for text in texts:
        yield (
            f'<p style="border-left:4px solid {colour};padding:4px 12px;margin:10px 0">'
            f'<b style="color:{colour}">{word}</b> {escape(clean(text, _LONGEST))}</p>'
        )


def _item(item: NewsItem) -> str:
    number = f"#{item.id} " if item.id is not None else ""
    state = str(_OUTCOMES.get(item.outcome, item.outcome))
    colour = _COLOURS.get(item.outcome, "#667085")
    urgent = '<b style="color:#b42318">urgent</b> · ' if item.is_urgent else ""
    change = f"<br>{escape(item.change)}" if item.change else ""
    return (
        f'<div style="border-top:1px solid #d0d5dd;padding:8px 0">'
        f"<b>{escape(number + clean(item.what, _LONGEST))}</b>{change}<br>"
        f'{urgent}<span style="color:{colour}">{escape(state)}</span>'
        f'<p style="{_QUIET}">{escape(_why(item))}</p></div>'
    )
