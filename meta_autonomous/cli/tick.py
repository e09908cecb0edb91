"""`tick`: one full cycle, then exit. What the timer runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from meta_autonomous.cli import completing
from meta_autonomous.cli.session import AsJson, Role, Session
from meta_autonomous.domain.exit_code import ExitCode

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings
    from meta_autonomous.operations.tick_report import TickReport
    from meta_autonomous.ports.people import Actor


def tick(
    context: typer.Context,
    *,
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account",
            metavar="ID",
            help="Only this ad account; may be repeated.",
            autocompletion=completing.accounts,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and decide; write nothing anywhere.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Silent on success.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run one full cycle, then exit.

    Read every ad account, decide, execute or queue, report.
    """
    session = Session.of(context, as_json=as_json)
    from meta_autonomous.cli.logs import are_json, only_of_trouble

    loaded = session.settings()
    actor = session.permit(loaded, Role.TICKER)
    accounts = [number.removeprefix("act_") for number in account or ()]
    import asyncio

    work = _tick(
        loaded,
        actor,
        accounts,
        dry_run=dry_run,
        shows_progress=not (quiet or session.as_json or are_json()),
    )
    try:
        with only_of_trouble(is_wanted=quiet) as went_well:
            report = asyncio.run(work)
            if report.exit_code == ExitCode.DONE:
                went_well()
    except Exception as error:
        if not dry_run:
            asyncio.run(_show_failure(loaded, error))
        raise
    if quiet and not session.as_json and report.exit_code == ExitCode.DONE:
        return ExitCode.DONE
    shaped = report.to_json()
    from meta_autonomous.render.tick import tick_document

    return session.present(shaped, lambda: tick_document(shaped), code=report.exit_code)


async def _tick(
    loaded: "LoadedSettings",
    actor: "Actor",
    accounts: list[str],
    *,
    dry_run: bool,
    shows_progress: bool,
) -> "TickReport":
    """The cycle; `stop` and SIGTERM both end it after the write in hand."""
    import asyncio
    import signal
    import threading
    from dataclasses import replace

    from meta_autonomous.bootstrap import Purpose, new_tick_id, open_world
    from meta_autonomous.cli.logs import within_tick
    from meta_autonomous.operations.watched import watched_tick
    from meta_autonomous.render import output

    terminated = threading.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    purpose: Purpose = "dry_run" if dry_run else "tick"
    async with open_world(loaded, actor=actor, purpose=purpose) as world:
        tick_id = new_tick_id(world.clock())
        within_tick(tick_id)
        requests = world.platform.requests_made
        with output.progress(requests, is_wanted=shows_progress) as progress:
            return await watched_tick(
                replace(world, progress=progress),
                tick_id=tick_id,
                accounts=accounts,
                dry_run=dry_run,
                stop_requested=lambda: terminated.is_set() or not world.store.runtime().is_started,
            )


async def _show_failure(loaded: "LoadedSettings", error: Exception) -> None:
    """Tell those who watch from outside, unless it is another tick's turn or this one's caller
    who is wrong."""
    from meta_autonomous.bootstrap import wall_clock, watch_for
    from meta_autonomous.cli.failures import explained

    code = explained(error).exit_code
    if code not in (ExitCode.REFUSED, ExitCode.LATER):
        await watch_for(loaded).failed(exit_code=code, at=wall_clock())
