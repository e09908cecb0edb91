"""The README tells the truth: its tables are made from the code, its commands exist and run.

``python -m tests.test_docs`` writes the generated parts anew.
"""

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from meta_autonomous.cli.app import app
from meta_autonomous.config import KEYS, TABLES, load, template
from meta_autonomous.config.keys import FX
from meta_autonomous.config.showing import shown
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.rules import Rule
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.action import FIRST_STATUSES, STATUS_TRANSITIONS, ActionType, Route
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import FIRST_STATE, TRANSITIONS
from meta_autonomous.render import policies
from tests.benchmarks import table as figures
from tests.benchmarks.figures import multiple
from tests.benchmarks.figures import shown as number
from tests.cli.test_end_to_end import ACTION_KEYS, TICK_KEYS
from tests.cli.test_roles import ADMIN, ADMIN_LATER, AT_TERMINAL, MANAGER, TICK, WATCH
from tests.decision.boundaries import BOUNDARIES, Side

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
WIDTH = 118
PROOF = "tests/decision/test_boundaries.py"


# --- what is generated --------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words."""

    def walk(words: list[str], command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield " ".join(words), command
            return
        for name in command.list_commands(None):
            yield from walk([*words, name], command.commands[name])

    yield from walk([], get_command(app))


def commands_table() -> str:
    rows = ["| command | who | does |", "| --- | --- | --- |"]
    for name, command in commands():
        said = " ".join([name, *_usage(command)]).replace("|", "\\|")
        rows.append(f"| `{said}` | {_role(name)} | {command.get_short_help_str(200)} |")
    return "\n".join(rows)


def _usage(command: Any) -> Iterator[str]:
    for param in command.params:
        longest = max(param.opts, key=len)
        if longest in ("--json", "--help"):
            continue
        if param.param_type_name == "argument":
            name = str(param.metavar or param.name.upper()).strip("[]{}.")
            yield f"{name}…" if param.nargs == -1 else name
        elif param.is_flag:
            yield f"[{longest}]"
        else:
            yield f"[{longest} {param.metavar or param.name.upper()}]"


def _role(name: str) -> str:
    for role, listed in (
        ("admin, service", TICK),
        ("manager, service", WATCH),
        ("manager", MANAGER + AT_TERMINAL),
        ("admin", ADMIN + ADMIN_LATER),
    ):
        if any(" ".join(words).startswith(name) for words in listed):
            return role
    return {"init": "admin", "policies check": "manager"}.get(name, "anyone")


def configuration_table() -> str:
    parts = []
    for table, about in TABLES.items():
        parts += [
            f"**[{table}]** {about}",
            "",
            "| setting | default | means |",
            "| --- | --- | --- |",
        ]
        for key in KEYS.values():
            if key.table == table:
                default = _default(key)
                looser = f" Looser when {key.looser}." if key.looser else ""
                parts.append(f"| `{key.variable}` | {default} | {_cell(key.says + looser)} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def _default(key: Any) -> str:
    if key.default in (None, ()) or key.name == FX:
        return ""
    told = policies.value_text(shown(key, key.default))
    return f"`{told}`"


def rules_table() -> str:
    rows = [
        f"| rule | blocks with | settings | looks at | proved by the cases of `{PROOF}` |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in (*POLICY_RULES, *SAFETY_RULES):
        limits = ", ".join(f"`{name.upper()}`" for name in rule.limits)
        told = f"| `{rule.id}` | {_cell(rule.sentence)} | {limits} | {_applies(rule)} "
        rows.append(f"{told}| {_cell(_proof(rule))} |")
    return "\n".join(rows)


def _proof(rule: Rule) -> str:
    """The cases at the rule's boundary, each a test: ``test_at_its_boundary[rule-side-words]``."""
    parts = []
    for side in Side:
        cases = [case.says for case in BOUNDARIES if (case.rule, case.side) == (rule.id, side)]
        if cases:
            parts.append(f"**{side}**: {' · '.join(cases)}")
    return "; ".join(parts)


def _applies(rule: Rule) -> str:
    left_out = [kind for kind in ActionType if kind not in rule.applies_to]
    if not left_out:
        told = "all"
    elif len(left_out) == 1:
        told = f"all but {left_out[0].replace('_', ' ')}"
    else:
        told = ", ".join(kind.replace("_", " ") for kind in ActionType if kind in rule.applies_to)
    automatic = ", automatic" if rule.routes == {Route.AUTO} else ""
    undo = "; an undo is only warned" if rule.exempts_undo else ""
    return f"{told}{automatic}{undo}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def tick_block() -> str:
    return f"```\n{_first_tick()}\n```"


def status_block() -> str:
    return f"```\n{_shown(['tick', '-q'], ['status'])}\n```"


def _first_tick() -> str:
    shown = _shown(["tick"])
    return re.sub(r"Tick (\d{8}T\d{6})-\w+", r"Tick \1-5f0c1a2b", shown)


def _shown(*commands: list[str]) -> str:
    """What a newcomer's commands print on a terminal, without colours."""
    code = (
        "import sys\n"
        "from meta_autonomous.render import output\n"
        "from meta_autonomous.__main__ import main\n"
        "output.on_terminal = lambda: True\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    printed = b""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "PATH": os.environ["PATH"], "HOME": folder, "META_AUTO_STATE_DIR": f"{folder}/state",
            "PYTHONPATH": str(ROOT), "COLUMNS": str(WIDTH), "NO_COLOR": "1",
        }  # fmt: skip
        for words in commands:
            done = subprocess.run(
                [sys.executable, "-c", code, *words],
                cwd=folder, env=env, capture_output=True, check=True,
            )  # fmt: skip
            printed += done.stdout
    return "\n".join(line.rstrip() for line in printed.decode().splitlines())


def states_diagrams() -> str:
    """The tables of legal moves as pictures."""
    actions = _diagram(
        FIRST_STATUSES,
        [(before, after, "") for before, moves in STATUS_TRANSITIONS.items() for after in moves],
    )
    attempts = _diagram(
        {FIRST_STATE},
        [
            (before, after, event.replace("_", " "))
            for before, moves in TRANSITIONS.items()
            for event, after in moves.items()
        ],
    )
    return (
        f"An action (`status` of `optimization_actions`):\n\n{actions}\n\n"
        f"Each request to Meta (`state` of `attempts`):\n\n{attempts}"
    )


def _diagram(first: Collection[str], moves: Sequence[tuple[str, str, str]]) -> str:
    """Moves (from, to, because) as Mermaid; several between the same two are one arrow."""
    labels: dict[tuple[str, str], list[str]] = {}
    for before, after, because in moves:
        labels.setdefault((str(before), str(after)), []).append(because)
    lines = [f"    [*] --> {state}" for state in sorted(first)]
    for (before, after), because in sorted(labels.items()):
        said = f": {', '.join(because)}" if any(because) else ""
        lines.append(f"    {before} --> {after}{said}")
    ends = {after for _, after in labels} - {before for before, _ in labels}
    lines += [f"    {state} --> [*]" for state in sorted(ends)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def speed_table() -> str:
    """The baseline's figures that have a goal, or that compare with the SDK script."""
    baseline = figures.read()
    machine = baseline["machine"]
    rows = [
        (
            f"Measured on {machine['measured_on']}: {machine['processor']}, {machine['cores']} "
            f"cores, Python {machine['python']}."
        ),
        "",
        "| figure | measured | ratio | goal |",
        "| --- | --- | --- | --- |",
    ]
    rows += [
        f"| {_cell(name)} | {_measured(one)} | {_ratio(one)} | {_goal(one)} |"
        for name, one in baseline["figures"].items()
        if "goal" in one or one["against"] == "SDK script"
    ]
    return "\n".join(rows)


def _measured(one: Mapping[str, Any]) -> str:
    return (
        "not measured" if one["value"] is None else f"{number(one['value'])} {one['unit']}".strip()
    )


def _ratio(one: Mapping[str, Any]) -> str:
    if one["ratio"] is None:
        return ""
    return multiple(one["ratio"], _cell(one["against"]), one.get("other"))


def _goal(one: Mapping[str, Any]) -> str:
    if "goal" not in one:
        return ""
    return f"{one['goal']}: {'met' if one['met'] else 'not met'}"


GENERATED = {
    "speed": speed_table,
    "states": states_diagrams,
    "commands": commands_table,
    "configuration": configuration_table,
    "rules": rules_table,
    "tick": tick_block,
    "status": status_block,
}


def rewritten(text: str) -> str:
    for name, make in GENERATED.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(
            pattern, lambda at, made=make: f"{at[1]}{made()}\n{at[2]}", text, flags=re.DOTALL
        )
    return text


def _part(name: str) -> str:
    found = re.search(
        rf"<!-- generated: {name} -->\n(.*?)\n<!-- end -->", README.read_text(), flags=re.DOTALL
    )
    assert found, f"the README has no part {name}"
    return found[1]


# --- what must hold -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["commands", "configuration", "rules", "speed", "states"])
def test_the_readmes_tables_are_todays(name):
    """Mend it with: python -m tests.test_docs"""
    assert _part(name) == GENERATED[name]()


def test_every_rule_of_the_readmes_table_names_a_test_that_it_passes_and_one_that_it_stops():
    """A rule without them is an unproved promise; the cases themselves run in test_boundaries."""
    for row in _part("rules").splitlines()[2:]:
        proof = row.split(" | ")[-1]
        assert "**allowed**: " in proof, row
        assert "**refused**: " in proof, row
    assert (ROOT / PROOF).exists()


def test_the_status_in_the_readme_is_a_real_one():
    """Numbers may move, and with them the length of a bar."""
    quoted, real = (
        re.sub(r"[\d,.█░ ]+|Last tick.*", " ", text).split("Alert:")[0]
        for text in (_part("status"), status_block())
    )
    assert "Meta Autonomous System Status" in quoted
    assert quoted == real


def test_the_tick_in_the_readme_is_a_real_one():
    """Numbers may move with the estimator; what is shown and how it is said may not."""
    quoted, real = _part("tick"), _first_tick()
    for text in (quoted, real):
        assert text.strip("`\n").startswith("SANDBOX · simulated ad account, no real money")
        for words in ("HARD STOP", "queued", "blocked by", "Next: meta-auto suggestions list"):
            assert words in text
        titles = "entity action from → to ROAS conf. outcome"
        assert titles in re.sub(r" +", " ", text)


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value)[:30])
def test_every_command_has_help_and_json(name, command):
    assert command.help
    assert len(command.get_short_help_str(200)) <= 60, "the overview cuts longer ones"
    options = [option for param in command.params for option in param.opts]
    assert "--json" in options
    for param in command.params:
        assert getattr(param, "help", None), f"{name}: {param.name} has no help"


def test_every_field_of_the_tick_that_the_readme_names_exists():
    text = README.read_text().split("### The tick's JSON")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", text))
    assert named >= TICK_KEYS | ACTION_KEYS
    assert named <= TICK_KEYS | ACTION_KEYS | {"rule", "observed", "limit", "message"}


def test_every_exit_code_stands_in_the_readme():
    told = {
        int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), flags=re.MULTILINE)
    }
    assert told == set(ExitCode)


