"""Ways in which Meta and the network misbehave, to be injected into a served sandbox.

    sandbox.inject(faults.throttled(), times=2, match=r"/insights")
    sandbox.inject(faults.reset_after(), match=r"^POST ")

A fault answers for a request, spoils its answer, or breaks the connection before or after the
request was worked. Each is used up after `times` requests that match.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final

from meta_autonomous.adapters.sandbox.exchange import GraphError, Reply, Request, reply

Match = str | re.Pattern[str] | Callable[[Request], bool] | None
_MINUTES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request. The defaults let it pass untouched.

    `instead` answers without working the request; `spoil` changes the honest answer. `forget`
    says yes to a write and loses it. `late` drops the connection at once and does the write that
    many real seconds afterwards. `hang` waits before the answer, `drip` between single bytes.
    """

    instead: Reply | None = None
    spoil: Callable[[Request, Reply], Reply] | None = None
    before: Callable[[], object] | None = None
    only: Callable[[Request], bool] | None = None
    forget: bool = False
    resets: bool = False
    works: bool = True
    late: float | None = None
    hang: float = 0.0
    drip: float = 0.0


def error(
    code: int,
    *,
    subcode: int | None = None,
    status: int = 400,
    message: str = "Injected",
    kind: str = "OAuthException",
    is_transient: bool | None = None,
) -> Fault:
    """Any error body of Meta's, instead of an answer; nothing is applied."""
    refusal = GraphError(
        message, code=code, subcode=subcode, status=status, kind=kind, is_transient=is_transient
    )
    return Fault(instead=refusal.reply("AFaultInjectedByTheTest"))


def throttled(
    code: int = 80004, *, subcode: int | None = 2446079, regain_minutes: int = 5, status: int = 400
) -> Fault:
    """A rate limit. `regain_minutes` stands in the use-case usage header, as at Meta."""
    refusal = error(
        code,
        subcode=subcode,
        status=status,
        message=f"(#{code}) There have been too many calls to this ad-account. Wait a bit and "
        "try again.",
    ).instead
    if refusal is None:
        raise AssertionError
    usage = {
        "type": "ads_management",
        "call_count": 100,
        "total_cputime": 100,
        "total_time": 100,
        "estimated_time_to_regain_access": regain_minutes,
        "ads_api_access_tier": "standard_access",
    }
    headers = {
        **refusal.headers,
        "X-Business-Use-Case-Usage": json.dumps({"1184736205518823": [usage]}),
        "X-Ad-Account-Usage": json.dumps(
            {
                "acc_id_util_pct": 100,
                "reset_time_duration": regain_minutes * _MINUTES,
                "ads_api_access_tier": "standard_access",
            }
        ),
    }
    return Fault(instead=replace(refusal, headers=headers))


def unauthorised(subcode: int = 463) -> Fault:
    return error(
        190, subcode=subcode, status=401, message="Error validating access token: injected."
    )


def server_error(code: int = 2, *, subcode: int | None = None, status: int = 500) -> Fault:
    """HTTP 500 with code 1, 2 or 1/99, in the bare form such bodies have."""
    found: dict[str, Any] = {"message": "An unknown error occurred", "code": code}
    if subcode is not None:
        found["error_subcode"] = subcode
    return Fault(instead=reply(status, {"error": found}))


def too_much_data(above: int) -> Fault:
    """HTTP 500 code 1 "reduce the amount of data" for pages of more than `above`."""
    message = "Please reduce the amount of data you're asking for, then retry your request"
    return Fault(
        instead=reply(500, {"error": {"message": message, "code": 1}}),
        only=lambda request: int(request.params.get("limit", "25")) > above,
    )


def hang(seconds: float) -> Fault:
    """The request is worked at once, its answer comes late."""
    return Fault(hang=seconds)


def drip(seconds_per_byte: float = 0.05) -> Fault:
    """Headers and body byte by byte: each read succeeds, the whole never seems to end."""
    return Fault(drip=seconds_per_byte)


def reset() -> Fault:
    """The connection is reset before the request is worked."""
    return Fault(resets=True, works=False)


def reset_after() -> Fault:
    """The request is worked (a write is applied), then the connection is reset."""
    return Fault(resets=True)


def apply_late(seconds: float) -> Fault:
    """The connection is reset, and the write is applied all the same, `seconds` later."""
    return Fault(resets=True, works=False, late=seconds)


def forgotten() -> Fault:
    """`success: true` for a write that is not applied."""
    return Fault(forget=True)


