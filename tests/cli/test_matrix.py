"""Every command at every kind of output: a terminal, a narrow one, one without colours, a pipe,
and JSON. Nothing is cut off, nothing escapes where it should not, nobody sees a traceback.

The commands are walked, so that a new one needs a line in `ARGUMENTS` before this passes.
"""

import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from threading import Timer
from typing import Any, Final

import pytest
from rich.cells import cell_len

from tests.cli.conftest import environment_of
from tests.test_docs import README, commands

#: Each command with what makes it work on the prepared folder; `{…}` is taken from there.
ARGUMENTS: Final[Mapping[str, str]] = {
    "tick": "--dry-run",
    "status": "",
    "suggestions list": "",
    "suggestions show": "{pending}",
    "suggestions approve": "{pending}",
    "suggestions reject": "{pending} --reason season",
    "suggestions review": "",
    "actions list": "",
    "actions undo": "{executed}",
    "actions resolve": "{executed} --applied --reason seen",
    "campaigns list": "",
    "creatives list": "",
    "creatives approve": "{rejected creative}",
    "creatives reject": "{approved creative} --reason off-brand",
    "explain": "{campaign}",
    "mode show": "",
    "mode set": "auto",
    "start": "",
    "stop": "",
    "policies show": "",
    "policies check": "plan.json",
    "policies selftest": "",
    "calibration": "",
    "alerts list": "",
    "alerts check": "",
    "alerts ack": "{alert}",
    "ledger list": "",
    "ledger verify": "",
    "ledger export": "",
    "report": "",
    "replay": "--set MAX_AUTO_CHANGE_PCT=0.05",
    "backfill": "--days 1",
    "doctor": "",
    "init": "",
    "db upgrade": "",
    "db backup": "copy.sqlite3",
    "db prune": "--dry-run",
    "units": "",
    "estimate": "export.csv --plot",
    "demo": "--days 1",
    "sandbox serve": "--port 99999",
}
#: Those whose exit code is not 0, and what it is.
CODES: Final = {"suggestions review": 2, "actions resolve": 3, "sandbox serve": 2}
#: What other programs read goes out as it is, at any width.
FOR_PROGRAMS: Final = ("ledger export", "units")
#: A look at each shape of output in every run of the tests; the rest is slow.
SHOWN_ALWAYS: Final = ("status", "suggestions list")

_LONGEST_SECONDS: Final = 120
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COLOUR: Final = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[\d;]*m")
_DRAWN: Final = re.compile(r"[╭╮╰╯│─█░├┤●┊]|[▁-▇]+")
#: What is longer may be folded where it has no room.
_LONGEST_WORD: Final = 16
_RULE: Final = re.compile(r"^[ │]*(─+)[ │]*$")


@dataclass(frozen=True, slots=True)
class Output:
    """Where the output goes. `columns` is None where there is no terminal."""

    name: str
    columns: int | None = None
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_colours(self) -> bool:
        return self.columns is not None and "NO_COLOR" not in self.environment


TERMINAL = Output("a terminal", 120)
NARROW = Output("60 columns", 60)
WITHOUT_COLOUR = Output("NO_COLOR", 120, environment={"NO_COLOR": "1"})
PIPE = Output("a pipe")
JSON = Output("JSON", words=("--json",))


@dataclass(frozen=True, slots=True)
class Shown:
    out: str
    err: str
    code: int

    @property
    def text(self) -> str:
        return _ESCAPE.sub("", self.out)


def run(command: str, output: Output, home: Path) -> Shown:
    """The command as its own process; only its stdout is a terminal, if anything is."""
    words = [*output.words, *command.split()]
    environment = environment_of(home, TERM="xterm-256color", LANG="C.UTF-8")
    ours, theirs = (None, subprocess.PIPE) if output.columns is None else pty.openpty()
    if output.columns is not None:
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, output.columns, 0, 0))
    with (home / "stderr").open("w+") as err:
        with subprocess.Popen(
            [sys.executable, "-m", "meta_autonomous", *words],
            cwd=home,
            env=environment | output.environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=err,
        ) as ran:
            alarm = Timer(_LONGEST_SECONDS, ran.kill)
            alarm.start()
            if ours is None:
                assert ran.stdout is not None
                shown = ran.stdout.read()
            else:
                os.close(theirs)
                shown = b"".join(_read(ours))
                os.close(ours)
            alarm.cancel()
        err.seek(0)
        return Shown(shown.decode().replace("\r\n", "\n"), err.read(), ran.returncode)


def _read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # the terminal is gone once its last user is
        while piece := os.read(terminal, 65_536):
            yield piece


