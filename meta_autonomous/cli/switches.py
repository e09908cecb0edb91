"""`mode`, `start`, `stop`: the switches that people turn."""

from enum import StrEnum
from typing import Annotated

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage

mode_app = group("Who decides: people, or the program.")


class Mode(StrEnum):
    SUGGEST = "suggest"
    AUTO = "auto"


@mode_app.command("show")
def show(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Show the mode in force, and who set it."""
    session = Session.of(context, as_json=as_json)
    runtime, loaded = session.switches(Role.MANAGER)
    from meta_autonomous.render.switches import mode_document, mode_json

    shaped = mode_json(runtime, loaded.system())
    return session.present(shaped, lambda: mode_document(shaped))


@mode_app.command("set")
def set_mode(
    context: typer.Context,
    mode: Annotated[Mode, typer.Argument(help="suggest or auto")],
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="GUARD",
            help="Auto mode although this guard can't fire; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Switch the mode.

    It takes effect on the next tick, and is recorded with your name. Auto mode is refused (exit 3)
    while `policies selftest` finds a guard that can't fire, unless you accept it by name.
    """
    session = Session.of(context, as_json=as_json)
    accepted = _accepted(mode, accept or [])
    with session.records(Role.ADMIN, create=True) as (store, loaded, actor):
        from meta_autonomous.operations.switches import set_mode as switch_mode

        system = loaded.system()
        at = reading_time(loaded)
        tested = None
        if mode is Mode.AUTO:
            from meta_autonomous.operations.selftest import require

            tested = require(loaded.book(), system, accept=accepted, at=at)
        changed = switch_mode(store, system, mode.value, actor=actor, at=at, tested=tested)
    from meta_autonomous.render.switches import switched_document

    shaped = {**changed.to_json(), "platform": system.platform}
    return session.present(shaped, lambda: switched_document(shaped))


def _accepted(mode: Mode, guards: list[str]) -> list[str]:
    if guards and mode is not Mode.AUTO:
        raise WrongUsage("--accept goes with `mode set auto` only.")
    if guards:
        from meta_autonomous.decision.selftest import GUARDS
        from meta_autonomous.domain.likeness import nearest

        unknown = next((guard for guard in guards if guard not in GUARDS), None)
        if unknown is not None:
            raise WrongUsage(
                f"{unknown} is no guard; {nearest(unknown, GUARDS)}".rstrip("; "),
                remedy="`meta-auto policies selftest` names them all.",
            )
    return guards


def start(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Let ticks work again.

    The second switch beside META_AUTO_ENABLED: both must be on.
    """
    return _turn(context, is_started=True, as_json=as_json)


def stop(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Stop the ticks.

    A running one ends after the write in hand; later ones only settle what is in doubt.
    """
    return _turn(context, is_started=False, as_json=as_json)


def _turn(context: typer.Context, *, is_started: bool, as_json: bool) -> int:
    session = Session.of(context, as_json=as_json)
    with session.records(Role.ADMIN, create=True) as (store, loaded, actor):
        from meta_autonomous.operations.switches import set_started

        system = loaded.system()
        at = reading_time(loaded)
        message = set_started(store, is_started=is_started, actor=actor, at=at)
    from meta_autonomous.render.switches import switched_document

    shaped = {
        "success": True,
        "started": is_started,
        "enabled": system.is_enabled and is_started,
        "message": message,
        "platform": system.platform,
    }
    if is_started and not system.is_enabled:
        shaped["message"] = f"{message} META_AUTO_ENABLED is false, though: ticks do nothing yet."
    return session.present(shaped, lambda: switched_document(shaped))
