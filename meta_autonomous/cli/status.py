"""`status`: the dashboard."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage


def status(
    context: typer.Context,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and show it afresh until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show the dashboard.

    Mode, last and next tick, today's counts, spend against the cap, alerts.
    """
    session = Session.of(context, as_json=as_json)
    shaped, now = _status(session)
    from meta_autonomous.render.status import status_document

    if watch:
        return _watch(session)
    return session.present(shaped, lambda: status_document(shaped, now=now))


def _status(session: Session) -> tuple[Mapping[str, Any], datetime]:
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.operations.status import status as status_of

        now = reading_time(loaded)
        told = status_of(store, loaded.system(), loaded.book(), loaded.rates(), now=now)
        return told.to_json(), now


def _watch(session: Session) -> int:
    from meta_autonomous.render import output
    from meta_autonomous.render.document import Document
    from meta_autonomous.render.status import status_document

    if session.as_json or not output.on_terminal():
        raise WrongUsage("--watch needs a terminal.", remedy="Run `meta-auto status --json`.")

    def document() -> Document:
        shaped, now = _status(session)
        return status_document(shaped, now=now)

    output.watch(document)
    return 0
