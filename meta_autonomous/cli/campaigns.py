"""`campaigns`: the entities under control."""

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session

app = group("The campaigns, ad sets and ads under control.")


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own while it is the only command of the group."""


@app.command("list")
def list_campaigns(context: typer.Context, *, as_json: AsJson = False) -> int:
    """List what the last tick saw.

    ROAS of the window, budget, and the last decision of each.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        traces = store.traces()
    from meta_autonomous.render import campaigns as render

    return session.present(
        [render.campaign_json(trace, platform=platform) for trace in traces],
        lambda: render.campaigns_document(traces, platform=platform),
    )
