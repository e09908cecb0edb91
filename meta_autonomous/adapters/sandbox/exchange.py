"""One request, one reply, and errors in the shapes that Meta's have."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

API_VERSION: Final = "v26.0"
JSON_TYPE: Final = "application/json; charset=UTF-8"

Params = dict[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. `path` has no leading slash; `params` are query and form together."""

    method: str
    path: str
    params: Params
    token: str | None
    target: str  # the raw request target, for matching and for `paging.next`
    body: str = ""
    has_token_in_url: bool = False

    @classmethod
    def parse(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Request":
        """From the request line, headers with lower-case names, and the body."""
        parts = urlsplit(target)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        text = body.decode("utf-8", "replace")
        if headers.get("content-type", "").startswith("application/json") and text:
            params |= _form_of_json(text)
        elif text:
            params |= dict(parse_qsl(text, keep_blank_values=True))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return cls(
            method=method,
            path=parts.path.strip("/"),
            params=params,
            token=token.strip() or None if scheme.lower() == "bearer" else None,
            target=target,
            body=text,
            has_token_in_url="access_token" in params,
        )

    @property
    def text(self) -> str:
        """All of it in one line, for patterns to be searched in."""
        return f"{self.method} {self.target} {self.body}".rstrip()


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


def reply(status: int, document: object, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


class GraphError(Exception):
    """A request that Meta refuses. A status of 500 may be the client's fault."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        subcode: int | None = None,
        status: int = 400,
        kind: str = "OAuthException",
        title: str | None = None,
        text: str | None = None,
        blame: str | None = None,
        is_transient: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, "code": code}
        if subcode is not None:
            self.error["error_subcode"] = subcode
        if is_transient is not None:
            self.error["is_transient"] = is_transient
        if title is not None:
            self.error["error_user_title"] = title
            self.error["error_user_msg"] = text or title
        if blame is not None:  # a JSON string inside the JSON, as Meta sends it
            self.error["error_data"] = json.dumps({"blame_field_specs": [[blame]]})

    def reply(self, trace: str) -> Reply:
        return reply(self.status, {"error": {**self.error, "fbtrace_id": trace}})


def invalid(message: str, *, blame: str | None = None) -> GraphError:
    """A plain code 100: the client asked for nonsense."""
    return GraphError(f"(#100) {message}", code=100, blame=blame)


def refused(subcode: int, title: str, text: str, *, blame: str | None = None) -> GraphError:
    """A validation refusal of a write."""
    return GraphError(
        "Invalid parameter",
        code=100,
        subcode=subcode,
        is_transient=False,
        title=title,
        text=text,
        blame=blame,
    )


def unknown_object(method: str, name: str) -> GraphError:
    return GraphError(
        f"Unsupported {method.lower()} request. Object with ID '{name}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation. Please read the "
        "Graph API documentation at https://developers.facebook.com/docs/graph-api",
        code=100,
        subcode=33,
        kind="GraphMethodException",
    )


def trace_id(counter: int) -> str:
    """Looks like Meta's: 23 letters and digits, another one for every request."""
    return "A" + hashlib.sha256(str(counter).encode()).hexdigest()[:22]


def json_param(params: Params, name: str, default: Any) -> Any:
    """A parameter whose value is JSON inside the query or form."""
    if not (text := params.get(name)):
        return default
    try:
        return json.loads(text)
    except ValueError:
        raise invalid(f"Param {name} must be valid JSON.", blame=name) from None


def _form_of_json(text: str) -> Params:
    """A JSON body as the form it stands for; one that can't be read holds no parameters."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
    }
