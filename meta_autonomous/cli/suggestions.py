"""`suggestions`: what waits for a person's word."""

import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from meta_autonomous.cli import completing
from meta_autonomous.cli.answers import answer
from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.statuses import STATUS_HELP, statuses
from meta_autonomous.cli.usage import WrongUsage

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings
    from meta_autonomous.operations.by_person import Handled
    from meta_autonomous.ports.people import Actor

app = group("What the system proposes and a person decides.")

Ids = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="ID", help="IDs of suggestions.", min=1, autocompletion=completing.pending
    ),
]


@app.command("list")
def list_suggestions(
    context: typer.Context,
    *,
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help=STATUS_HELP)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List what is pending, most urgent first."""
    session = Session.of(context, as_json=as_json)
    wanted = statuses(status or ["suggested"])
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        found = store.actions(statuses=wanted)
    from meta_autonomous.render import actions as render

    records = render.by_urgency(found)
    return session.present(
        [render.suggestion_json(record, platform=platform) for record in records],
        lambda: render.suggestions_document(records, platform=platform, now=now, asked_for=wanted),
    )


@app.command()
def show(
    context: typer.Context,
    suggestion: Annotated[
        int,
        typer.Argument(
            metavar="ID", help="ID of a suggestion.", min=1, autocompletion=completing.pending
        ),
    ],
    *,
    as_json: AsJson = False,
) -> int:
    """Show everything about one.

    The evidence, each rule's verdict with its numbers, and what will be sent.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        record = store.action(suggestion)
    from meta_autonomous.render import suggestion as render

    return session.present(
        render.detail_json(record, platform=platform),
        lambda: render.detail_document(record, platform=platform, now=now),
    )


@app.command()
def approve(
    context: typer.Context,
    ids: Ids = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every pending suggestion, most urgent first.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", metavar="AMOUNT", help="Approve a smaller change: this budget per day."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before --all.")] = False,
    as_json: AsJson = False,
) -> int:
    """Approve, which executes.

    The entity is read again and every rule is asked again first; nothing is done twice.
    """
    session = Session.of(context, as_json=as_json)
    _one_choice(ids, everything=everything)
    amount = None if budget is None else _amount(budget)
    if amount is not None and (everything or len(ids or ()) != 1):
        raise WrongUsage("--budget goes with exactly one ID.")
    loaded = session.settings()
    actor = session.permit(loaded, Role.MANAGER)
    chosen = list(dict.fromkeys(ids or ()))
    if everything:
        chosen = _all_pending(session, yes=yes)
    import asyncio

    handled = asyncio.run(_approve(loaded, actor, chosen, budget=amount)) if chosen else []
    return answer(session, handled, platform=loaded.system().platform)


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
    """Reject for now.

    Not proposed again for 24 hours, and for 7 days not executed automatically.
    """
    session = Session.of(context, as_json=as_json)
    _one_choice(ids, everything=False)
    loaded = session.settings()
    actor = session.permit(loaded, Role.MANAGER)
    chosen = list(dict.fromkeys(ids or ()))
    import asyncio

    handled = asyncio.run(_reject(loaded, actor, chosen, reason=reason))
    return answer(session, handled, platform=loaded.system().platform)


@app.command()
def review(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Decide one after the other, by one key each.

    Needs a terminal. Most urgent first: approve, reject, skip, details, quit.
    """
    from meta_autonomous.cli import review as at_terminal

    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, actor):
        platform = loaded.system().platform
        now = reading_time(loaded)
        found = store.actions(statuses=statuses(["suggested"]))
    if session.as_json or not at_terminal.is_possible():
        raise WrongUsage(
            "A review needs somebody at a terminal.",
            remedy="Use `suggestions list`, then `suggestions approve ID` or `reject ID`.",
        )
    from meta_autonomous.operations.by_person import exit_code_of
    from meta_autonomous.render import actions as render

    if not found:
        return session.present(
            [], lambda: render.suggestions_document([], platform=platform, now=now)
        )
    deeds = {
        at_terminal.Key.APPROVE: at_terminal.deed(
            lambda one: _approve(loaded, actor, [one], budget=None)
        ),
        at_terminal.Key.REJECT: at_terminal.deed(
            lambda one: _reject(loaded, actor, [one], reason="")
        ),
    }
    done = at_terminal.review(render.by_urgency(found), deeds, platform=platform, now=now)
    return exit_code_of(done)


async def _reject(
    loaded: "LoadedSettings", actor: "Actor", ids: Sequence[int], *, reason: str
) -> "Sequence[Handled]":
    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.operations.suggestions import reject as reject_all
    from meta_autonomous.ports.errors import PlatformError

    async with open_world(loaded, actor=actor, purpose="act") as world:
        try:
            at = await world.platform.trusted_now()
        except PlatformError:  # a no needs no word from Meta
            at = reading_time(loaded)
        return reject_all(world, ids, reason=reason, at=at)


async def _approve(
    loaded: "LoadedSettings", actor: "Actor", ids: Sequence[int], *, budget: Decimal | None
) -> "Sequence[Handled]":
    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.operations.suggestions import approve as approve_all

    async with open_world(loaded, actor=actor, purpose="act") as world:
        return await approve_all(world, ids, budget=budget)


def _all_pending(session: Session, *, yes: bool) -> list[int]:
    """The IDs of everything pending, after one question to whoever sits at the terminal."""
    from meta_autonomous.domain.action import ActionStatus
    from meta_autonomous.render import actions as render

    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        now = reading_time(loaded)
        records = render.by_urgency(store.actions(statuses=[ActionStatus.SUGGESTED]))
    if records and not yes:
        if session.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise WrongUsage(
                "--all asks before it acts, and there is nobody to ask.", remedy="Add --yes."
            )
        from meta_autonomous.render import output

        output.show(render.approval_document(records, platform=platform, now=now))
        if not typer.confirm(f"Approve all {len(records)}?"):
            output.complain("Nothing was done.")
            raise typer.Exit
    return [record.id for record in records]


def _one_choice(ids: Sequence[int] | None, *, everything: bool) -> None:
    if bool(ids) == everything:
        raise WrongUsage(
            "Give the IDs of suggestions, or --all, not both." if ids else "Which suggestion?",
            remedy="See `meta-auto suggestions list`.",
        )


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise WrongUsage(
            f"--budget {text!r} is not an amount.",
            remedy="Give the budget per day in the account's currency, such as 550 or 549.90.",
        )
    return value
