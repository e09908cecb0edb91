"""`campaigns`: the entities under control."""

from enum import StrEnum
from typing import Annotated

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session

app = group("The campaigns, ad sets and ads under control.")


class Shown(StrEnum):
    CAMPAIGN = "campaign"
    ADSET = "adset"
    AD = "ad"


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own while it is the only command of the group."""


@app.command("list")
def list_campaigns(
    context: typer.Context,
    *,
    level: Annotated[
        Shown | None, typer.Option("--level", help="Only campaigns, only ad sets or only ads.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List what the last tick saw.

    ROAS of the window, budget, and the last decision of each.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.domain.entities import Level

        platform = loaded.system().platform
        found = store.traces(level=None if level is None else Level(level))
    from meta_autonomous.render import campaigns as render

    traces = render.by_campaign(found)

    return session.present(
        [render.campaign_json(trace, platform=platform) for trace in traces],
        lambda: render.campaigns_document(traces, platform=platform),
    )