# --- the prepared folder ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepared:
    folder: Path
    ids: Mapping[str, object]

    def command(self, name: str) -> str:
        return f"{name} {ARGUMENTS[name]}".strip().format_map(self.ids)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A sandbox after a tick, an approval and a rejection, with a margin and another account's
    limits configured, so that every view has something to say."""
    folder = tmp_path_factory.mktemp("prepared")

    def told(command: str) -> Any:
        shown = run(command, JSON, folder)
        assert shown.code == 0, shown
        return json.loads(shown.out)

    told("tick")
    found = told("suggestions list")
    pending = next(one["id"] for one in found if one["type"] == "pause")
    raises = [one for one in found if one["type"] == "scale_up"]
    executed, rejected = (one["id"] for one in raises[:2])
    told(f"suggestions approve {executed}")
    told(f"suggestions reject {rejected}")
    approved, refused = (one["id"] for one in told("creatives list")[:2])
    told(f"creatives reject {refused}")
    (folder / ".env").write_text("PROFIT_MARGIN=0.4\n")
    (folder / "plan.json").write_text(
        '{"kind": "campaign", "name": "New", "daily_budget_usd": 50, "pixel_id": "1", '
        '"countries": ["ES"], "creatives": []}'
    )
    rows = [f"a,2026-10-{day:02d},100,{day % 5},{day % 5 * 40}" for day in range(1, 29)]
    (folder / "export.csv").write_text(
        "\n".join(["entity_id,date,spend,purchases,purchase_value", *rows])
    )
    return Prepared(
        folder,
        {
            "pending": pending,
            "executed": executed,
            "approved creative": approved,
            "rejected creative": refused,
            "campaign": raises[0]["campaign_id"],
            "alert": told("alerts list")[0]["key"],
        },
    )


@pytest.fixture
def home(prepared: Prepared, tmp_path: Path) -> Path:
    """A copy of it: what one command does, no other sees."""
    return Path(shutil.copytree(prepared.folder, tmp_path / "home"))


# --- what must hold -----------------------------------------------------------------------------


NAMES: Final = [name for name, _ in commands()]
DOCUMENTED: Final = {
    int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), flags=re.MULTILINE)
}


def each_command(*, but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=[] if name in SHOWN_ALWAYS else [pytest.mark.slow])
            for name in NAMES
            if name not in but
        ],
    )


def test_every_command_has_its_arguments_here():
    assert set(ARGUMENTS) == set(NAMES)


def _may_be(shown: Shown, name: str) -> None:
    assert shown.code == CODES.get(name, 0), shown
    assert shown.code in DOCUMENTED
    assert "Traceback" not in shown.out + shown.err


@each_command()
@pytest.mark.parametrize("output", [TERMINAL, WITHOUT_COLOUR, NARROW], ids=lambda one: one.name)
def test_a_terminal_shows_it_whole(prepared, home, name, output):
    shown = run(prepared.command(name), output, home)
    _may_be(shown, name)
    if not output.has_colours:
        assert not _COLOUR.search(shown.out)
    if name in FOR_PROGRAMS:
        return
    lines = shown.text.splitlines()
    for line in lines:
        assert cell_len(line.rstrip()) <= output.columns, line
        assert line[:1] not in "╭│╰" or not line or line.rstrip()[-1] in "╮│╯", line
    if output is NARROW and shown.code == 0:
        wide, *others = (_elsewhere(prepared, name, home, columns) for columns in (400, 120, 80))
        assert _titles(lines) <= _titles(wide.splitlines())
        known = _words(" ".join((wide, *others)))
        long = [word for word in known if len(word) > _LONGEST_WORD]
        new = [word for word in _words(shown.text) - known if not _has_number(word)]
        broken = [word for word in new if not any(word in one for one in long)]
        assert not broken


def _elsewhere(prepared: Prepared, name: str, home: Path, columns: int) -> str:
    """What the same command shows on the same state, in the same folder, at another width."""
    shutil.rmtree(home)
    shutil.copytree(prepared.folder, home)
    return run(prepared.command(name), Output("elsewhere", columns), home).text


def _words(text: str) -> set[str]:
    """Without what is only drawn."""
    return set(_DRAWN.sub(" ", text).split())


def _has_number(word: str) -> bool:
    """It may differ from run to run."""
    return any(sign.isdigit() for sign in word)


def _titles(lines: list[str]) -> set[str]:
    """The titles of every table: what stands above a rule. One that broke is none of them."""
    rules = [place for place, line in enumerate(lines) if _RULE.match(line)]
    return {title for place in rules for title in re.split(r" {2,}", lines[place - 1].strip(" │"))}


@each_command()
def test_a_pipe_gets_plain_text(prepared, home, name):
    shown = run(prepared.command(name), PIPE, home)
    _may_be(shown, name)
    assert "\x1b" not in shown.out + shown.err


@each_command()
def test_json_is_one_document(prepared, home, name):
    shown = run(prepared.command(name), JSON, home)
    _may_be(shown, name)
    assert "\x1b" not in shown.out + shown.err
    told = json.loads(shown.out)
    if isinstance(told, list):  # of several ids: each with what became of it
        assert not shown.code or (told and all(one["message"] for one in told))
    else:
        assert ("error" in told) == bool(shown.code)
