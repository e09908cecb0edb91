"""The one request that changes something at Meta: sent once, on its own connection.

What we know afterwards is decided here, and in favour of doubt: a clear yes, a refusal that
proves that nothing happened, a throttle, or nothing sent; everything else may have happened.
Nothing that Meta or the network does raises.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meta_autonomous.adapters.meta_errors import (
    ADSET_BUDGET_PACE,
    THROTTLES,
    GraphError,
    Trouble,
    default_wait,
    describe,
    graph_error,
    proves_refusal,
    remedy_for,
    trouble,
)
from meta_autonomous.adapters.meta_http import GraphHttp, HttpAnswer, NoAnswer
from meta_autonomous.adapters.meta_json import NotJson, strict_json
from meta_autonomous.adapters.meta_pace import Pace
from meta_autonomous.adapters.meta_read import LOG, GraphReader
from meta_autonomous.adapters.meta_time import TrustedTime
from meta_autonomous.domain.entities import Status
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.ports.errors import Penalised, Throttled
from meta_autonomous.ports.platform import Answer, AnswerKind, Throttle

_ENTITY_ID: Final = re.compile(r"[0-9]{1,20}")
_BUDGET: Final = re.compile(r"[1-9][0-9]{0,14}")
_STATUSES: Final = frozenset({str(Status.ACTIVE), str(Status.PAUSED)})


@dataclass(slots=True)
class Writer:
    http: GraphHttp
    graph: GraphReader
    pace: Pace
    time: TrustedTime
    monotonic: Callable[[], float]
    timeout: float
    deadline_at: float | None

    async def write(self, change: Change) -> Answer:
        held_back = self._held_back(change)
        if held_back is not None:
            return held_back
        self.graph.requests += 1
        form = {change.field.value: change.new}
        try:
            answer = await self.http.post(change.entity_id, form, seconds=self.timeout)
        except NoAnswer as lost:
            LOG.debug("request method=POST path=%s loss=%s", change.entity_id, lost.loss)
            kind = AnswerKind.UNKNOWN if lost.was_sent else AnswerKind.NOT_SENT
            return Answer(kind=kind, detail=self.http.scrubbed(lost.message))
        LOG.debug(
            "request method=POST path=%s field=%s status=%d trace=%s",
            change.entity_id,
            change.field.value,
            answer.status,
            answer.trace_id,
        )
        self.graph.took(change.account_id, answer)
        return self._judged(answer, change)

    def _held_back(self, change: Change) -> Answer | None:
        """An answer without asking: the request is not one we make, or not now."""
        is_status = change.field is ChangedField.STATUS
        fits = change.new in _STATUSES if is_status else _BUDGET.fullmatch(change.new)
        if not fits or not _ENTITY_ID.fullmatch(change.entity_id):
            detail = (
                f"never sent: {change.field} of {change.entity_id[:30]!r} to {change.new[:30]!r}"
            )
            return Answer(kind=AnswerKind.NOT_SENT, detail=detail)
        if self.deadline_at is not None and self.monotonic() >= self.deadline_at:
            return Answer(kind=AnswerKind.NOT_SENT, detail="the time of this run is over")
        wait = self.pace.wait_seconds(change.account_id)
        if wait > 0:
            why = "Meta's quota for this account is used up for now"
            return _later(self.graph.throttled(change.account_id, why))
        return None

    def _judged(self, answer: HttpAnswer, change: Change) -> Answer:
        if answer.is_ok and _says_success(answer.body):
            detail = "Meta accepted the change"
            return Answer(kind=AnswerKind.ACCEPTED, detail=detail, trace_id=answer.trace_id)
        error = graph_error(answer.body)
        if error is None or _mentions_success(answer.body):
            return Answer(
                kind=AnswerKind.UNKNOWN,
                detail=f"HTTP {answer.status} with neither a clear yes nor a clear no",
                trace_id=answer.trace_id,
            )
        trace_id = error.fbtrace_id or answer.trace_id
        detail = self.http.scrubbed(describe(error))
        if error.code in THROTTLES:
            return self._throttled(error, change, detail, trace_id)
        if proves_refusal(error):
            hint = remedy_for(error)
            if hint:
                detail = f"{detail} ({hint})"
            return Answer(
                kind=AnswerKind.REFUSED,
                detail=detail,
                trace_id=trace_id,
                is_about_access=trouble(error) is Trouble.AUTH,
            )
        return Answer(kind=AnswerKind.UNKNOWN, detail=detail, trace_id=trace_id)

    def _throttled(
        self, error: GraphError, change: Change, detail: str, trace_id: str | None
    ) -> Answer:
        if (error.code, error.error_subcode) != ADSET_BUDGET_PACE:
            # Not that one ad set's own limit: the whole account has to wait.
            return _later(
                self.graph.refused_for_now(change.account_id, error, detail), trace_id=trace_id
            )
        return Answer(
            kind=AnswerKind.THROTTLED,
            detail=detail,
            trace_id=trace_id,
            until=self.time.best() + default_wait(error),
            throttle=Throttle.ENTITY,
        )


def _later(throttled: Throttled, *, trace_id: str | None = None) -> Answer:
    """The answer for an account that Meta wants to be left alone."""
    is_penalty = isinstance(throttled, Penalised)
    return Answer(
        kind=AnswerKind.THROTTLED,
        detail=throttled.told if is_penalty else throttled.message,
        trace_id=trace_id,
        until=throttled.until,
        throttle=Throttle.PENALTY if is_penalty else Throttle.ACCOUNT,
    )


def _says_success(body: bytes) -> bool:
    """Exactly `"success": true`, in one object, once, and no error beside it."""
    answer = _object(body)
    return answer.get("success") is True and "error" not in answer


def _mentions_success(body: bytes) -> bool:
    return "success" in _object(body)


def _object(body: bytes) -> dict[str, object]:
    try:
        answer = strict_json(body)
    except NotJson:
        return {}
    return answer if isinstance(answer, dict) else {}
