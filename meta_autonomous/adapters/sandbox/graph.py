"""The Graph API's front: versions, tokens, routes. Every request is one transaction."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import urlencode

from meta_autonomous.adapters.sandbox import changes, listing, paging, store, writes
from meta_autonomous.adapters.sandbox.activity_log import activities
from meta_autonomous.adapters.sandbox.exchange import (
    API_VERSION,
    GraphError,
    Params,
    Reply,
    Request,
    invalid,
    reply,
    trace_id,
    unknown_object,
)
from meta_autonomous.adapters.sandbox.insights import insights
from meta_autonomous.adapters.sandbox.listing import Context
from meta_autonomous.adapters.sandbox.store import Node, Store
from meta_autonomous.adapters.sandbox.vocabulary import (
    http_date,
)

#: The only token the sandbox accepts. It opens nothing else, so it is no secret.
TOKEN: Final = "sandbox-token-is-no-secret"  # noqa: S105

_UPGRADED: Final = frozenset({"v25.0"})


@dataclass(slots=True)
class Usage:
    """How much of its quota this client has used, as the usage headers tell it. Not persisted."""

    points: int = 0
    requests: Iterator[int] = field(default_factory=count)

    def headers(self, account: int | None, *, is_insights: bool) -> dict[str, str]:
        app = min(100, self.points // 90)  # 9000 points are the full quota
        precise = round(min(100.0, self.points / 90), 2)
        found = {
            "X-App-Usage": json.dumps({"call_count": app, "total_time": app, "total_cputime": app})
        }
        if account is not None:
            found["X-Ad-Account-Usage"] = json.dumps(
                {
                    "acc_id_util_pct": precise,
                    "reset_time_duration": 300,
                    "ads_api_access_tier": "standard_access",
                }
            )
            kind = "ads_insights" if is_insights else "ads_management"
            use_case = {
                "type": kind,
                "call_count": app,
                "total_cputime": app,
                "total_time": app,
                "estimated_time_to_regain_access": 0,
                "ads_api_access_tier": "standard_access",
            }
            found["X-Business-Use-Case-Usage"] = json.dumps({str(account): [use_case]})
        if is_insights:
            found["X-FB-Ads-Insights-Throttle"] = json.dumps(
                {
                    "app_id_util_pct": precise,
                    "acc_id_util_pct": precise,
                    "ads_api_access_tier": "standard_access",
                }
            )
        return found


class Graph:
    """Answers requests about the world in a store."""

    def __init__(self, store_: Store) -> None:
        self._store = store_
        self._usage = Usage()

    def answer(self, request: Request, *, base_url: str, apply: bool = True) -> Reply:
        """`apply=False` answers a write as if it had been done, and forgets it."""
        trace = trace_id(next(self._usage.requests))
        self._usage.points += 3 if request.method == "POST" else 1
        headers = {
            "facebook-api-version": API_VERSION,
            "x-fb-trace-id": trace,
            "x-fb-request-id": trace,
            "x-fb-rev": "1029384756",
        }
        try:
            answered = self._work(request, base_url, trace, headers, apply=apply)
        except sqlite3.Error:  # a full disk, a lock that nobody releases: nothing was changed
            answered = GraphError(
                "Service temporarily unavailable", code=2, status=503, is_transient=True
            ).reply(trace)
        return Reply(answered.status, answered.body, {**answered.headers, **headers})

    def _work(
        self, request: Request, base_url: str, trace: str, headers: dict[str, str], *, apply: bool
    ) -> Reply:
        """One transaction. What is learnt for the headers is added to them."""
        account: int | None = None
        with self._store.write() if request.method == "POST" else self._store.read() as db:
            now = int(store.setting(db, "now"))
            headers["Date"] = http_date(now)
            try:
                path = _versioned(request, headers)
                _authorise(request, now)
                document, account = self._route(db, now, request, path, apply=apply)
            except GraphError as error:
                answered = error.reply(trace)
            else:
                _link_next(document, request, base_url)
                answered = reply(200, document)
        is_insights = request.path.endswith("insights")
        headers.update(self._usage.headers(account, is_insights=is_insights))
        return answered

    def _route(
        self, db: sqlite3.Connection, now: int, request: Request, path: list[str], *, apply: bool
    ) -> tuple[dict[str, Any], int | None]:
        params = request.params
        if request.method not in {"GET", "POST"}:
            raise GraphError(
                f"Unsupported {request.method.lower()} request.",
                code=100,
                subcode=33,
                kind="GraphMethodException",
            )
        if "ids" in params and request.method == "GET":
            raise GraphError(
                "The ids query parameter is deprecated in v26.0+",
                code=100,
                status=500,
                kind="FacebookApiException",
            )
        match path:
            case ["me"]:
                return {"id": changes.TOKEN_HOLDER.id, "name": changes.TOKEN_HOLDER.name}, None
            case ["debug_token"]:
                return {"data": _token_facts(params.get("input_token", ""))}, None
            case ["me", "adaccounts"]:
                return _accounts(db, now, params), None
            case [name] if request.method == "POST":
                one = _find(db, name, "POST")
                context = _context(db, one, now)
                return writes.update(context, one, params, apply=apply), one.account
            case [name]:
                one = _find(db, name, "GET")
                return listing.one(_context(db, one, now), one, params), one.account
            case [name, edge] if request.method == "GET":
                one = _find(db, name, "GET")
                return _edge(_context(db, one, now), one, edge, params), one.account
            case _:
                raise GraphError(f"Unknown path components: /{'/'.join(path[1:])}", code=2500)


def _versioned(request: Request, extra: dict[str, str]) -> list[str]:
    """The path without its version, which must be one that Meta still serves."""
    version, *path = request.path.split("/")
    if version in _UPGRADED:
        extra["X-Ad-Api-Version-Warning"] = (
            f"The call has been auto-upgraded to {API_VERSION} as {version} will be deprecated"
        )
    elif version != API_VERSION:
        raise GraphError(
            "(#2635) You are calling a deprecated version of the Ads API. Please update to the "
            f"latest version: {API_VERSION}.",
            code=2635,
        )
    return path


def _authorise(request: Request, now: int) -> None:
    if request.token == TOKEN:
        return
    if request.token is None:
        raise GraphError(
            "An active access token must be used to query information about the current user.",
            code=190,
            status=401,
        )
    raise GraphError(
        "Error validating access token: Session has expired on "
        f"{http_date(now - 86_400)}. The current time is {http_date(now)}.",
        code=190,
        subcode=463,
        status=401,
    )


def _token_facts(token: str) -> dict[str, Any]:
    if token != TOKEN:
        return {
            "is_valid": False,
            "scopes": [],
            "error": {"code": 190, "message": "Invalid OAuth access token.", "subcode": 463},
        }
    return {
        "app_id": changes.TOKEN_HOLDER.application_id,
        "type": "SYSTEM_USER",
        "application": changes.TOKEN_HOLDER.application_name,
        "expires_at": 0,
        "data_access_expires_at": 0,
        "is_valid": True,
        "issued_at": 1_760_000_000,
        "scopes": ["ads_read", "ads_management"],
        "user_id": changes.TOKEN_HOLDER.id,
    }


def _find(db: sqlite3.Connection, name: str, method: str) -> Node:
    digits = name.removeprefix("act_")
    is_id = digits.isdecimal() and len(digits) <= paging.LONGEST_ID
    found = store.node(db, int(digits)) if is_id else None
    # An account answers to act_<id> only, everything else to its bare id.
    if found is None or (found.kind == "account") != name.startswith("act_"):
        raise unknown_object(method, name)
    return found


def _context(db: sqlite3.Connection, one: Node, now: int) -> Context:
    account = one if one.kind == "account" else store.node(db, one.account)
    if account is None:
        raise LookupError(f"entity {one.id} belongs to no account")
    return Context(db, account, now)


def _accounts(db: sqlite3.Connection, now: int, params: Params) -> dict[str, Any]:
    some = store.nodes(db, "kind = 'account' ORDER BY id LIMIT 1")
    context = Context(db, some[0], now)
    spec = listing.parse_fields(params.get("fields", "id"))
    return listing.page(context, params, "kind = 'account'", [], spec)


def _edge(context: Context, one: Node, edge: str, params: Params) -> dict[str, Any]:
    if edge == "insights" and one.kind != "rule":
        return insights(context, params, within=one)
    if edge == "adrules_governed" and one.kind in listing.EDGES.values():
        return _governed(context, one, params)
    below = {"account": 3, "campaign": 2, "adset": 1}.get(one.kind, 0)
    if edge in tuple(listing.EDGES)[3 - below :]:
        return listing.edge(context, listing.EDGES[edge], params, within=one)
    if one.kind == "account" and edge in _ACCOUNT_EDGES:
        return _ACCOUNT_EDGES[edge](context, params)
    raise invalid(
        f"Tried accessing nonexisting field ({edge}) on node type ({one.kind.capitalize()})"
    )


def _governed(context: Context, one: Node, params: Params) -> dict[str, Any]:
    rules = store.nodes(context.db, "account = ? AND kind = 'rule'", (context.account.id,))
    spec = listing.parse_fields(params.get("fields", "id,name"))
    return {"data": listing.objects(context, listing.governing(rules, one), spec)}


def _rules_library(context: Context, params: Params) -> dict[str, Any]:
    spec = listing.parse_fields(params.get("fields", "id,name"))
    where, values = "account = ? AND kind = 'rule'", list[object]([context.account.id])
    return listing.page(context, params, where, values, spec)


def _minimum_budgets(context: Context, _: Params) -> dict[str, Any]:
    lowest = int(context.account.fields["min_daily_budget"])
    return {
        "data": [
            {
                "currency": context.account.fields["currency"],
                "min_daily_budget_imp": lowest,
                "min_daily_budget_high_freq": lowest * 5,
                "min_daily_budget_low_freq": lowest * 40,
                "min_daily_budget_video_views": lowest * 5,
            }
        ]
    }


_ACCOUNT_EDGES: Final[Mapping[str, Callable[[Context, Params], dict[str, Any]]]] = {
    "activities": activities,
    "adrules_library": _rules_library,
    "minimum_budgets": _minimum_budgets,
}


def _link_next(document: dict[str, Any], request: Request, base_url: str) -> None:
    """`paging.next` is a whole URL, and absent on the last page."""
    if document.pop("_more", False):
        after = document["paging"]["cursors"]["after"]
        query = urlencode({**request.params, "after": after})
        document["paging"]["next"] = f"{base_url}/{request.path}?{query}"