def test_every_command_that_the_readme_quotes_exists():
    known = {name for name, _ in commands()}
    quoted = re.findall(r"meta-auto ((?:[a-z]+ ?)+)", README.read_text())
    for words in quoted:
        first = words.split()
        assert any(
            name.split() == first[: len(name.split())] or name.split()[: len(first)] == first
            for name in known
        ), f"`meta-auto {words}` is no command"


def quoted_command_lines() -> list[str]:
    """Every command line of a shell block, without its comment and without `$` and variables."""
    fenced = re.findall(
        r"^```(\w*)\n(.*?)^```$", README.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    blocks = [inside for language, inside in fenced if language in ("", "sh")]
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    found = (re.match(r"(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?meta-auto (.+)", at) for at in lines)
    return sorted({at[1].replace(" …", "").strip() for at in found if at})


@pytest.mark.parametrize("quoted", quoted_command_lines())
def test_every_command_line_of_the_readme_is_understood(quoted):
    """Parsed as the program parses it: an option that is gone, or an argument too many, fails."""
    command, words = get_command(app), shlex.split(quoted)
    context = command.make_context("meta-auto", [], resilient_parsing=True)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words, parent=context)


def test_the_readmes_configuration_is_a_valid_one(tmp_path):
    found = re.findall(r"```toml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert found
    for block in found:
        file = tmp_path / "config.toml"
        file.write_text(block)
        assert load(file, {"HOME": str(tmp_path)}, tmp_path).book().overrides


def test_the_readme_says_what_the_changelog_and_the_package_say():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readmes_two_commands_stand_where_ci_looks_for_them():
    for mark, end in (("try", ".venv/bin/meta-auto tick"), ("test", "python -m pytest -n auto")):
        found = re.search(rf"<!-- {mark} -->\n```sh\n(.+)\n```", README.read_text())
        assert found
        assert found[1].endswith(end)


def test_the_example_configuration_is_the_template():
    assert (ROOT / "config.example.toml").read_text() == template.render()


def test_the_readmes_python_runs(tmp_path, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert code
    for name in [name for name in os.environ if name.startswith("META_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    body = "\n".join(f"    {line}" for line in code[1].splitlines())
    scope: dict[str, Any] = {}
    exec(f"async def readme():\n{body}\n    return report", scope)
    report = asyncio.run(scope["readme"]())
    assert report["platform"] == "sandbox"
    assert capsys.readouterr().out.startswith("False ")


def test_no_document_names_what_is_not_there():
    for path in (README, ROOT / "CHANGELOG.md"):
        for name in re.findall(
            r"`((?:tests|deploy|meta_autonomous|\.ci)/[\w./]*)`", path.read_text()
        ):
            assert (ROOT / name).exists(), f"{path.name} names {name}"


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
