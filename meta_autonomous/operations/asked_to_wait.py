"""Meta's wish to be left alone: what one run hears of it holds for the next, whoever runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from meta_autonomous.decision.rules import moment
from meta_autonomous.ports.errors import Throttled
from meta_autonomous.ports.store import Store


def wait_if_asked_to(store: Store, account_id: str, now: datetime) -> None:
    """What Meta told an earlier run holds for this one. Raises Throttled."""
    until = store.account(account_id).blocked_until
    if until is not None and until > now:
        raise Throttled(
            f"Meta asked to leave account {account_id} alone until {moment(until)}", until=until
        )


@contextmanager
def remembering_to_wait(store: Store, account_id: str) -> Iterator[None]:
    """A throttle that is heard in here is on record for later runs; it is raised all the same.
    The account's lock is ours."""
    try:
        yield
    except Throttled as heard:
        record = store.account(account_id)
        until = max(filter(None, (record.blocked_until, heard.until)), default=None)
        store.save_account(replace(record, blocked_until=until, last_error=heard.message))
        raise
