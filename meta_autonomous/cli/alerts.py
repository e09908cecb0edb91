"""`alerts`: what wants a person's attention."""

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time

app = group("What wants a person's attention.")


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own while it is the only command of the group."""


@app.command("list")
def list_alerts(context: typer.Context, *, as_json: AsJson = False) -> int:
    """List the alerts that are open."""
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        alerts = store.open_alerts()
    from meta_autonomous.render import alerts as render

    return session.present(
        [render.alert_json(alert, platform=platform) for alert in alerts],
        lambda: render.alerts_document(alerts, platform=platform, now=now),
    )
