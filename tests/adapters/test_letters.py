"""News as letters: short, complete, and harmless whatever a campaign is called."""

import asyncio
import random
import unicodedata
from html.parser import HTMLParser

import pytest

from meta_autonomous.adapters.letters import Letter, joined, letter
from meta_autonomous.adapters.notify import AppriseNotifier, Outbox, Silence
from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.news import News, NewsItem
from meta_autonomous.ports.errors import ConfigError
from tests.cli.mail_server import mail_server, text_of

HOSTILE = [
    "Sale\r\nBcc: everyone@example.com", "<script>alert(1)</script>", "</div></body>", "\x1b[2J\x1b]0;x\x07",
    "\u202egnp.exe", "\ud800", "\x00", "[bold]x[/]", "[/red]", "=cmd|' /C calc'!A0", "%s%n{0}{x.__class__}",
    "a\u2028b\u2029c", "\x85\x0b\x0c", "&lt;&#x27;", "\ufeff", "'\"><img src=x onerror=y>", "\n.\n", "From x",
    "=?utf-8?q?=0A?=", "🛍️" * 200, "Z̷̢̛" * 60, "x" * 5000, "", " ", "--===boundary==--",
]  # fmt: skip


def item(number: int = 1, what: str = "scale up campaign A", **more) -> NewsItem:
    known = {"outcome": Outcome.QUEUED, "is_urgent": False, "change": "1.00 USD -> 2.00 USD"}
    return NewsItem(id=number, what=what, **known | {"reason": "good"} | more)


def news(*items: NewsItem, **more) -> News:
    return News(platform="meta", about="tick 1, suggest mode", items=items, **more)


def hostile_names(count: int) -> list[str]:
    """Mixtures of the worst, and random text of all planes."""
    draw = random.Random(7)
    names = list(HOSTILE)
    while len(names) < count:
        parts = draw.sample(HOSTILE, 2) if draw.random() < 0.5 else []
        parts += [chr(draw.randrange(0x110000)) for _ in range(draw.randrange(20))]
        names.append("".join(parts))
    return names


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert {name for name, _ in attrs} <= {"style"}
        self.depth += tag not in ("br", "hr")

    def handle_endtag(self, tag):
        self.depth -= 1


def raw_signs(text: str) -> set[str]:
    return {
        sign for sign in text if unicodedata.category(sign)[0] == "C" and sign not in "\n\r\t"
    } | {sign for sign in text if unicodedata.category(sign) in ("Zl", "Zp")}


def test_two_thousand_hostile_names_break_no_letter():
    for name in hostile_names(2000):
        told = letter(news(item(what=name, reason=name, message=name), alerts=(name,)))
        assert raw_signs(told.text) == raw_signs(told.html) == set()
        assert told.subject == "meta-auto: 1 alert, 1 suggestion"
        tags = Tags()
        tags.feed(told.html)
        tags.close()
        assert tags.seen <= {"div", "p", "b", "br", "span"}
        assert tags.depth == 0
        assert len(told.text) < 4000
        told.text.encode()
        told.html.encode()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_thousand_hostile_names_are_twenty_whole_mails(tmp_path):
    names = hostile_names(2000)
    with mail_server() as server:
        for start in range(0, 2000, 100):
            notifier = AppriseNotifier([server.url()], Outbox(tmp_path / "out.json"))
            items = [item(n, what=name) for n, name in enumerate(names[start : start + 100])]
            assert asyncio.run(notifier.send(news(*items)))
        assert len(server.messages) == 20
        for message in server.messages:
            assert message["Subject"] == "meta-auto: 100 suggestions"
            assert message["To"] == "ana@shop.example"
            assert message["Bcc"] is None
            assert raw_signs(text_of(message)) == raw_signs(text_of(message, "html")) == set()
            assert "#99 " in text_of(message)


def test_a_letter_names_what_to_run():
    told = letter(news(item(4), item(9), item(5, outcome=Outcome.EXECUTED), alerts=("Fire.",)))
    for command in (
        "meta-auto suggestions approve 4 9", "meta-auto suggestions show 4",
        "meta-auto actions undo 5", "meta-auto alerts ack KEY",
    ):  # fmt: skip
        assert command in told.text
        assert command in told.html


def test_past_a_hundred_actions_a_letter_names_the_list():
    told = letter(news(*(item(number) for number in range(130))))
    assert told.text.count("scale up campaign A") == 100
    assert "… and 30 more: meta-auto suggestions list" in told.text
    assert "130 suggestions" in told.subject


def test_what_is_late_stands_below_what_is_new():
    first = Letter(subject="new", text="N\n", html="<p>N</p>")
    late = Letter(subject="old", text="O\n", html="<p>O</p>", is_urgent=True)
    told = joined([first, late])
    assert told.subject == "new (and 1 earlier, not delivered then)"
    assert told.text.index("N") < told.text.index("O")
    assert told.is_urgent
    assert joined([first]) is first


def test_the_outbox_survives_nonsense(tmp_path):
    box = Outbox(tmp_path / "out.json")
    assert box.read() == {}
    kept = {2: [Letter(subject="s", text="t", html="h")]}
    box.keep(kept)
    assert box.read() == kept
    for nonsense in ("", "[]", '{"1": [{"x": 1}]}', '{"x": []}', "\x00"):
        (tmp_path / "out.json").write_text(nonsense)
        assert box.read() == {}
    box.keep({})
    assert not (tmp_path / "out.json").exists()
    Outbox(tmp_path / "no" / "folder").keep(kept)  # a warning, and no error


def test_without_targets_nobody_is_told():
    assert asyncio.run(Silence().send(news(item()))) is False
    assert asyncio.run(Silence().catch_up()) is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_url_that_apprise_does_not_know_is_named_by_its_place(tmp_path):
    with pytest.raises(ConfigError, match="URL number 2") as refused:
        AppriseNotifier(["json://127.0.0.1", "hunter2://x"], Outbox(tmp_path / "out.json"))
    assert "hunter2" not in str(refused.value)
