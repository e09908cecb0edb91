"""`replay` and `backfill`: what other limits would have decided."""

from typing import Annotated

import typer

from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.statuses import SINCE_HELP, since
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode


def replay(
    context: typer.Context,
    *,
    from_time: Annotated[str, typer.Option("--since", metavar="WHEN", help=SINCE_HELP)] = "7d",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Decide with this limit, such as MAX_AUTO_CHANGE_PCT=0.05; may be repeated.",
        ),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="ID", help="Only this ad account; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Decide recorded ticks again, under other limits.

    On the data as it was seen then: prints which decisions would differ, the money that they move,
    and what the days after said of them. Without --set every decision must come out as recorded.
    Writes nothing anywhere. Each tick is decided by itself: what a changed decision would have led
    to is not simulated.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.config.what_if import WhatIf
        from meta_autonomous.decision.tick_case import Circumstances
        from meta_autonomous.operations.replay import replay as decide_again

        what_if = WhatIf.of(_pairs(settings or ()))
        now = reading_time(loaded)
        begins = since(from_time, lambda: now) or now
        found = decide_again(
            store,
            since=begins,
            change=what_if.applied if what_if.changes else None,
            account_ids=[text.strip().removeprefix("act_") for text in account or ()],
        )
        if not found.ticks:  # nothing recorded to contradict: then what is in force must not
            what_if.applied(
                Circumstances(now=now, is_auto=False, book=loaded.book(), rates=loaded.rates())
            )
        platform = loaded.system().platform
    from meta_autonomous.render.replay import replay_document
    from meta_autonomous.render.replay_shape import replay_json

    shaped = replay_json(found, what_if.changes, platform=platform)
    return session.present(shaped, lambda: replay_document(shaped))


def _pairs(texts: "list[str] | tuple[()]") -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise WrongUsage(f"--set {text!r} is not KEY=VALUE.")
        pairs.append((name, value.strip()))
    return pairs


def backfill(
    context: typer.Context,
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="Past days, 1 to 90.", min=1, max=90)
    ],
    as_json: AsJson = False,
) -> int:
    """Record past days, so that they can be replayed.

    Reads their insights from Meta and changes nothing there. For each day before the first
    recorded tick it then stores what would have been decided: with the numbers as they are known
    now, and with today's budgets and statuses, since nobody looked at the time.
    """
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    actor = session.permit(loaded, Role.MANAGER)
    import asyncio

    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.operations.backfill import Backfilled
    from meta_autonomous.operations.backfill import backfill as read_past

    async def run() -> Backfilled:
        async with open_world(loaded, actor=actor, purpose="act") as world:
            return await read_past(world, days=days)

    done = asyncio.run(run())
    platform = loaded.system().platform
    from meta_autonomous.render.replay import backfill_document
    from meta_autonomous.render.replay_shape import backfill_json

    return session.present(
        backfill_json(done, platform=platform),
        lambda: backfill_document(done, platform=platform),
        code=ExitCode.PARTLY if done.failed else ExitCode.DONE,
    )
