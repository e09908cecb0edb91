"""Meta's error bodies, and what each means for a read and for a write.

Everything is decided by `code` and `error_subcode`, never by the HTTP status (Meta sends
validation errors with 500 and throttles with 400 or 403), and by text only where Meta gives a
case no number of its own. For a read the question is "would asking again help?"; for a write it
is "can we be sure that nothing happened?", and only the codes listed here answer yes.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

import msgspec

from meta_autonomous.adapters.meta_json import NotJson, strict_json
from meta_autonomous.ports.errors import BadAnswer, Unreachable

_MESSAGE_LIMIT: Final = 300


class GraphError(msgspec.Struct, frozen=True):
    """The fields of an error body that decide or explain something."""

    code: int
    error_subcode: int | None = None
    message: str | None = None
    is_transient: bool | None = None
    error_user_title: str | None = None
    error_user_msg: str | None = None
    fbtrace_id: str | None = None


class _ErrorBody(msgspec.Struct):
    error: GraphError


class Trouble(StrEnum):
    """What an error means for a read."""

    PASSING = "passing"  # asking again may help
    TOO_MUCH = "too_much"  # ask for less
    THROTTLED = "throttled"
    AUTH = "auth"
    GONE = "gone"
    INVALID = "invalid"  # asking again won't help


class PassingTrouble(Unreachable):
    """A read that failed in a way that may be over in a moment; retried, then Unreachable."""


class TooMuchData(BadAnswer):
    """Meta wants to be asked for less at a time."""


class InvalidRequest(BadAnswer):
    """Meta says that the request itself is wrong. Asking again won't help."""

    def __init__(self, message: str, *, error: GraphError) -> None:
        super().__init__(message, remedy=remedy_for(error))
        self.is_about_a_parameter = error.code == INVALID_PARAMETER


#: "Temporarily blocked": the account broke Meta's rules, or looked like it.
PENALTY: Final = 368
THROTTLES: Final = frozenset({4, 17, 32, 341, PENALTY, 613, *range(80_000, 80_015)})
_BLOCKED_BY_META: Final = frozenset({1_404_078, 1_404_163, 2_859_015})
_PERMISSIONS: Final = frozenset({3, 10, *range(200, 300)})
_BAD_SIGNATURE: Final = 104
_TOKENS: Final = frozenset({102, _BAD_SIGNATURE, 190})
_OLD_VERSION: Final = 2635
_AUTH: Final = _PERMISSIONS | _TOKENS | _BLOCKED_BY_META | {_OLD_VERSION}
INVALID_PARAMETER: Final = 100
_NO_SUCH_OBJECT: Final = (100, 33)
_INSIGHTS_PERMISSION: Final = 3_191_001
#: An ad set's budget may change four times an hour. Concerns that ad set alone.
ADSET_BUDGET_PACE: Final = (613, 1_487_632)
_TOO_MUCH: Final = frozenset({(100, 1_487_534), (100, 1_504_018), (2, 1_504_038)})
#: Code 1 has no subcode for this; the sentence is all there is.
_TOO_MUCH_TEXT: Final = "reduce the amount of data"
_PASSING: Final = frozenset({1, 2, 1150, 5000, 3_910_001})
#: Code 2 means "temporarily unavailable", except here: breakdowns or metrics that don't exist.
_PERMANENT: Final = frozenset({(2, 1_504_041), (2, 1_504_042)})

#: Top-level codes of Meta's validation families (ad sets, campaigns, budgets).
_VALIDATION: Final = (range(1_487_000, 1_488_000), range(1_885_000, 1_886_000))
_VALIDATION_SINGLES: Final = frozenset({2_238_055, 2_446_307})
#: Subcodes under which even a validation code says nothing of what happened: a backend blip
#: that Meta itself marks as not transient, and its time-outs.
_NO_PROOF_SUBCODES: Final = frozenset({1_487_390, 1_487_534, *range(1_504_000, 1_505_000)})


def graph_error(body: bytes) -> GraphError | None:
    """The error that a body holds; None when it holds none that could be understood."""
    try:
        return msgspec.convert(strict_json(body), _ErrorBody).error
    except (NotJson, msgspec.ValidationError):
        return None


