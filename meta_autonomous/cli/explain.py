"""`explain`: why the last tick did what it did, or nothing."""

from typing import Annotated

import typer

from meta_autonomous.cli import completing
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time


def explain(
    context: typer.Context,
    entity: Annotated[
        str,
        typer.Argument(
            metavar="ENTITY_ID",
            help="A campaign, ad set or ad.",
            autocompletion=completing.entities,
        ),
    ],
    *,
    as_json: AsJson = False,
) -> int:
    """Say why something was done, or not.

    The last tick's word on one campaign, ad set or ad: every gate with its numbers, the first
    that binds, and when it is eligible again.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.operations.explain import explain as explain_entity

        platform = loaded.system().platform
        now = reading_time(loaded)
        explanation = explain_entity(store, entity)
    from meta_autonomous.render.explain import explanation_document

    return session.present(
        {**explanation.to_json(), "platform": platform},
        lambda: explanation_document(explanation, platform=platform, now=now),
    )
