"""`alerts`: what wants a person's attention."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from meta_autonomous.cli.answers import answer
from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage

if TYPE_CHECKING:
    from meta_autonomous.ports.records import AlertRecord

app = group("What wants a person's attention.")


@app.command("list")
def list_alerts(context: typer.Context, *, as_json: AsJson = False) -> int:
    """List the alerts that are open."""
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        alerts = store.open_alerts()
    return _present(session, alerts, platform=platform, now=now)


@app.command()
def check(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Look for what no tick can report itself.

    No tick for too long, a broken audit trail, a change in doubt for more than an hour. Raises and
    clears those alerts, tells META_AUTO_NOTIFY_URLS of new ones, and lists all that are open. Run
    it on a timer of its own; it exits 0 whether alerts are open or not.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.WATCHER) as (store, loaded, _):
        import asyncio

        from meta_autonomous.bootstrap import notifier_for, watch_for
        from meta_autonomous.operations.alerts_check import check_alerts, tell
        from meta_autonomous.operations.metrics import metrics_text

        system = loaded.system()
        now = reading_time(loaded)
        checked = check_alerts(store, system, now=now)
        if store.latest_time() is not None:  # of a system that never ran nothing is to be told
            asyncio.run(tell(checked, notifier_for(loaded), platform=system.platform))
            watch_for(loaded).show(metrics_text(store, system, loaded.book(), now=now))
    return _present(session, checked.standing, platform=system.platform, now=now)


@app.command()
def ack(
    context: typer.Context,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY", help="Alerts, as `alerts list` names them."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Take note: it is repeated no more.

    An alert stands until it is over; that of a hard stop is over once acknowledged.
    """
    session = Session.of(context, as_json=as_json)
    if not keys:
        raise WrongUsage("Which alert?", remedy="See `meta-auto alerts list`.")
    with session.records(Role.MANAGER) as (store, loaded, actor):
        from meta_autonomous.operations.acknowledge import acknowledge

        platform = loaded.system().platform
        handled = acknowledge(store, keys, actor=actor, at=reading_time(loaded))
    return answer(session, handled, platform=platform)


def _present(
    session: Session, alerts: "Sequence[AlertRecord]", *, platform: str, now: datetime
) -> int:
    from meta_autonomous.render import alerts as render

    return session.present(
        [render.alert_json(alert, platform=platform) for alert in alerts],
        lambda: render.alerts_document(alerts, platform=platform, now=now),
    )
