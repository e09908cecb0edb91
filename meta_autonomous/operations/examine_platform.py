"""What `doctor` asks of Meta: time, token, version, accounts, and who else acts on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from meta_autonomous.domain.condition import AccountFacts, OtherHands, TokenFacts
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations.doctor import Check, not_examined
from meta_autonomous.operations.token_watch import EXPIRES_SOON
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, PlatformError
from meta_autonomous.ports.platform import Patient

NAMES: Final = (
    "clock",
    "token",
    "graph_version",
    "accounts",
    "currency_rates",
    "other_controllers",
)
#: What the name of a rate's variable begins with. The check of the rates lists those to be set.
RATE: Final = "META_AUTO_FX_"
NEEDED: Final = frozenset({"ads_read", "ads_management"})
#: Any of these lets the token's holder change campaigns.
_MAY_WRITE: Final = frozenset({"MANAGE", "ADVERTISE"})
_LOOK_BACK: Final = timedelta(days=7)
_STATUSES: Final = {
    1: "active",
    2: "disabled",
    3: "unsettled",
    7: "pending risk review",
    8: "pending settlement",
    9: "in grace period",
    100: "pending closure",
    101: "closed",
}
_RENEW: Final = (
    "Create a new system-user token with ads_read and ads_management, and put it in its place."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One account, or why it could not be read."""

    account_id: str
    facts: AccountFacts | None = None
    hands: OtherHands | None = None
    problem: PlatformError | None = None


async def examine_platform(
    patient: Patient,
    account_ids: Sequence[str],
    rates: Rates,
    *,
    version: str,
    now: datetime,
) -> tuple[Check, ...]:
    """`now` is the local clock; on the sandbox its own. Reads only."""
    try:
        trusted = await patient.trusted_now()
        clock = Check.ok("clock", f"agrees with the platform's: {trusted:%Y-%m-%d %H:%M:%S} UTC")
    except BadAnswer as problem:
        trusted, clock = now, Check.of_error("clock", problem)
    except PlatformError as problem:
        return (
            Check.of_error("token" if isinstance(problem, AuthFailed) else "platform", problem),
            *not_examined(
                (name for name in NAMES if not (_is_auth(problem) and name == "token")),
                "the platform did not answer",
            ),
        )
    token, facts = await _token(patient, trusted)
    seen = [await _look(patient, one, trusted, facts) for one in account_ids]
    return (
        clock,
        token,
        _accounts(seen),
        _rates(seen, rates),
        _others(seen),
        _version(patient, version),
    )


def _is_auth(problem: PlatformError) -> bool:
    return isinstance(problem, AuthFailed)


async def _token(patient: Patient, now: datetime) -> tuple[Check, TokenFacts | None]:
    try:
        facts = await patient.token_facts()
        if facts.scopes is None:
            facts = replace(facts, scopes=await patient.permissions())
    except PlatformError as problem:
        return Check.of_error("token", problem), None
    return token_check(facts, now), facts


def token_check(facts: TokenFacts, now: datetime) -> Check:
    name = "token"
    missing = sorted(NEEDED - facts.scopes) if facts.scopes is not None else []
    if missing:
        return Check.fail(
            name,
            f"the token lacks the permission {' and '.join(missing)}",
            "Give the app both permissions and create a new token.",
            code=ExitCode.PARTLY,
        )
    if facts.expires_at is not None:
        left = facts.expires_at - now
        when = f"{facts.expires_at:%Y-%m-%d %H:%M} UTC"
        if left <= timedelta(0):
            return Check.fail(name, f"the token expired at {when}", _RENEW, code=ExitCode.PARTLY)
        told = f"the token expires in {_left(left)}, at {when}{_may(facts)}"
        if left <= EXPIRES_SOON:
            return Check.warn(name, told, f"{_RENEW} One without the 60-day option never expires.")
        return Check.ok(name, told)
    if not facts.knows_expiry:
        return Check.unknown(
            name,
            f"Meta takes the token, but does not tell when it expires{_may(facts)}",
            "Look at it in Meta's Access Token Debugger.",
        )
    return Check.ok(name, f"the token never expires{_may(facts)}")


def _may(facts: TokenFacts) -> str:
    return "; what it may do was not told" if facts.scopes is None else "; it may manage ads"


def _left(left: timedelta) -> str:
    return f"{left.days} d" if left >= timedelta(days=2) else f"{left // timedelta(hours=1)} h"


