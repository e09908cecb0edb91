"""What every deed of a person has in common: who may, account by account, what came of it, and
its exit code."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from meta_autonomous.decision.judgement import Judged
from meta_autonomous.domain.action import Outcome
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.operations.execute import Executed
from meta_autonomous.ports.errors import (
    Busy,
    NotAllowed,
    NotFound,
    PlatformError,
    RefusedByGuard,
    Throttled,
)
from meta_autonomous.ports.people import Actor
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.ports.store import Store

#: How long a person waits for an account that a tick is working on.
LOCK_WAIT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of one id a person named: of an action, a creative, or an alert's key."""

    id: int | str
    status: str
    message: str
    exit_code: int = ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "status": self.status, "message": self.message}


def exit_code_of(handled: Sequence[Handled]) -> int:
    """One code for several ids: their common one, or 4 when some were done and some were not."""
    codes = {one.exit_code for one in handled}
    return codes.pop() if len(codes) == 1 else ExitCode.PARTLY if codes else ExitCode.DONE


# --- account by account -------------------------------------------------------------------------

InAccount = Callable[[str, Sequence[ActionRecord]], Awaitable[list[Handled]]]


def find(
    store: Store, ids: Iterable[int], *, what: str, command: str
) -> tuple[list[ActionRecord], list[Handled]]:
    """The records of these ids, and a refusal for each id that there is no `what` of; `command`
    lists them all."""
    found: list[ActionRecord] = []
    unknown: list[Handled] = []
    for action_id in dict.fromkeys(ids):
        try:
            found.append(store.action(action_id))
        except NotFound:
            text = f"There is no {what} {action_id}. See `{command}`."
            unknown.append(
                Handled(id=action_id, status="not_found", message=text, exit_code=ExitCode.REFUSED)
            )
    return found, unknown


async def by_account(
    records: Iterable[ActionRecord], deed: InAccount, *, handled: Sequence[Handled] = ()
) -> list[Handled]:
    """Do it for one account after the other, and add what came of it to `handled`.

    An account whose lock does not come free is told of beside the others; raises Busy when there
    is nothing else to tell.
    """
    accounts: dict[str, list[ActionRecord]] = {}
    for record in records:
        accounts.setdefault(record.account_id, []).append(record)
    done = list(handled)
    for account_id, mine in accounts.items():
        try:
            done += await deed(account_id, mine)
        except Busy as busy:
            if not handled and len(accounts) == 1:
                raise
            done += [_left_alone(record, busy) for record in mine]
    return done


@contextmanager
def alone_with(store: Store, account_id: str) -> Iterator[None]:
    """With the account's lock held. Raises Busy when it does not come free in time."""
    with store.account_lock(account_id, wait_seconds=LOCK_WAIT_SECONDS) as is_ours:
        if not is_ours:
            raise Busy(
                f"Ad account {account_id} is being worked on and did not come free in "
                f"{LOCK_WAIT_SECONDS:.0f} s.",
                remedy="Try again in a minute.",
            )
        yield


def _left_alone(record: ActionRecord, busy: Busy) -> Handled:
    return Handled(
        id=record.id,
        status=record.status.value,
        message=busy.told,
        exit_code=ExitCode.LATER,
    )


# --- what came of it ----------------------------------------------------------------------------


def in_order(handled: Iterable[Handled], ids: Iterable[int | str]) -> list[Handled]:
    """As the person named them."""
    places = {one: place for place, one in enumerate(ids)}
    return sorted(handled, key=lambda one: places[one.id])


def exit_code_after(done: Executed) -> int:
    """The code of one execution, by what kept it from being done."""
    if done.outcome is Outcome.EXECUTED:
        return ExitCode.DONE
    if done.superseded or isinstance(done.problem, RefusedByGuard):
        return ExitCode.REFUSED
    is_later = done.problem is None or isinstance(done.problem, Throttled)
    return ExitCode.LATER if done.outcome is Outcome.DEFERRED and is_later else ExitCode.PARTLY


def unreadable(record: ActionRecord, problem: PlatformError) -> Handled:
    """The account could not be read, so nothing was even tried."""
    return Handled(
        id=record.id,
        status=record.status.value,
        message=f"Nothing was done: {problem.told}",
        exit_code=ExitCode.LATER if isinstance(problem, Throttled) else ExitCode.PARTLY,
    )


def only_managers(actor: Actor, deed: str) -> None:
    """Raises NotAllowed. The service ticks; it never decides for a person."""
    if actor.is_service or not actor.is_manager:
        raise NotAllowed(
            f"{actor.name} may not {deed}.",
            remedy="Ask a manager, or be named in META_AUTO_MANAGERS.",
        )


def why_refused(judged: Judged) -> str:
    """Every rule that refused the action as it stands, its size included."""
    causes = [*judged.blocking, *judged.deferring, *judged.clamped]
    return "Refused: " + " ".join(f"[{verdict.rule}] {verdict.message}" for verdict in causes)
