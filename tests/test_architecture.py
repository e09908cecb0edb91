"""The house's own rules, where no linter has them."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "meta_autonomous"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Where a number may be a float: the statistics, and the doors into and out of them.
STATISTICS = {
    "booking", "calibration", "candidates", "context", "decide", "export", "granting",
    "histories", "holdout", "incomplete_gamma", "optimizer", "order_value", "outage", "posterior",
    "roas_engine",
}  # fmt: skip
#: Who may look at a clock: the wiring, the public engines' default, and the simulated world.
CLOCKS = {"bootstrap.py", "decision/plain.py"}
#: What a command that needs none of it must not pay for.
HEAVY = ("sqlalchemy", "httpx2", "pydantic", "pydantic_settings", "alembic", "rich", "msgspec",
         "tenacity", "asyncio", "sqlite3")  # fmt: skip
NEVER = (
    "numpy",
    "scipy",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql",
    "psycopg",
    "alembic",
)


def _named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_every_floor_leans_only_on_those_below():
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint_imports, "--no-cache"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path",
    [path for floor in ("domain", "decision") for path in sorted((PACKAGE / floor).glob("*.py"))],
    ids=_named,
)
def test_amounts_and_limits_are_never_floats(path):
    if path.stem in STATISTICS:
        return
    for node in _nodes(path):
        is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_call = isinstance(node, ast.Call) and getattr(node.func, "id", None) == "float"
        has_float = is_literal or is_call
        assert not has_float, f"{_named(path)}:{getattr(node, 'lineno', 0)} has a float"


def test_only_the_wiring_looks_at_a_clock():
    looking = {
        _named(path)
        for path in MODULES
        for node in _nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr)
        in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
    }
    assert {name for name in looking if not name.startswith("adapters/sandbox/")} <= CLOCKS


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]], ids=" ".join)
def test_help_and_version_import_nothing_heavy(arguments):
    assert _imported(arguments) & set(HEAVY) == set()


def test_a_commands_help_imports_only_what_typer_itself_does():
    """typer checks the global options by pydantic before it looks at the command."""
    assert _imported(["tick", "--help"]) & set(HEAVY) <= {"pydantic", "asyncio"}


def test_the_entry_point_itself_imports_nothing_heavy():
    code = "import sys, meta_autonomous, meta_autonomous.__main__; print(*sys.modules)"
    assert set(_python(code).split()).isdisjoint((*HEAVY, "typer"))


def test_completion_imports_no_database_and_no_client():
    loaded = _imported([], _META_AUTO_COMPLETE="complete_bash", COMP_WORDS="meta-auto ti",
                       COMP_CWORD="1")  # fmt: skip
    assert loaded.isdisjoint(("sqlalchemy", "httpx2", "alembic", "pydantic_settings"))


@pytest.mark.parametrize("has_database", [False, True], ids=["fresh", "ticked"])
@pytest.mark.parametrize("arguments", [["policies", "show"], ["mode", "show"]], ids=" ".join)
def test_showing_the_limits_imports_no_database_layer_and_no_client(
    arguments, has_database, tmp_path
):
    home = {"META_AUTO_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}
    if has_database:
        _imported(["stop"], **home)
        assert (tmp_path / "state" / "meta-auto.sqlite3").exists()
    loaded = _imported(arguments, **home)
    assert "sqlite3" in loaded or not has_database
    assert loaded.isdisjoint((*NEVER, "sqlalchemy", "httpx2", "msgspec", "tenacity", "rich"))


@pytest.mark.parametrize("arguments", [["tick", "--dry-run"], ["policies", "show"]], ids=" ".join)
def test_nothing_is_ever_imported_that_the_program_can_do_without(arguments, tmp_path):
    loaded = _imported(arguments, META_AUTO_STATE_DIR=str(tmp_path / "state"), HOME=str(tmp_path))
    assert loaded.isdisjoint(NEVER)


def _imported(arguments: list[str], **environment: str) -> set[str]:
    """The modules that one run of the program loaded."""
    code = (
        "import io, sys\n"
        "from meta_autonomous.__main__ import main\n"
        "out, sys.stdout = sys.stdout, io.StringIO()\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*sys.modules, file=out)\n"
    )
    return set(_python(code, **environment).split())


def _python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=environment.get("HOME", ROOT),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_a_module_has_one_purpose_and_so_a_size(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 750


def test_no_module_is_called_after_nothing():
    vague = {"util", "utils", "helper", "helpers", "manager", "handler", "data", "info", "common"}
    assert not [name for path in MODULES if (name := path.stem) in vague]


def test_public_names_are_there():
    import meta_autonomous

    for name in ("PolicyEngine", "SafetyEngine", "OptimizationService", "MetaAutoWorker",
                 "AutonomousSettings"):  # fmt: skip
        assert hasattr(meta_autonomous, name)
