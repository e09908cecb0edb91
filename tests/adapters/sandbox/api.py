"""A plain client for the tests: it has no cleverness that could hide a fault of the server."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from meta_autonomous.adapters.sandbox import TOKEN, Sandbox

Json = dict[str, Any]
ALL_STATUSES = [
    "ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES", "CAMPAIGN_PAUSED",
    "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO",
]  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, int | None]:
        """(code, subcode) of a refusal."""
        found = self.json["error"]
        return found["code"], found.get("error_subcode")


class Api:
    def __init__(self, base_url: str, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.base_url = base_url
        self.act = f"act_{sandbox.account_ids[0]}"

    def send(
        self, method: str, path: str, *, token: str | None = TOKEN, form: Json | None = None,
        timeout: float = 10, **params: Any,
    ) -> Answer:  # fmt: skip
        query = urlencode({name: _text(value) for name, value in params.items()})
        host = urlsplit(self.base_url).netloc
        connection = http.client.HTTPConnection(host, timeout=timeout)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = None
        if form is not None:
            body = urlencode({name: _text(value) for name, value in form.items()})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, f"/{path}?{query}" if query else f"/{path}", body, headers)
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    def get(self, path: str, **params: Any) -> Answer:
        return self.send("GET", f"v26.0/{path}", **params)

    def read(self, path: str, **params: Any) -> Json:
        answer = self.get(path, **params)
        assert answer.status == 200, answer.body
        return answer.json

    def rows(self, path: str, **params: Any) -> list[Json]:
        """All pages."""
        found: list[Json] = []
        after: Json = {}
        while True:
            page = self.read(path, **params, **after)
            found += page["data"]
            if "next" not in page.get("paging", {}):
                return found
            after = {"after": page["paging"]["cursors"]["after"]}

    def post(self, entity_id: str, **form: Any) -> Answer:
        return self.send("POST", f"v26.0/{entity_id}", form=form)

    def named(self, name: str) -> str:
        return self.sandbox.find(name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def purchases(row: Json) -> int:
    return sum(
        int(action["value"])
        for action in row.get("actions", [])
        if action["action_type"] == "omni_purchase"
    )


def value(row: Json) -> float:
    return sum(
        float(action["value"])
        for action in row.get("action_values", [])
        if action["action_type"] == "omni_purchase"
    )
