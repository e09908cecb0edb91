"""The whole program against a Meta that misbehaves: exit code, JSON, no traceback, no token."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.fault_server import (
    TOKEN,
    Deed,
    FaultServer,
    Part,
    account,
    campaign_row,
    flood,
    graph_error,
    hang,
    page,
    reset,
    say,
)
from tests.cli.conftest import process

pytestmark = pytest.mark.slow

_FIRST = page([campaign_row()], after="c1")


@contextmanager
def serving(**parts: Part) -> Iterator[FaultServer]:
    """The server in a thread, with a clock that goes."""
    server = FaultServer(account(**parts), is_dated=True)
    is_open, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            is_open.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_open.wait(10)
        yield server
    finally:
        over.set()
        thread.join()


def tick(home: Path, server: FaultServer, *options: str, **environment: str) -> tuple[int, Any]:
    """`tick --json`; nothing it says or keeps may hold the token."""
    with process(
        *("--debug", "--log-format", "json", "tick", "--json", *options),
        home=home,
        META_AUTO_PLATFORM="meta",
        META_ACCESS_TOKEN=TOKEN,
        META_AD_ACCOUNT_IDS="1",
        META_GRAPH_URL=server.base_url,
        META_AUTO_FX_EUR="1.08",
        **environment,
    ) as ran:
        out, err = ran.communicate(timeout=100)
    assert "Traceback" not in out + err
    assert TOKEN not in out + err
    for path in (home / "state").rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    return ran.returncode, json.loads(out)


def test_against_an_honest_one_it_is_done(tmp_path: Path) -> None:
    with serving() as server:
        code, report = tick(tmp_path, server)
    assert (code, report["success"], report["errors"]) == (0, True, [])
    assert report["warnings"] == []


FAULTS: dict[str, tuple[dict[str, Part], int, str]] = {
    "the token is refused": ({"campaigns": [graph_error(190, 463, 401)]}, 4, "failed"),
    "a reset on every page": ({"campaigns": [reset()]}, 4, "failed"),
    "502 with HTML": ({"ads": [say(b"<html>Bad Gateway", 502)]}, 4, "failed"),
    "200 MB": ({"campaigns": [flood(200_000_000)]}, 4, "failed"),
    "pages in a circle": ({"campaigns": [_FIRST, _FIRST]}, 4, "failed"),
    "NaN": ({"ad_days": [say(b'{"data":[{"spend":NaN}]}')]}, 4, "failed"),
    "a redirect": (
        {"campaigns": [say(b"", 307, {"Location": "http://127.0.0.1:9/"})]},
        4,
        "failed",
    ),
    "throttled": ({"campaigns": [graph_error(17, 2446079)]}, 75, "throttled"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_the_tick_in_json_and_its_exit_code(name: str, tmp_path: Path) -> None:
    parts, exit_code, state = FAULTS[name]
    with serving(**parts) as server:
        code, report = tick(tmp_path, server)
    assert code == exit_code
    assert report["success"] is False
    assert report["actions"] == []
    (found,) = report["accounts"]
    assert found["state"] == state
    assert any(error.startswith("account 1: ") for error in report["errors"])
    assert all(one.method == "GET" for one in server.asked)


def test_a_meta_that_hangs_costs_half_the_interval_at_most(tmp_path: Path) -> None:
    deeds: list[Deed] = [hang()]
    with serving(campaigns=deeds) as server:
        code, report = tick(tmp_path, server, META_AUTO_INTERVAL_SECONDS="60")
    assert code == 4
    assert "did not end within 30 s" in report["errors"][0]


def test_an_answer_without_a_date_leaves_everything_as_it_is(tmp_path: Path) -> None:
    with serving(me=[say({"id": "42"}, headers={"Date": None})]) as server:
        code, report = tick(tmp_path, server)
    assert code == 4
    assert any("clock" in error.lower() for error in report["errors"])
    assert all(one.method == "GET" for one in server.asked)


def test_a_version_that_ends_is_a_warning_of_the_tick(tmp_path: Path) -> None:
    text = f"The call has been auto-upgraded to v27.0 as v26.0 will be deprecated {TOKEN}"
    with serving(me=[say({"id": "42"}, headers={"X-Ad-Api-Version-Warning": text})]) as server:
        code, report = tick(tmp_path, server)
    assert code == 0
    (warning,) = report["warnings"]
    assert re.search(r"auto-upgraded to v27\.0", warning)
