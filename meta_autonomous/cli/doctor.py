"""`doctor`: everything that could be wrong, each with its remedy."""

from contextlib import suppress
from typing import Annotated

import typer

from meta_autonomous.cli.session import AsJson, Role, Session


def doctor(
    context: typer.Context,
    *,
    notify_test: Annotated[
        bool,
        typer.Option("--notify-test", help="Send a test message to META_AUTO_NOTIFY_URLS."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check the whole system; each trouble with its remedy.

    Configuration, files, disk, database, ledger, timer, ticks, guards, token, ad accounts,
    currency rates, Graph version, other controllers, clock, notifications. It changes nothing.
    Exits 0 when nothing failed, else with the code of the gravest failure: 78 configuration,
    1 database, 4 Meta, 3 a guard.
    """
    session = Session.of(context, as_json=as_json)
    from meta_autonomous.ports.errors import ConfigError

    loaded = None
    # A configuration that can't be read names no admins; its problems are told to anyone, by
    # every command.
    with suppress(ConfigError):
        loaded = session.settings()
    if loaded is not None:
        session.permit(loaded, Role.ADMIN)
    import asyncio

    from meta_autonomous.cli.examination import examine
    from meta_autonomous.render.doctor import doctor_document

    found = asyncio.run(examine(loaded, session.config, notify_test=notify_test))
    shaped = found.to_json()
    return session.present(shaped, lambda: doctor_document(shaped), code=found.exit_code)
