"""`creatives`: what may run with more money, by a person's word."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from meta_autonomous.cli.answers import answer
from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage

app = group("New and changed creatives: a person approves each.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="IDs of creatives.")]


class CreativeStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@app.command("list")
def list_creatives(
    context: typer.Context,
    *,
    status: Annotated[
        list[CreativeStatus] | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only pending, approved or rejected ones; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List creatives, those that wait first.

    What was in use when an account was first read counts as approved.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        found = store.creatives()
    from meta_autonomous.render import creatives as render

    wanted = {one.value for one in status or CreativeStatus}
    records = [record for record in found if record.status in wanted]
    return session.present(
        [render.creative_json(record, platform=platform) for record in records],
        lambda: render.creatives_document(records, platform=platform, now=now),
    )


@app.command()
def approve(context: typer.Context, ids: Ids = None, *, as_json: AsJson = False) -> int:
    """Approve, so that more money may follow.

    An ad itself still rests for CREATIVE_EMBARGO_HOURS after its creative was changed.
    """
    return _decide(context, ids, is_approved=True, reason="", as_json=as_json)


@app.command()
def reject(
    context: typer.Context,
    ids: Ids = None,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Reject: what runs it gets no more money.

    Neither raised nor resumed, until somebody approves it. Nothing is paused.
    """
    return _decide(context, ids, is_approved=False, reason=reason, as_json=as_json)


def _decide(
    context: typer.Context,
    ids: Sequence[str] | None,
    *,
    is_approved: bool,
    reason: str,
    as_json: bool,
) -> int:
    session = Session.of(context, as_json=as_json)
    if not ids:
        raise WrongUsage("Which creative?", remedy="See `meta-auto creatives list`.")
    with session.records(Role.MANAGER) as (store, loaded, actor):
        from meta_autonomous.operations.creatives import decide

        platform = loaded.system().platform
        handled = decide(
            store,
            ids,
            is_approved=is_approved,
            actor=actor,
            at=reading_time(loaded),
            reason=reason,
        )
    return answer(session, handled, platform=platform)
