"""`policies`: the limits in force, and whether a plan keeps them."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.json_objects import each_key_once
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode

if TYPE_CHECKING:
    from meta_autonomous.config import Sourced
    from meta_autonomous.decision.limits import PolicyBook
    from meta_autonomous.ports.records import Runtime
    from meta_autonomous.ports.store import Store

app = group("The limits in force, and where each is from.")


@app.command()
def show(
    context: typer.Context,
    *,
    entity: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="ENTITY_ID", help="As they bind this campaign, ad set or ad."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the limits in force.

    Each with where it is from: default, TOML, .env, environment, runtime, or an override.
    """
    session = Session.of(context, as_json=as_json)
    from meta_autonomous.config import effective, explain_for
    from meta_autonomous.decision.margin import break_even_roas, losing_thresholds
    from meta_autonomous.operations.shapes import number

    if entity is None:
        runtime, loaded = session.switches(Role.MANAGER)
        told, limits = effective(loaded, runtime=_stored(runtime)), loaded.limits()
    else:
        with session.records(Role.MANAGER) as (store, loaded, _):
            stored = _stored(store.runtime())
            whom = _whom(store, entity)
        account_id, name = whom["account_id"], whom["campaign_name"]
        told = explain_for(loaded, account_id, name, runtime=stored)
        told |= {"for": whom, "overrides": _concerning(told["overrides"], loaded.book(), whom)}
        limits = loaded.book().limits_for(account_id, name)
    shaped = {
        **told,
        "platform": loaded.system().platform,
        "break_even_roas": number(break_even_roas(limits.profit_margin)),
        "warnings": [*told["warnings"], *losing_thresholds(limits)],
    }
    from meta_autonomous.render.policies import policies_document

    return session.present(shaped, lambda: policies_document(shaped))


@app.command()
def check(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The plan, one JSON object; - is stdin.")
    ],
    *,
    as_json: AsJson = False,
) -> int:
    """Ask the rules about a plan (exit 3: refused).

    A campaign: {"kind": "campaign", "name", "daily_budget_usd", "pixel_id", "countries": [...],
    "distribution": {"ES": 0.4, ...}, "creatives": [...]}. A creative change: {"kind": "creative",
    "creative_id", "is_human_approved", "last_change_at"}.
    """
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    session.permit(loaded, Role.MANAGER)
    plan = _plan(file)
    from meta_autonomous.bootstrap import wall_clock
    from meta_autonomous.decision.planned import check_plan
    from meta_autonomous.operations.shapes import verdict_shape
    from meta_autonomous.render.policies import checked_document

    # A plan is of this world, whatever day it is in the simulated one.
    verdicts = check_plan(plan, loaded.limits(), now=wall_clock())
    allowed = all(verdicts)
    shaped = {
        "allowed": allowed,
        "verdicts": [verdict_shape(verdict) for verdict in verdicts],
        "platform": loaded.system().platform,
    }
    return session.present(
        shaped,
        lambda: checked_document(shaped),
        code=ExitCode.DONE if allowed else ExitCode.REFUSED,
    )


@app.command()
def selftest(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Try every guard on made-up actions (exit 3: one is dead).

    An account is made up under your own settings: MAX_CAMPAIGNS_PER_TICK campaigns, each at
    MAX_CAMPAIGN_BUDGET_USD. For every guard an action is injected that it must stop. A guard that
    can't fire with these settings is dead; one that a neutral value switches off is off.
    """
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    session.permit(loaded, Role.ADMIN)
    from meta_autonomous.decision.selftest import selftest as run_selftest
    from meta_autonomous.render.selftest import selftest_document, selftest_json

    tested = run_selftest(loaded.book(), now=reading_time(loaded))
    shaped = selftest_json(tested, platform=loaded.system().platform)
    return session.present(
        shaped,
        lambda: selftest_document(shaped),
        code=ExitCode.DONE if tested.is_ok else ExitCode.REFUSED,
    )


def _plan(file: str) -> dict[str, Any]:
    """One JSON object, its numbers exactly as written."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
        plan = json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_no_number,
            object_pairs_hook=each_key_once,
        )
    except OSError as error:
        raise WrongUsage(
            f"{file}: {error.strerror}.",
            remedy="Name a file that holds the plan, or give it on stdin as -.",
        ) from None
    except ValueError as error:
        raise WrongUsage(f"{file} is not JSON: {error}.") from None
    if not isinstance(plan, dict):
        raise WrongUsage(
            f"{file} is not one JSON object.", remedy="See `meta-auto policies check --help`."
        )
    return plan


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _stored(runtime: "Runtime") -> "dict[str, Sourced]":
    """What the switches say beside the configuration: they win over it."""
    from meta_autonomous.config import Source, Sourced

    who = f"by {runtime.changed_by}" if runtime.changed_by else ""
    stored: dict[str, Sourced] = {}
    if runtime.mode is not None:
        stored["meta_auto_mode"] = Sourced(
            value=runtime.mode, source=Source.RUNTIME, detail=f"mode set {who}".strip()
        )
    if not runtime.is_started:
        stored["meta_auto_enabled"] = Sourced(
            value=False, source=Source.RUNTIME, detail=f"stop {who}".strip()
        )
    return stored


def _whom(store: "Store", entity_id: str) -> dict[str, str]:
    """An entity as overrides see it: by its ad account, and by its campaign's name."""
    from meta_autonomous.operations.explain import explain

    trace = explain(store, entity_id).trace
    campaign = store.trace(trace.campaign_id)
    return {
        "entity_id": trace.entity_id,
        "entity_name": trace.name,
        "level": trace.level.value,
        "account_id": str(trace.evidence["account_id"]),
        "campaign_id": trace.campaign_id,
        "campaign_name": trace.name if campaign is None else campaign[0].name,
    }


def _concerning(
    shown: list[dict[str, Any]], book: "PolicyBook", whom: dict[str, str]
) -> list[dict[str, Any]]:
    """The overrides as shown, each with whether it concerns this entity, and which of its limits
    are in force there: one that is looser than what holds everywhere may be none of them."""
    account_id, name = whom["account_id"], whom["campaign_name"]
    chosen = book.sources(account_id, name)
    return [
        {
            **told,
            "concerns": override.concerns(account_id, name),
            "in_force": [key for key, (_, source) in chosen.items() if source is override],
        }
        for told, override in zip(shown, book.overrides, strict=True)
    ]