def interfere(deed: Callable[[], object]) -> Fault:
    """Something else happens just before the request is worked, e.g. a person's edit."""
    return Fault(before=deed)


def bad_gateway() -> Fault:
    """A proxy's HTML page."""
    page = b"<html><head><title>502</title></head><body>Bad Gateway</body></html>"
    return Fault(instead=Reply(502, page, {"Content-Type": "text/html"}))


def truncated(keep: float = 0.6) -> Fault:
    """A complete HTTP answer whose JSON is not."""

    def cut(_: Request, honest: Reply) -> Reply:
        return replace(honest, body=honest.body[: int(len(honest.body) * keep)])

    return Fault(spoil=cut)


def empty_page() -> Fault:
    """No rows, but a next page: the rows come there. A client that stops here loses them."""

    def clear(request: Request, honest: Reply) -> Reply:
        document = honest.json()
        if not isinstance(document.get("data"), list) or "paging" not in document:
            return honest
        # The same request again, from the same place: what was taken out here comes then.
        document["data"] = []
        document["paging"]["cursors"]["after"] = request.params.get("after", "")
        document["paging"]["next"] = _absolute(request)
        return _with(honest, document)

    return Fault(spoil=clear)


def repeated_cursor() -> Fault:
    """A page whose `next` leads to the page itself: with `times` large, an endless walk."""

    def loop(request: Request, honest: Reply) -> Reply:
        document = honest.json()
        if "paging" in document:
            cursors = document["paging"]["cursors"]
            cursors["after"] = request.params.get("after", cursors["after"])
            document["paging"]["next"] = _absolute(request)
        return _with(honest, document)

    return Fault(spoil=loop)


def duplicated_row() -> Fault:
    """The page's first object stands in it twice."""

    def repeat(_: Request, honest: Reply) -> Reply:
        document = honest.json()
        document["data"] += document["data"][:1]
        return _with(honest, document)

    return Fault(spoil=repeat)


def wrong_date(by: timedelta) -> Fault:
    """A `Date` header that is off."""

    def shift(_: Request, honest: Reply) -> Reply:
        moved = parsedate_to_datetime(honest.headers["Date"]) + by
        return replace(
            honest, headers={**honest.headers, "Date": format_datetime(moved, usegmt=True)}
        )

    return Fault(spoil=shift)


def missing_date() -> Fault:
    def drop(_: Request, honest: Reply) -> Reply:
        kept = {name: value for name, value in honest.headers.items() if name != "Date"}
        return replace(honest, headers=kept)

    return Fault(spoil=drop)


def altered(change: Callable[[dict[str, Any]], object]) -> Fault:
    """The honest JSON, changed in place by `change`."""

    def alter(_: Request, honest: Reply) -> Reply:
        document = honest.json()
        change(document)
        return _with(honest, document)

    return Fault(spoil=alter)


def account_status(status: int = 2) -> Fault:
    """Answers that name the account's status name this one."""

    def set_status(document: dict[str, Any]) -> None:
        for one in (document, *document.get("data", [])):
            if "account_status" in one:
                one["account_status"] = status

    return altered(set_status)


def _absolute(request: Request) -> str:
    return f"http://127.0.0.1{request.target}"


def _with(honest: Reply, document: object) -> Reply:
    return replace(honest, body=json.dumps(document, ensure_ascii=False).encode())


@dataclass(slots=True)
class _Planned:
    fault: Fault
    match: Match
    times: int
    skip: int


class Faults:
    """The faults still to come, in the order they were injected."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def inject(self, fault: Fault, *, times: int, match: Match, after: int) -> None:
        self._planned.append(_Planned(fault, match, times, after))

    def clear(self) -> None:
        self._planned.clear()

    @property
    def pending(self) -> int:
        """How many requests the planned faults still wait for."""
        return sum(one.times for one in self._planned)

    def take(self, request: Request) -> Fault | None:
        """The first planned fault that fits the request, used up by one."""
        for planned in self._planned:
            only = planned.fault.only
            if not _fits(planned.match, request) or (only is not None and not only(request)):
                continue
            if planned.skip > 0:
                planned.skip -= 1
                continue
            planned.times -= 1
            if planned.times <= 0:
                self._planned.remove(planned)
            return planned.fault
        return None


def _fits(match: Match, request: Request) -> bool:
    if match is None:
        return True
    if callable(match):
        return match(request)
    return re.search(match, request.text) is not None
