"""`actions`: what was decided, executed, failed, blocked."""

from typing import Annotated

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.statuses import SINCE_HELP, STATUS_HELP, since, statuses

app = group("The history of what was decided and done.")


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own while it is the only command of the group."""


@app.command("list")
def list_actions(
    context: typer.Context,
    *,
    entity: Annotated[
        str | None,
        typer.Option("--entity", metavar="ID", help="Only this campaign, ad set or ad."),
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