def trouble(error: GraphError) -> Trouble:
    """What an error means for a read."""
    numbers = (error.code, error.error_subcode)
    if error.code in THROTTLES and numbers != ADSET_BUDGET_PACE:
        return Trouble.THROTTLED
    if numbers in _TOO_MUCH or (error.code == 1 and _TOO_MUCH_TEXT in _text(error)):
        return Trouble.TOO_MUCH
    if _is_about_access(error):
        return Trouble.AUTH
    if numbers == _NO_SUCH_OBJECT:
        return Trouble.GONE
    if error.code == INVALID_PARAMETER or numbers in _PERMANENT:
        return Trouble.INVALID
    may_pass = error.is_transient is True or error.code in _PASSING
    return Trouble.PASSING if may_pass else Trouble.INVALID


def _is_about_access(error: GraphError) -> bool:
    return (
        error.code in _AUTH
        or error.error_subcode == _INSIGHTS_PERMISSION
        or _names_the_proof(error)
    )


def _names_the_proof(error: GraphError) -> bool:
    """A missing or wrong appsecret_proof has no number of its own."""
    return error.code == INVALID_PARAMETER and "appsecret_proof" in _text(error)


def _text(error: GraphError) -> str:
    return (error.message or "").lower()


def proves_refusal(error: GraphError) -> bool:
    """True when a write that was answered with this certainly changed nothing."""
    if error.is_transient is True or error.error_subcode in _NO_PROOF_SUBCODES:
        return False
    if error.code in _NO_PROOF_SUBCODES:
        return False
    return (
        error.code == INVALID_PARAMETER
        or error.code in _AUTH
        or error.code in _VALIDATION_SINGLES
        or any(error.code in family for family in _VALIDATION)
    )


def default_wait(error: GraphError) -> timedelta:
    """How long a throttle lasts when the headers don't say."""
    if (error.code, error.error_subcode) == ADSET_BUDGET_PACE:
        return timedelta(minutes=60)
    match (error.code, error.error_subcode):
        case (613, 5_044_001):  # changes per second
            return timedelta(minutes=1)
        case (code, _) if code == PENALTY:  # insisting makes it worse
            return timedelta(hours=4)
        case _:
            return timedelta(minutes=5)


def describe(error: GraphError) -> str:
    """One line for people: Meta's numbers, then Meta's words."""
    number = f"{error.code}/{error.error_subcode}" if error.error_subcode else f"{error.code}"
    words = [error.message, error.error_user_title, error.error_user_msg]
    text = " ".join(" ".join(filter(None, words)).split())
    if len(text) > _MESSAGE_LIMIT:
        text = text[:_MESSAGE_LIMIT] + "…"
    return f"Meta answered code {number}: {text or 'no message'}"


_RENEW: Final = (
    "create a system-user token with ads_read and ads_management in Meta Business settings and "
    "put it in META_ACCESS_TOKEN"
)
_TOKEN_REMEDIES: Final = {
    458: f"the app was removed from the account: install it again, then {_RENEW}",
    459: "the token's person must log in to facebook.com and pass a check",
    460: f"the token ended with a change of password: {_RENEW}",
    463: f"the token has expired: {_RENEW} (one made without the 60-day option never expires)",
    464: "the token's person must confirm their Meta account",
    467: f"the token was revoked: {_RENEW}",
}


def remedy_for(error: GraphError) -> str:
    """What a person can do about it; empty when there is nothing to say."""
    if error.code == _BAD_SIGNATURE or _names_the_proof(error):
        return "check that META_APP_SECRET belongs to the app of the token"
    if error.code in _TOKENS:
        fallback = f"the token is not accepted: {_RENEW}"
        return _TOKEN_REMEDIES.get(error.error_subcode or 0, fallback)
    if error.code in _PERMISSIONS or error.error_subcode == _INSIGHTS_PERMISSION:
        return (
            "give the app ads_read and ads_management, and assign the token's system user to "
            "the ad account with permission to manage campaigns"
        )
    if error.code == _OLD_VERSION:
        return "set META_GRAPH_VERSION to a version that Meta still serves"
    if error.code in _BLOCKED_BY_META or error.code == PENALTY:
        return "Meta has restricted this account: look into Account Quality before going on"
    return ""