async def _look(
    patient: Patient, account_id: str, now: datetime, token: TokenFacts | None
) -> _Seen:
    ours = token.application_id if token is not None else None
    try:
        facts = await patient.account_facts(account_id)
    except PlatformError as problem:
        return _Seen(account_id=account_id, problem=problem)
    try:
        hands = await patient.other_hands(
            account_id, since=now - _LOOK_BACK, our_application_id=ours
        )
    except PlatformError as problem:
        return _Seen(account_id=account_id, facts=facts, problem=problem)
    return _Seen(account_id=account_id, facts=facts, hands=hands)


def _accounts(seen: Sequence[_Seen]) -> Check:
    name = "accounts"
    unread = [one for one in seen if one.facts is None and one.problem is not None]
    if unread:
        problem = unread[0].problem
        return Check.fail(
            name,
            f"{len(unread)} of {len(seen)} ad accounts can't be read",
            (problem.remedy if problem is not None else "")
            or "Check META_AD_ACCOUNT_IDS, and that the token's system user is assigned to them.",
            code=ExitCode.PARTLY,
            details=tuple(
                f"{one.account_id}: {one.problem.message}" for one in unread if one.problem
            ),
        )
    facts = [one.facts for one in seen if one.facts is not None]
    told = tuple(_told(one) for one in facts)
    no_task = [one for one in facts if one.tasks is not None and not one.tasks & _MAY_WRITE]
    if no_task:
        return Check.fail(
            name,
            f"the token may read {len(no_task)} of {len(facts)} ad accounts, but not change them",
            "Assign its system user to the account with the task Manage campaigns.",
            code=ExitCode.PARTLY,
            details=told,
        )
    stopped = [one for one in facts if not one.can_deliver]
    if stopped:
        return Check.warn(
            name,
            f"the ads of {len(stopped)} of {len(facts)} ad accounts can't run: "
            + ", ".join(_told(one) for one in stopped),
            "Look at billing and Account Quality in Ads Manager.",
            details=told,
        )
    return Check.ok(name, f"{len(facts)} can be read and changed", details=told)


def _told(facts: AccountFacts) -> str:
    status = _STATUSES.get(facts.status, "unknown status")
    return f"{facts.account_id} {facts.name}: {status} ({facts.status}), {facts.currency}"


def _rates(seen: Sequence[_Seen], rates: Rates) -> Check:
    name = "currency_rates"
    used = {one.facts.currency for one in seen if one.facts is not None}
    missing = sorted(code for code in used - {"USD"} if code not in rates.usd_per_unit)
    if missing:
        variables = ", ".join(f"{RATE}{code}" for code in missing)
        return Check.fail(
            name,
            f"no rate for {', '.join(missing)}: no budget is raised anywhere",
            f"Set {variables}: USD for one unit, such as 1.08.",
            code=ExitCode.CONFIGURATION,
            details=tuple(f"{RATE}{code}" for code in missing),
        )
    if not used:
        return Check.unknown(name, "no ad account could be read")
    return Check.ok(name, f"every currency in use has a rate: {', '.join(sorted(used))}")


def _others(seen: Sequence[_Seen]) -> Check:
    name = "other_controllers"
    looked = [one for one in seen if one.hands is not None]
    found = tuple(line for one in looked for line in _hands(one))
    if found:
        return Check.warn(
            name,
            "somebody else steers these accounts too",
            "Switch Meta's rules off in Ads Manager, or set BLOCK_ON_SECOND_CONTROLLER=true: two "
            "controllers undo each other's changes.",
            details=found,
        )
    unread = [one for one in seen if one.hands is None]
    if unread:
        why = unread[0].problem
        return Check.unknown(
            name,
            f"{len(unread)} ad accounts could not be looked at"
            + (f": {why.message}" if why is not None else ""),
        )
    return Check.ok(name, "no automated rule of Meta's and no other application changes budgets")


def _hands(one: _Seen) -> Iterator[str]:
    if one.hands is None:
        return
    for rule in one.hands.rules:
        yield f"{one.account_id}: Meta's automated rule {rule!r} is on"
    for application, count in one.hands.applications.items():
        yield f"{one.account_id}: {application!r} made {count} changes in 7 days"


def _version(patient: Patient, version: str) -> Check:
    name = "graph_version"
    if patient.warnings:
        return Check.warn(
            name,
            f"Meta answers {version} with a warning",
            "Set META_GRAPH_VERSION to the version that Meta names, after a dry run with it.",
            details=patient.warnings,
        )
    return Check.ok(name, f"{version} is served as asked for")
