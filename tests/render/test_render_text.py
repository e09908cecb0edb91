from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.render.document import Document, Span, Tone, line
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.text import (
    amount,
    clean,
    counted,
    percent,
    ratio,
    relative,
    signed_percent,
    span,
    usd,
    visible,
)

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines", "two\\x0alines"),
        ("c1 \x9b control", "c1 \\x9b control"),
        ("bidi \u202e reversed", "bidi \\u202e reversed"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("line \u2028 separator", "line \\u2028 separator"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelt_out(hostile, shown):
    assert clean(hostile) == shown


@pytest.mark.parametrize("name", ["Rebajas de otoño · España", "黒字", "50% [off] $x", "a b"])
def test_ordinary_names_stay_as_they_are(name):
    assert clean(name) == name


def test_a_long_name_is_cut_to_120_signs():
    assert len(clean("x" * 500)) == 120
    assert clean("x" * 500).endswith("…")
    assert len(clean("\x1b" * 500)) == 120


@given(st.text())
def test_shown_text_never_holds_a_control(text):
    shown = visible(text)
    assert shown.replace("\u00a0", " ").translate(_SPACES).isprintable()


#: Spaces of other widths are not printable for Python, and harmless on a terminal.
_SPACES = dict.fromkeys((5760, *range(8192, 8203), 8239, 8287, 12288), " ")


def test_the_plain_printer_cleans_whatever_a_view_forgot():
    text = plain_text(Document.of(line("name \x1b[2J", Span("\x9b", Tone.BAD))))
    assert text == "name \\x1b[2J\\x9b\n"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (amount("1234.50", "USD"), "1,234.50 USD"),
        (amount("5000", "JPY"), "5,000 JPY"),
        (amount(None, "USD"), "-"),
        (usd("7234.40"), "$7,234"),
        (usd(Decimal("12.5")), "$12.50"),
        (usd(Decimal(-12)), "-$12"),
        (usd(None), "-"),
        (ratio(Decimal("3.2")), "3.20"),
        (ratio(0.846), "0.85"),
        (ratio(None), "-"),
        (signed_percent(0.2), "+20%"),
        (signed_percent(Decimal("-0.045")), "-4.5%"),
        (signed_percent(None), "-"),
        (percent(Decimal("0.72")), "72%"),
        (counted(1, "action"), "1 action"),
        (counted(1247, "campaign"), "1,247 campaigns"),
        (counted(0, "entry", "entries"), "0 entries"),
    ],
)
def test_values_read_as_a_person_would_write_them(shown, words):
    assert shown == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW, "now"),
        (NOW - timedelta(minutes=2), "2 min ago"),
        (NOW + timedelta(minutes=28), "in 28 min"),
        (NOW - timedelta(hours=5), "5 h ago"),
        (NOW + timedelta(days=3), "in 3 d"),
        (None, "-"),
    ],
)
def test_times_are_told_from_now(at, words):
    assert relative(at, NOW) == words


def test_a_span_is_never_negative():
    assert span(timedelta(seconds=-5)) == "0 s"
