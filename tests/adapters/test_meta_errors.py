"""Graph error codes on reads: the class of error, retries, and what to do about it."""

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.errors import (
    AuthFailed,
    BadAnswer,
    Gone,
    Penalised,
    PlatformError,
    Throttled,
    Unreachable,
)
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    Deed,
    FaultServer,
    account,
    ask,
    graph_error,
    say,
)

CASES: list[tuple[int, int | None, int, type[PlatformError], int]] = [
    # code, subcode, HTTP status -> class, attempts
    (1, None, 500, Unreachable, 4),
    (1, 99, 500, Unreachable, 4),
    (1, None, 400, Unreachable, 4),
    (1, None, 200, Unreachable, 4),
    (2, None, 503, Unreachable, 4),
    (2, 1504043, 400, Unreachable, 4),
    (2, 1504041, 400, BadAnswer, 1),
    (2, 1504042, 400, BadAnswer, 1),
    (1150, None, 400, Unreachable, 4),
    (5000, None, 400, Unreachable, 4),
    (3910001, None, 400, Unreachable, 4),
    (100, None, 400, BadAnswer, 1),
    (100, None, 500, BadAnswer, 1),  # such as "the ids query parameter is deprecated"
    (100, 33, 400, Gone, 1),
    (100, 3191001, 400, AuthFailed, 1),
    (2500, None, 400, BadAnswer, 1),
    (3018, None, 400, BadAnswer, 1),
    (123456, None, 500, BadAnswer, 1),
    (190, None, 401, AuthFailed, 1),
    (190, 463, 400, AuthFailed, 1),
    (102, None, 400, AuthFailed, 1),
    (104, None, 400, AuthFailed, 1),
    (10, None, 403, AuthFailed, 1),
    (3, None, 400, AuthFailed, 1),
    (200, None, 403, AuthFailed, 1),
    (294, None, 403, AuthFailed, 1),
    (299, None, 403, AuthFailed, 1),
    (2635, None, 400, AuthFailed, 1),
    (1404163, None, 400, AuthFailed, 1),
    (1404078, None, 400, AuthFailed, 1),
    (4, None, 403, Throttled, 1),
    (4, 1504022, 400, Throttled, 1),
    (17, 2446079, 400, Throttled, 1),
    (32, None, 400, Throttled, 1),
    (341, None, 400, Throttled, 1),
    (368, None, 400, Penalised, 1),
    (613, None, 400, Throttled, 1),
    (613, 1487742, 400, Throttled, 1),
    (80000, 2446079, 400, Throttled, 1),
    (80004, 2446079, 400, Throttled, 1),
    (80014, None, 400, Throttled, 1),
]


def refused(deed: Deed) -> tuple[PlatformError, int]:
    """The error of reading one entity, and how often it was asked for."""

    async def question(api: MetaApi, server: FaultServer) -> tuple[PlatformError, int]:
        with pytest.raises(PlatformError) as caught:
            await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        return caught.value, server.count(f"/{CAMPAIGN}")

    return ask(account(entity=[deed]), question)


@pytest.mark.parametrize(("code", "subcode", "status", "expected", "attempts"), CASES)
def test_a_code_decides_and_never_the_http_status(
    code: int, subcode: int | None, status: int, expected: type[PlatformError], attempts: int
) -> None:
    error, asked = refused(graph_error(code, subcode, status))
    assert isinstance(error, expected)
    assert asked == attempts


def test_what_meta_calls_transient_is_asked_again() -> None:
    error, asked = refused(graph_error(123456, is_transient=True))
    assert (type(error).code, asked) == ("unreachable", 4)


def test_code_100_is_not_asked_again_even_when_transient() -> None:
    assert refused(graph_error(100, status=500, is_transient=True))[1] == 1


def test_429_without_a_body_is_a_throttle() -> None:
    error, asked = refused(say(b"", 429))
    assert isinstance(error, Throttled)
    assert asked == 1


@pytest.mark.parametrize(
    ("deed", "word"),
    [
        (graph_error(190, 463, message="Session has expired on Saturday"), "60-day"),
        (graph_error(190, 460), "password"),
        (graph_error(190, 467), "revoked"),
        (graph_error(190), "META_ACCESS_TOKEN"),
        (graph_error(104), "META_APP_SECRET"),
        (
            graph_error(100, message="API calls require an appsecret_proof argument"),
            "META_APP_SECRET",
        ),
        (graph_error(10), "ads_management"),
        (graph_error(200), "ads_management"),
        (graph_error(2635), "META_GRAPH_VERSION"),
        (graph_error(1404163), "Account Quality"),
    ],
)
def test_an_access_error_says_what_to_do(deed: Deed, word: str) -> None:
    error, _ = refused(deed)
    assert isinstance(error, AuthFailed)
    assert word in error.remedy


def test_the_message_of_an_expired_token_says_when() -> None:
    text = "Error validating access token: Session has expired on Saturday, 21-Nov-26 10:00 PST."
    error, _ = refused(graph_error(190, 463, 401, message=text))
    assert "21-Nov-26" in error.message


def test_a_long_message_is_cut() -> None:
    error, _ = refused(graph_error(100, message="x" * 10_000))
    assert len(error.message) < 400
