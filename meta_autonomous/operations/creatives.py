"""What a person decides about creatives: whether more money may go to what runs them."""

from collections.abc import Sequence
from datetime import datetime

from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.operations.by_person import Handled, only_managers
from meta_autonomous.ports.people import Actor
from meta_autonomous.ports.records import CreativeRecord
from meta_autonomous.ports.store import Store

APPROVED, REJECTED, PENDING = "approved", "rejected", "pending"
_SAYS = {
    APPROVED: "Approved: what runs it may get more money.",
    REJECTED: "Rejected: what runs it is neither raised nor resumed.",
}


def decide(
    store: Store,
    ids: Sequence[str],
    *,
    is_approved: bool,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> list[Handled]:
    """Approve or reject creatives that a read has seen, in the order given. A word can be taken
    back by the other one."""
    only_managers(actor, "decide on creatives")
    known = {record.creative_id: record for record in store.creatives()}
    wanted = APPROVED if is_approved else REJECTED
    handled = []
    for creative_id in dict.fromkeys(ids):
        record = known.get(creative_id)
        if record is None:
            text = f"No read has seen a creative {creative_id}. See `meta-auto creatives list`."
            handled.append(_refused(creative_id, "not_found", text))
            continue
        before = store.decide_creative(
            creative_id,
            account_id=record.account_id,
            is_approved=is_approved,
            at=at,
            who=actor.name,
            why=reason,
        )
        if before == wanted:
            handled.append(_refused(creative_id, wanted, _already(record, wanted)))
        else:
            handled.append(Handled(id=creative_id, status=wanted, message=_SAYS[wanted]))
    return handled


def _already(record: CreativeRecord, wanted: str) -> str:
    if record.source == "baseline":
        return "Approved already: in use when the account was first read."
    # Where someone was quicker just now, the record read before tells of nobody.
    by = f" by {record.decided_by}" if record.status == wanted and record.decided_by else ""
    return f"{wanted.capitalize()} already{by}."


def _refused(creative_id: str, status: str, text: str) -> Handled:
    return Handled(id=creative_id, status=status, message=text, exit_code=ExitCode.REFUSED)
