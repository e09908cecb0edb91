import io
import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from rich.console import Console

from meta_autonomous.render import output
from meta_autonomous.render.document import (
    Bar,
    Box,
    Column,
    Document,
    Line,
    Pairs,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.screen import drawn

TABLE = Table(
    (Column("name", may_wrap=True), Column("spend", is_number=True)),
    (("[red]A[/red]", "5"), (Span("Bü", Tone.BAD), "1,000")),
    empty="Nothing.",
)
DOCUMENT = Document.of(
    line(Span("SANDBOX", Tone.WARN), " · x"),
    Line(),
    TABLE,
    Box("Title [/x]", (Pairs((("mode", "auto"),)), Bar("Spend", Decimal("0.5"), "half"))),
)


def test_plain_text_is_aligned_and_has_no_drawing():
    assert plain_text(DOCUMENT) == (
        "SANDBOX · x\n"
        "\n"
        "NAME          SPEND\n"
        "[red]A[/red]      5\n"
        "Bü            1,000\n"
        "Title [/x]\n"
        "  mode  auto\n"
        "  Spend [###############---------------] half\n"
    )


def test_an_empty_table_says_so():
    assert plain_text(Document.of(Table(TABLE.columns, (), empty="Nothing."))) == "Nothing.\n"


def test_an_empty_document_prints_nothing():
    assert plain_text(Document.of()) == ""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_never_reads_names_as_markup_or_escapes(width):
    canvas = io.StringIO()
    console = Console(file=canvas, width=width, force_terminal=True, markup=False)
    table = Table(TABLE.columns, (("[/x] \x1b]0;title\x07 \x9b", "1"),), empty="")
    for block in Document.of(*DOCUMENT.blocks, table).blocks:
        console.print(drawn(block, width))
    shown = canvas.getvalue()
    assert "[/x]" in shown
    assert "\x1b]0" not in shown
    assert "\x9b" not in shown
    assert "\x07" not in shown


def test_json_is_one_document_with_names_escaped(capsys):
    output.show_json([{"name": "\x1b\u202eñ"}])
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == [{"name": "\x1b\u202eñ"}]


def test_json_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="Out of range"):
        output.show_json({"roas": float("nan")})


def _python(code: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)


def test_a_terminal_without_unicode_still_gets_the_text():
    done = _python(
        "from meta_autonomous.render.output import write; write('500 → 600 ñ\\n')",
        PYTHONIOENCODING="ascii",
    )
    assert done.stdout == b"500 -> 600 \\xf1\n"


def test_a_reader_that_leaves_is_no_error():
    done = _python(
        "import os, sys\n"
        "from meta_autonomous.render.output import write\n"
        "reading, writing = os.pipe()\n"
        "os.dup2(writing, 1)\n"
        "os.close(writing)\n"
        "os.close(reading)\n"
        "write('x' * 100_000)\n"
        "write('y')\n"
        "sys.exit(7)\n"
    )
    assert done.returncode == 7
    assert done.stderr == b""
