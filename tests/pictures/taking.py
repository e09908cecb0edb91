"""Pictures of the terminal for the README, taken of real runs in a fresh sandbox."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
WIDTH: Final = 112
#: A tick's id has a random end; a picture has the same one each time.
_TICK_ID: Final = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{8}")
#: How long a tick took is this machine's affair.
_TOOK: Final = re.compile(r"(requests to the sandbox) · \d+ s")
#: One piece of shown text in rich's drawing, the size of a cell there, and where a line begins.
_SHOWN: Final = re.compile(
    r'<text (class="shown-\w+-r\d+" )x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"([^>]*)>([^<]*)</text>'
)
_CELL: Final = 12.2
_LINE: Final = 24.4
_ASCENT: Final = 18.5
_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [
        (72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
        (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196),
    ],
)  # fmt: skip
_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
    <style>
    .{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
        font-size: {char_height}px; line-height: {line_height}px; }}
    .{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 16px; }}
    {styles}
    </style>
    <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
    </defs>
    {chrome}
    <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
    </g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A fresh one, and the program in it."""

    folder: Path

    def run(self, *arguments: str) -> str:
        """What a terminal shows, colours included."""
        code = (
            "import sys\n"
            "from meta_autonomous.render import output\n"
            "from meta_autonomous.__main__ import main\n"
            "output.on_terminal = lambda: '--json' not in sys.argv\n"
            f"sys.exit(main({list(arguments)!r}))\n"
        )
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "META_AUTO_STATE_DIR": str(self.folder / "state"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": str(WIDTH),
            "FORCE_COLOR": "1",
            "TERM": "xterm-256color",
        }
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.folder, env=env, capture_output=True, check=True
        )
        shown = _TICK_ID.sub(r"\1-5f0c1a2b", done.stdout.decode())
        return _TOOK.sub(r"\1", shown)

    def first(self, kind: str) -> str:
        """The id of the first pending suggestion of a kind."""
        for one in json.loads(self.run("suggestions", "list", "--json")):
            if one["type"] == kind:
                return str(one["id"])
        raise LookupError(f"no {kind} is pending")

    def idle_entity(self) -> str:
        """The id of the campaign that spent most of those to which nothing was done, for want of
        certainty."""
        told = json.loads(self.run("campaigns", "list", "--json"))
        waiting = [one for one in told if (one["first_binding"] or "").startswith("wanted.")]
        return str(max(waiting, key=lambda one: float(one["spend_usd"] or 0))["entity_id"])


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory() as folder:
        yield Sandbox(Path(folder))


def pictures() -> Mapping[str, str]:
    """Every picture by its file's stem, as SVG. One run after the other, in one sandbox."""
    with sandbox() as box:
        shown = {"tick": ("meta-auto tick", box.run("tick"))}
        approved = box.first("scale_up")
        shown["suggestion"] = (
            f"meta-auto suggestions show {approved}",
            box.run("suggestions", "show", approved),
        )
        box.run("suggestions", "approve", approved)
        shown["status"] = ("meta-auto status", box.run("status"))
        idle = box.idle_entity()
        shown["explain"] = (f"meta-auto explain {idle}", box.run("explain", idle))
        shown["report"] = ("meta-auto report", box.run("report"))
    return {name: picture(command, ansi) for name, (command, ansi) in shown.items()}


def picture(command: str, ansi: str) -> str:
    """The screen after a command, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), legacy_windows=False)
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text.from_ansi(ansi))
    name = command.split()[1]
    svg = console.export_svg(
        title="meta-auto", theme=_THEME, code_format=_FORMAT, unique_id=f"shown-{name}"
    )
    return _SHOWN.sub(_in_its_place, svg)


def _in_its_place(shown: re.Match[str]) -> str:
    """Each word of a table where its column begins, however wide a browser draws what stands
    before it; and the sides of a box without gaps between the lines."""
    opening, left, down, closing, text = shown.groups()
    pieces = []
    for found in re.finditer(r"│|[^│\xa0]+(?:\xa0[^│\xa0]+)*", unescape(text)):
        x = float(left) + cell_len(unescape(text)[: found.start()]) * _CELL
        if found[0] == "│":
            style = re.sub(r" *(class=\S+) .*", r"\1", opening)
            pieces.append(
                f'<rect {style} x="{x + _CELL / 2:.1f}" y="{float(down) - _ASCENT:.1f}" '
                f'width="1.4" height="{_LINE}"/>'
            )
            continue
        length = cell_len(found[0]) * _CELL
        words = escape(found[0], quote=False).replace(" ", "&#160;").replace("\xa0", "&#160;")
        pieces.append(
            f'<text {opening}x="{x:.1f}" y="{down}" textLength="{length:.1f}"{closing}>{words}</text>'
        )
    return "".join(pieces)


def words(svg: str) -> str:
    """The text that a picture shows, line by line, without digits: numbers may move with the
    estimator, what is shown and how it is said may not."""
    rows: dict[float, str] = {}
    for at, text in re.findall(r'<text [^>]*? y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        rows[float(at)] = f"{rows.get(float(at), '')} {unescape(text)}".replace("\xa0", " ")
    lines = (re.sub(r"[\d.,%]+", "#", rows[at]).split() for at in sorted(rows))
    return "\n".join(" ".join(line) for line in lines)
