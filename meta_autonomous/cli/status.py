"""`status`: the dashboard."""

import typer

from meta_autonomous.cli.session import AsJson, Role, Session, reading_time


def status(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Show the dashboard.

    Mode, last and next tick, today's counts, spend against the cap, alerts.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.operations.status import status as status_of

        system = loaded.system()
        now = reading_time(loaded)
        shaped = status_of(store, system, loaded.book(), now=now).to_json()
    from meta_autonomous.render.status import status_document

    return session.present(shaped, lambda: status_document(shaped, now=now))
