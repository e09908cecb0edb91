"""`--help`: examples first, and every one of them runs as it stands."""

import io
import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from meta_autonomous.cli.app import _json_first, app
from meta_autonomous.cli.examples import EXAMPLES, Example
from tests.cli.conftest import MetaAuto

PLAN = {
    "kind": "campaign",
    "name": "Autumn",
    "daily_budget_usd": 100,
    "pixel_id": "1",
    "countries": ["ES"],
    "distribution": {"ES": 1.0},
    "creatives": [],
}
EXPORT = "entity_id,date,spend,purchases,purchase_value\n" + "".join(
    f"1,2026-10-{day:02},100,5,250\n" for day in range(1, 15)
)
#: What a newcomer on the sandbox may try at will.
HARMLESS = {
    "tick", "status", "suggestions list", "suggestions show", "suggestions reject",
    "actions list", "campaigns list", "creatives list", "creatives reject",
    "explain", "mode show", "mode set", "start", "stop", "policies show", "policies check",
    "policies selftest", "calibration", "alerts list", "alerts check", "alerts ack",
    "ledger list", "ledger verify", "ledger export", "report", "replay", "backfill", "doctor", "init",
    "db upgrade", "db backup", "db prune", "units", "estimate",
}  # fmt: skip
#: These wait for somebody, write where only root may, or want what a first tick does not leave.
LEFT_OUT = ("--watch", "/etc/", "--archive")


def tree() -> Iterator[tuple[str, Any]]:
    """Every command and group by its words; the program itself is ""."""

    def walk(words: list[str], command: Any) -> Iterator[tuple[str, Any]]:
        yield " ".join(words), command
        for name in getattr(command, "commands", ()):
            yield from walk([*words, name], command.commands[name])

    yield from walk([], get_command(app))


def words_of(line: str) -> list[str]:
    """What the shell would give to the program; what stands behind a pipe is another's."""
    words = shlex.split(line.partition(" | ")[0])
    assert words.pop(0) == "meta-auto"
    end = next((place for place, word in enumerate(words) if word in ("<", ">")), len(words))
    return words[:end]


def parsed(words: list[str]) -> str:
    """The command that the program's own parser takes them for. Nothing is run."""
    context = get_command(app).make_context("meta-auto", _json_first(words))
    while isinstance(getattr(context.command, "commands", None), dict):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)  # type: ignore[attr-defined]
        context = command.make_context(name, rest, parent=context)
    return context.command_path.removeprefix("meta-auto").strip()


ALL = [(words, one) for words, told in EXAMPLES.items() for one in told]


def test_every_command_and_every_group_has_two_or_three():
    known = [name for name, _ in tree()]
    assert list(EXAMPLES.keys() ^ set(known)) == []
    assert {name for name in known if len(EXAMPLES[name]) not in (2, 3)} == set()


@pytest.mark.parametrize(("words", "example"), ALL, ids=lambda value: getattr(value, "line", ""))
def test_every_example_is_taken_by_the_parser(words: str, example: Example, home):
    assert parsed(words_of(example.line)) in EXAMPLES


@pytest.mark.parametrize("words", [words for words in EXAMPLES if words])
def test_one_example_at_least_is_of_the_command_itself(words: str, home):
    assert any(parsed(words_of(one.line)).startswith(words) for one in EXAMPLES[words])


@pytest.mark.parametrize("line", ["meta-auto tick --dryrun", "meta-auto suggestions lst"])
def test_an_example_that_is_none_would_be_found(line: str, home):
    with pytest.raises(Exception, match=r"No such"):
        parsed(words_of(line))


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize(("name", "command"), list(tree()), ids=lambda value: str(value)[:30])
def test_help_leads_with_the_examples_and_keeps_to_the_width(
    meta_auto: MetaAuto, monkeypatch, name, command, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    told = meta_auto(*name.split(), "--help")
    assert told.code == 0
    assert max(len(line) for line in told.out.splitlines()) <= width
    titles = [line for line in told.out.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles[0] == "Examples:"
    assert titles[-1] == "Options:"
    for example in EXAMPLES[name]:
        assert f"  # {example.purpose}\n  {example.line}\n" in told.out
    assert "..." not in told.out.partition("Commands:")[2].partition("Options:")[0]


def _tried() -> Iterator[str]:
    for line in dict.fromkeys(one.line for _, one in ALL):
        command = parsed(words_of(line))
        if command in HARMLESS and not any(words in line for words in LEFT_OUT):
            yield line


@pytest.mark.slow
def test_the_harmless_ones_run_on_the_sandbox(meta_auto: MetaAuto, home, monkeypatch):
    (home / "campaign.json").write_text(json.dumps(PLAN))
    (home / "export.csv").write_text(EXPORT)
    (home / "draft.toml").write_text("[limits]\nmax_daily_spend_usd = 5000\n")
    (home / "draft.toml").chmod(0o600)
    assert meta_auto("tick", "-q").code == 0
    tried = list(_tried())
    assert len(tried) > 50
    for line in tried:
        source = line.partition(" < ")[2]
        if source:
            stdin = io.TextIOWrapper(io.BytesIO((home / source).read_bytes()))
            monkeypatch.setattr("sys.stdin", stdin)
        for old in (*home.glob("*.sqlite3"), *home.glob(".config/*/*.toml")):
            old.unlink()
        ran = meta_auto(*words_of(line))
        assert ran.code == 0, f"{line}\n{ran.out}{ran.err}"
