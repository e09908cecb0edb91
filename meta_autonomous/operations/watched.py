"""A tick as it is seen from outside: signalled, measured, shown."""

import logging
from typing import Any

from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.operations.auto_worker import tick
from meta_autonomous.operations.metrics import metrics_text
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import Busy, RefusedByGuard, Throttled
from meta_autonomous.ports.people import Signal

logger = logging.getLogger("meta_auto.tick")


async def watched_tick(world: World, *, tick_id: str, **options: Any) -> TickReport:
    """`tick`, with the dead man's switch told and the metrics written. A dry run leaves no trace.

    What an error leaves in the metrics is the caller's, who knows the exit code that it gets.
    """
    if options.get("dry_run"):
        return await tick(world, tick_id=tick_id, **options)
    await world.watch.signal(Signal.START)
    try:
        report = await tick(world, tick_id=tick_id, **options)
        shown = metrics_text(world.store, world.system, world.book, now=world.clock())
    except (Busy, RefusedByGuard):
        raise  # the tick that is at work tells how it ended; or only our caller was wrong
    except Throttled:
        await world.watch.signal(Signal.SUCCESS)
        raise
    except Exception:
        await world.watch.signal(Signal.FAIL)
        raise
    world.watch.show(shown)
    _log(report)
    # What waits for Meta, or for another tick, is no failure.
    is_fine = report.exit_code in (ExitCode.DONE, ExitCode.LATER)
    await world.watch.signal(Signal.SUCCESS if is_fine else Signal.FAIL)
    return report


def _log(report: TickReport) -> None:
    """The head of the ledger goes where the database can't take it back, as `meta-auto ledger
    verify --expect` takes it."""
    counts = {name: count for name, count in report.outcomes.items() if count}
    logger.info(
        "tick completed exit=%d evaluated=%d requests=%d actions=%s ledger_head=%s",
        report.exit_code,
        report.evaluated,
        report.requests(),
        counts,
        report.ledger_head,
    )
