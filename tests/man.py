"""The manual page, made from the commands themselves.

``python -m tests.man`` writes it anew.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from meta_autonomous.cli import VERSION
from meta_autonomous.cli.app import app
from meta_autonomous.cli.examples import EXAMPLES
from meta_autonomous.cli.groups import params_told
from meta_autonomous.config import KEYS, TABLES
from meta_autonomous.config.keys import FX
from meta_autonomous.config.showing import shown
from meta_autonomous.render.policies import value_text

PAGE = Path(__file__).parents[1] / "deploy" / "man" / "meta-auto.1"

_HEAD = (
    '.\\" Made by: python \\-m tests.man\n.TH META\\-AUTO 1 "" "meta\\-auto {}" "User commands"'
)
_SIGNS = str.maketrans({
    "\\": r"\e", "-": r"\-", "'": r"\(aq", "~": r"\(ti", "^": r"\(ha",
})  # fmt: skip
_FILES = (
    ("~/.config/meta-auto/config.toml", "Your configuration; `meta-auto init` writes it."),
    ("/etc/meta-auto/config.toml", "The system's, where you have none."),
    ("~/.local/state/meta-auto/", "Database, locks and sandbox: META_AUTO_STATE_DIR."),
)
_VARIABLES = (
    ("META_AUTO_CONFIG", "The configuration file, unless --config names one."),
    ("META_ACCESS_TOKEN", "The token. Better in a file: META_ACCESS_TOKEN_FILE."),
    ("CREDENTIALS_DIRECTORY", "Where systemd puts secrets: files meta_access_token and the like."),
    ("NO_COLOR", "Set: no colours."),
)


def page() -> str:
    program = get_command(app)
    context = typer.Context(program, info_name="meta-auto")
    parts = [
        _HEAD.format(_text(VERSION)),
        ".SH NAME",
        "meta\\-auto \\- budgets of Meta ad campaigns, unattended",
        ".SH SYNOPSIS",
        *_synopsis(context, program),
        ".SH DESCRIPTION",
        _told(" ".join(str(program.help).split())),
        *_paragraphs("Every command takes `--json`: it then prints one JSON document."),
        ".SH EXAMPLES",
        *list(_examples(""))[1:],
        ".SH OPTIONS",
        *_params(context, program),
        ".SH COMMANDS",
        *(line for name, command in _commands([], program) for line in _command(name, command)),
        ".SH EXIT STATUS",
        *_exit_codes(str(program.epilog)),
        ".SH FILES",
        *(line for name, told in _FILES for line in _item(f"\\fI{_text(name)}\\fR", told)),
        ".SH ENVIRONMENT",
        *(line for name, told in _VARIABLES for line in _item(f"\\fB{_text(name)}\\fR", told)),
        ".P",
        _text("Each setting is a variable too:"),
        *_settings(),
    ]
    return "\n".join(parts) + "\n"


def _commands(words: list[str], command: Any) -> Iterator[tuple[str, Any]]:
    for name in getattr(command, "list_commands", lambda _: ())(None):
        found = command.commands[name]
        if not hasattr(found, "commands"):
            yield " ".join([*words, name]), found
        yield from _commands([*words, name], found)


def _command(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=f"meta-auto {name}")
    yield f".SS {_text(name)}"
    yield from _synopsis(context, command)
    yield from _paragraphs(command.help)
    yield from _params(context, command)
    yield from _examples(name)


def _synopsis(context: Any, command: Any) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"\\fB{_text(context.info_name)}\\fR {_text(pieces)}"


def _params(context: Any, command: Any) -> Iterator[str]:
    """What each command takes besides --help; --json, said once, is left out below."""
    for kind in ("argument", "option"):
        for name, told in params_told(command, context, kind):
            if "--help" not in name and (name != "--json" or hasattr(command, "commands")):
                yield from _item(f"\\fB{_text(name)}\\fR", told)


def _examples(name: str) -> Iterator[str]:
    for example in EXAMPLES[name]:
        colon = "" if example.purpose.endswith("?") else ":"
        yield from (".P", _text(f"{example.purpose}{colon}"), ".RS 4", ".EX")
        yield from (_text(example.line), ".EE", ".RE")


def _exit_codes(epilog: str) -> Iterator[str]:
    for code, meaning in re.findall(r"(\d+) ([^,.]+)", epilog):
        yield from _item(f"\\fB{code}\\fR", meaning)


def _settings() -> Iterator[str]:
    for table, about in TABLES.items():
        yield from (f".SS [{table}]", _told(about))
        for key in KEYS.values():
            if key.table != table:
                continue
            is_set = key.default not in (None, ()) and key.name != FX
            default = f" Default: {value_text(shown(key, key.default))}." if is_set else ""
            yield from _item(f"\\fB{_text(key.variable)}\\fR", f"{key.says}{default}")


def _item(tag: str, told: str) -> Iterator[str]:
    yield from (".TP", tag, _told(told))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from (".P", _told(" ".join(paragraph.split())))


def _told(text: str) -> str:
    """Prose; what stands between backticks is bold."""
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", _text(text))


def _text(text: str) -> str:
    """Text as roff takes it: nothing in it is a request, and every sign is one that it knows."""
    safe = text.translate(_SIGNS)
    plain = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in safe)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="ascii")
