"""`actions`: what was decided, executed, failed, blocked."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from meta_autonomous.cli import completing
from meta_autonomous.cli.answers import answer
from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.statuses import SINCE_HELP, STATUS_HELP, since, statuses
from meta_autonomous.cli.usage import WrongUsage

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings
    from meta_autonomous.operations.by_person import Handled
    from meta_autonomous.ports.people import Actor

app = group("The history of what was decided and done.")


@app.command("list")
def list_actions(
    context: typer.Context,
    *,
    entity: Annotated[
        str | None,
        typer.Option(
            "--entity",
            metavar="ID",
            help="Only this campaign, ad set or ad.",
            autocompletion=completing.entities,
        ),
    ] = None,
    from_time: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=SINCE_HELP)
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help=STATUS_HELP)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List actions, the latest first."""
    session = Session.of(context, as_json=as_json)
    wanted = statuses(status) if status else None
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        begins = since(from_time, lambda: reading_time(loaded))
        found = store.actions(statuses=wanted, entity_id=entity, since=begins)
    from meta_autonomous.render import actions as render

    records = sorted(found, key=lambda record: (record.created_at, record.id), reverse=True)
    return session.present(
        [render.action_json(record, platform=platform) for record in records],
        lambda: render.actions_document(records, platform=platform),
    )


@app.command()
def undo(
    context: typer.Context,
    ids: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="[ID]...", help="Executed actions.", autocompletion=completing.executed
        ),
    ] = None,
    *,
    tick: Annotated[
        str | None, typer.Option("--tick", metavar="ID", help="All that this tick executed.")
    ] = None,
    from_time: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=SINCE_HELP)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Put back exactly what an executed action replaced.

    Only if the present value is still ours. Caps, the day's spend, creatives that may not run
    and Meta's own limits still bind.
    """
    session = Session.of(context, as_json=as_json)
    if sum((bool(ids), tick is not None, from_time is not None)) != 1:
        raise WrongUsage("Give the IDs of actions, or --tick, or --since: one of them.")
    loaded = session.settings()
    actor = session.permit(loaded, Role.MANAGER)
    begins = since(from_time, lambda: reading_time(loaded))
    import asyncio

    handled = asyncio.run(_undo(loaded, actor, ids, tick_id=tick, begins=begins))
    return answer(session, handled, platform=loaded.system().platform, deed="undo")


async def _undo(
    loaded: "LoadedSettings",
    actor: "Actor",
    ids: Sequence[int] | None,
    *,
    tick_id: str | None,
    begins: datetime | None,
) -> "Sequence[Handled]":
    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.operations.undo import undo as undo_all
    from meta_autonomous.operations.undo import undoable
    from meta_autonomous.ports.errors import NotFound

    async with open_world(loaded, actor=actor, purpose="act") as world:
        chosen = ids or undoable(world.store, tick_id=tick_id, since=begins)
        if not chosen and tick_id is not None:
            raise NotFound(
                f"No tick {tick_id} executed anything that could be taken back.",
                remedy="See `meta-auto actions list`.",
            )
        return await undo_all(world, chosen)


@app.command()
def resolve(
    context: typer.Context,
    action: Annotated[
        int,
        typer.Argument(
            metavar="ID", help="An action in doubt.", autocompletion=completing.in_doubt
        ),
    ],
    *,
    applied: Annotated[
        bool, typer.Option("--applied", help="The change took effect at Meta.")
    ] = False,
    not_applied: Annotated[
        bool, typer.Option("--not-applied", help="The change did not take effect at Meta.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How you know.")] = "",
    as_json: AsJson = False,
) -> int:
    """Settle by hand what reading back could not settle."""
    session = Session.of(context, as_json=as_json)
    if applied is not_applied:
        either = "Say one of the two" if applied else "Say --applied or --not-applied"
        raise WrongUsage(f"{either}: look at the entity in Ads Manager.")
    if not reason.strip():
        raise WrongUsage("Say with --reason how you know; it goes into the audit trail.")
    loaded = session.settings()
    actor = session.permit(loaded, Role.ADMIN)
    import asyncio

    handled = asyncio.run(_resolve(loaded, actor, action, applied=applied, reason=reason))
    return answer(session, [handled], platform=loaded.system().platform)


async def _resolve(
    loaded: "LoadedSettings", actor: "Actor", action: int, *, applied: bool, reason: str
) -> "Handled":
    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.operations.resolve import resolve as resolve_one

    async with open_world(loaded, actor=actor, purpose="act") as world:
        return await resolve_one(world, action, applied=applied, reason=reason)
