"""The commands, put together. Each module of this folder holds one group and imports lazily."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.main import get_command

from meta_autonomous.cli import (
    VERSION,
    actions,
    alerts,
    calibration,
    campaigns,
    creatives,
    demo,
    doctor,
    estimate,
    explain,
    init,
    ledger,
    policies,
    replay,
    report,
    sandbox,
    setup,
    status,
    suggestions,
    switches,
    tick,
)
from meta_autonomous.cli.groups import Group, program
from meta_autonomous.cli.session import AsJson

#: As the day goes: look, decide, ask why, audit; then setting up and trying.
_ORDER: Final = (
    *("tick", "status", "suggestions", "actions", "campaigns", "creatives", "explain"),
    *("mode", "start", "stop", "policies", "calibration", "alerts", "ledger", "report"),
    *("replay", "backfill"),
    *("doctor", "init", "db", "units", "estimate", "demo", "sandbox"),
)


class LogFormat(StrEnum):
    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class _InOrder(Group):
    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = program(
    "Runs Meta ad budgets unattended: it waits for the conversions, proves its guards and "
    "explains every decision.",
    name="meta-auto",
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 internal or database, 2 usage, 3 refused or not found, 4 partly "
    "failed or Meta unreachable, 75 try later, 77 not allowed, 78 configuration.",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from meta_autonomous.render.output import write

        write(f"meta-auto {VERSION}\n")
        raise typer.Exit


@app.callback()
def _global_options(
    *,
    config: Annotated[  # noqa: ARG001 - `Session.of` reads it
        Path | None,
        typer.Option("--config", metavar="PATH", help="The TOML file to use."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log everything; show tracebacks.")
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="How logs on stderr look.")
    ] = LogFormat.AUTO,
    as_json: AsJson = False,  # noqa: ARG001 - `Session.of` reads it
    version: Annotated[  # noqa: ARG001 - its callback prints
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    from meta_autonomous.cli.logs import configure, under_journal

    is_json = under_journal() if log_format is LogFormat.AUTO else log_format is LogFormat.JSON
    configure(as_json=is_json, debug=debug)


app.command(name="tick")(tick.tick)
app.command(name="status")(status.status)
app.add_typer(policies.app, name="policies")
app.add_typer(switches.mode_app, name="mode")
app.command(name="start")(switches.start)
app.command(name="stop")(switches.stop)
app.add_typer(suggestions.app, name="suggestions")
app.add_typer(actions.app, name="actions")
app.command(name="explain")(explain.explain)
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(creatives.app, name="creatives")
app.command(name="replay")(replay.replay)
app.command(name="backfill")(replay.backfill)
app.command(name="estimate")(estimate.estimate)
app.command(name="calibration")(calibration.calibration)
app.add_typer(ledger.app, name="ledger")
app.add_typer(alerts.app, name="alerts")
app.command(name="report")(report.report)
app.command(name="doctor")(doctor.doctor)
app.command(name="init")(init.init)
app.add_typer(setup.db_app, name="db")
app.command(name="units")(setup.units)
app.command(name="demo")(demo.demo)
app.add_typer(sandbox.app, name="sandbox")


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Errors are the caller's."""
    code = get_command(app).main(
        args=_json_first(arguments), prog_name="meta-auto", standalone_mode=False
    )
    return code if isinstance(code, int) else 0


def _json_first(arguments: Sequence[str]) -> list[str]:
    """`--json` may stand anywhere before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = arguments[:end], arguments[end:]
    if "--json" not in options:
        return list(arguments)
    return ["--json", *(word for word in options if word != "--json"), *rest]
