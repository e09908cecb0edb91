"""What the shell offers on Tab: the ids that a command would take, with what they are.

A completion must never fail, ask or write: whatever keeps it from an answer, it offers nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from meta_autonomous.cli.session import Role, Session

if TYPE_CHECKING:
    from meta_autonomous.domain.action import ActionStatus
    from meta_autonomous.ports.store import Store

Offers = list[tuple[str, str]]


def pending(ctx: typer.Context, incomplete: str) -> Offers:
    """Suggestions that wait for a person's word."""
    from meta_autonomous.domain.action import ActionStatus

    return _actions(ctx, incomplete, ActionStatus.SUGGESTED)


def executed(ctx: typer.Context, incomplete: str) -> Offers:
    """Actions that could be taken back."""
    from meta_autonomous.domain.action import ActionStatus

    return _actions(ctx, incomplete, ActionStatus.EXECUTED)


def in_doubt(ctx: typer.Context, incomplete: str) -> Offers:
    """Actions that wait to be settled."""
    from meta_autonomous.domain.action import ActionStatus

    return _actions(ctx, incomplete, ActionStatus.IN_DOUBT)


def entities(ctx: typer.Context, incomplete: str) -> Offers:
    """Campaigns, ad sets and ads that the last tick knew."""
    return _offered(
        ctx,
        incomplete,
        lambda store: [(one.entity_id, f"{one.level} {one.name}") for one in store.traces()],
    )


def accounts(ctx: typer.Context, incomplete: str) -> Offers:
    """Ad accounts that the last tick worked."""

    def known(store: "Store") -> Offers:
        last = store.last_tick() or {}
        return [(str(one["account_id"]), str(one["name"])) for one in last.get("accounts", ())]

    return _offered(ctx, incomplete, known)


def _actions(ctx: typer.Context, incomplete: str, status: "ActionStatus") -> Offers:
    def found(store: "Store") -> Offers:
        return [
            (str(one.id), f"{one.type.replace('_', ' ')} {one.entity_name}")
            for one in store.actions(statuses=[status])
        ]

    return _offered(ctx, incomplete, found)


def _offered(ctx: typer.Context, incomplete: str, ask: "Callable[[Store], Offers]") -> Offers:
    from meta_autonomous.render.text import clean

    offers: Offers = []
    with (
        suppress(Exception),
        Session.of(ctx, as_json=False).records(Role.MANAGER) as (store, _, _),
    ):
        offers = ask(store)
    # A shell splits an offer and its help at colons and lines; names are foreign text.
    return [
        (key, clean(told, longest=60).replace(":", " "))
        for key, told in offers
        if key.startswith(incomplete)
    ]
